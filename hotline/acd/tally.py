"""Counts a day's calls from the log of the queue: what the board shows, and anybody can recount (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import CallId

IN_TIME_MS = 15_000
"""GB/T 33358-2016: answered within 15 s."""
CONSULTING = "consult"
"""The queue of consultations, in which no caller waits."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Of calls that asked for a person; each call counts once, whoever it was handed to."""

    offered: int
    answered: int
    in_time: int
    """Of those answered: within 15 s of entering the queue."""
    abandoned: int
    """Hung up while waiting, and never answered."""
    quit_in_time: int
    """Of those abandoned: within 15 s, so that nobody could have been in time for them."""
    mean_wait_s: float | None
    """Of those answered, until the first answer."""
    longest_wait_s: float
    """Of all."""
    callbacks: int
    """Left the queue to be called back."""
    asked: int
    """Asked how satisfied they are: the agent has ended the talk, and the caller was still there."""
    rated: int
    """Of those asked, gave a mark; silence is none."""
    satisfied: int
    """Of those who gave a mark: 4 or 5."""
    mean_mark: float | None
    """Of those who gave one."""


SATISFIED = 4
"""Marks from here on count as satisfied."""


@dataclass(slots=True)
class _Call:
    answered_ms: float | None = None
    abandoned: bool = False
    waited_ms: float = 0.0
    called_back: bool = False
    asked: bool = False
    mark: int | None = None


@dataclass(slots=True)
class Counter:
    """Takes lines in order."""

    _calls: dict[CallId, _Call] = field(default_factory=dict)

    def add(self, line: AcdLog) -> None:
        """Take a line."""
        if line.call is None or line.queue == CONSULTING:
            return
        if line.kind is LogKind.ENTERQUEUE:
            self._calls.setdefault(line.call, _Call())
            return
        call = self._calls.get(line.call)
        if call is None:
            return  # it entered on another day, or was only handed over
        waited = float(line.facts.get("waited_ms", 0))
        call.waited_ms = max(call.waited_ms, waited)
        if line.kind is LogKind.CONNECT and not line.facts.get("handed") and call.answered_ms is None:
            call.answered_ms = waited
        elif line.kind is LogKind.ABANDON:
            call.abandoned = True
        elif line.kind is LogKind.CALLBACK:
            call.called_back = True
        elif line.kind is LogKind.COMPLETEAGENT:
            call.asked = True
        elif line.kind is LogKind.REQUEUE:
            call.asked = False  # the agent was lost at once: the caller waits again
        elif line.kind is LogKind.SURVEY:
            call.mark = int(line.facts.get("score", 0)) or None

    def tally(self) -> Tally:
        """The counts so far."""
        marks = [call.mark for call in self._calls.values() if call.mark is not None]
        waits = [call.answered_ms for call in self._calls.values() if call.answered_ms is not None]
        return Tally(
            offered=len(self._calls),
            answered=len(waits),
            in_time=sum(wait <= IN_TIME_MS for wait in waits),
            abandoned=sum(call.abandoned and call.answered_ms is None for call in self._calls.values()),
            quit_in_time=sum(
                call.abandoned and call.answered_ms is None and call.waited_ms <= IN_TIME_MS
                for call in self._calls.values()
            ),
            mean_wait_s=sum(waits) / len(waits) / 1000 if waits else None,
            longest_wait_s=max((call.waited_ms for call in self._calls.values()), default=0.0) / 1000,
            callbacks=sum(call.called_back for call in self._calls.values()),
            asked=sum(call.asked or call.mark is not None for call in self._calls.values()),
            rated=len(marks),
            satisfied=sum(mark >= SATISFIED for mark in marks),
            mean_mark=sum(marks) / len(marks) if marks else None,
        )


def tally(lines: Iterable[AcdLog], until: datetime | None = None) -> Tally:
    """The counts of these lines; `until`: of calls that entered before, whose later lines still count.

    A call belongs to the day on which it entered, though it goes on over midnight.
    """
    counter = Counter()
    for line in lines:
        if line.kind is not LogKind.ENTERQUEUE or until is None or line.at < until:
            counter.add(line)
    return counter.tally()
