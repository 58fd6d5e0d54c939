"""Whom the line may call: nobody but whom a rule names (toll fraud). Pure; times are passed in."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from hotline.gateway_settings import OutboundRule, OutboundSettings

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call may be placed, to which number, and why not."""

    allowed: bool
    number: str
    """What is really dialled: an emergency number's stand-in."""
    reason: str = ""
    """Machine-readable; never the number."""


class OutboundPolicy:
    """The rules, and how often each has been used."""

    def __init__(self, settings: OutboundSettings) -> None:
        self._rules = settings.rules
        self._emergency = dict(settings.emergency)
        self._used: dict[int, deque[float]] = {}
        self.refused = 0

    def decide(self, number: str, now: float, clock: datetime) -> Decision:
        """`now`: monotonic seconds; `clock`: the time of day where the line is. A permitted call counts."""
        number = self._emergency.get(number, number)
        if not number.isascii() or not number.isdigit() or len(number) > 20:
            return self._no(number, "no_number")
        index = next((at for at, rule in enumerate(self._rules) if matches(rule.pattern, number)), None)
        if index is None:
            return self._no(number, "no_rule")
        rule = self._rules[index]
        if not _open(rule, clock):
            return self._no(number, "hours")
        used = self._used.setdefault(index, deque())
        while used and now - used[0] >= _HOUR_S:
            used.popleft()
        if len(used) >= rule.per_hour:
            return self._no(number, "per_hour")
        used.append(now)
        return Decision(True, number)

    def _no(self, number: str, reason: str) -> Decision:
        self.refused += 1
        return Decision(False, number, reason)


def matches(pattern: str, number: str) -> bool:
    """`X` stands for one digit, a closing `.` for one or more; all else for itself."""
    if pattern.endswith("."):
        head = pattern[:-1]
        return len(number) > len(head) and matches(head, number[: len(head)])
    return len(pattern) == len(number) and all(
        want in {"X", digit} for want, digit in zip(pattern, number, strict=True)
    )


def _open(rule: OutboundRule, clock: datetime) -> bool:
    """A rule from 22 to 6 holds over midnight."""
    if rule.from_hour < rule.until_hour:
        return rule.from_hour <= clock.hour < rule.until_hour
    return clock.hour >= rule.from_hour or clock.hour < rule.until_hour
