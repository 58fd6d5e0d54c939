"""Session timers (RFC 4028): who refreshes a session, how often, and when it counts as dead. Pure."""

from dataclasses import dataclass
from enum import Enum, auto

from hotline.gateway.sip.grammar import SipSyntaxError, param, parse_params
from hotline.gateway.sip.message import Headers, Request, Response
from hotline.gateway.sip.options import supports

SMALLEST = 90
"""Seconds: no session timer may be shorter (§4)."""
_GRACE_S = 32.0
_LONGEST = 1 << 31


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both sides have settled."""

    seconds: int
    ours: bool
    """It is us who refresh."""


@dataclass(frozen=True, slots=True)
class TooSmall:
    """The peer wants shorter intervals than we bear: 422 with this Min-SE."""

    least: int


@dataclass(frozen=True, slots=True)
class TimerPolicy:
    """What we want."""

    seconds: int = 1800
    """Session-Expires we ask for; 0 to ask for none."""
    least: int = SMALLEST
    """Our Min-SE."""


class Due(Enum):
    """What time demands."""

    REFRESH = auto()
    EXPIRE = auto()


def judge(request: Request, policy: TimerPolicy) -> Agreed | TooSmall | None:
    """What a UAS settles on for an INVITE or UPDATE (§9, table 2); None for no timer.

    Raises `SipSyntaxError` for a header that cannot be read.
    """
    asked = session_expires(request.headers)
    knows = supports(request, "timer")
    least = max(policy.least, min_se(request.headers) or 0)
    if asked is None:
        if not policy.seconds:
            return None
        return Agreed(max(policy.seconds, least), ours=not knows)
    seconds, refresher = asked
    if seconds < policy.least and knows:
        return TooSmall(policy.least)
    if policy.seconds:
        seconds = max(min(seconds, policy.seconds), least)
    return Agreed(seconds, ours=refresher == "uas" or not knows)


def settled(response: Response) -> Agreed | None:
    """What a 2xx to our request settled, seen from its UAC (§7.2); None for no timer."""
    try:
        said = session_expires(response.headers)
    except SipSyntaxError:
        return None
    return None if said is None else Agreed(said[0], ours=said[1] != "uas")


def answer_fields(agreed: Agreed | None) -> list[tuple[str, str]]:
    """What a UAS's 2xx says (§9)."""
    if agreed is None:
        return []
    fields = [("Session-Expires", f"{agreed.seconds};refresher={'uas' if agreed.ours else 'uac'}")]
    return fields if agreed.ours else [*fields, ("Require", "timer")]


def request_fields(policy: TimerPolicy, agreed: Agreed | None = None) -> list[tuple[str, str]]:
    """What a UAC's INVITE or UPDATE says (§7.1, §7.4): the wish, or what is in force."""
    if agreed is not None:
        who = "uac" if agreed.ours else "uas"
        return [("Session-Expires", f"{agreed.seconds};refresher={who}"), ("Min-SE", str(policy.least))]
    if not policy.seconds:
        return []
    return [("Session-Expires", str(max(policy.seconds, policy.least))), ("Min-SE", str(policy.least))]


def session_expires(headers: Headers) -> tuple[int, str | None] | None:
    """Seconds and refresher of a Session-Expires field; None without one. Raises `SipSyntaxError`."""
    value = headers.get("Session-Expires")
    if value is None:
        return None
    seconds, semicolon, rest = value.partition(";")
    refresher = param(parse_params(semicolon + rest), "refresher")
    return _seconds(seconds), refresher.lower() if refresher else None


def min_se(headers: Headers) -> int | None:
    """Seconds of a Min-SE field; None without one. Raises `SipSyntaxError`."""
    value = headers.get("Min-SE")
    return None if value is None else _seconds(value.partition(";")[0])


def _seconds(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) < _LONGEST):
        raise SipSyntaxError("bad session interval")
    return int(text)


class SessionTimer:
    """One session's clock: ask `deadline`, call `due` then."""

    def __init__(self, agreed: Agreed, now: float) -> None:
        self.agreed = agreed
        self._from = now
        self._asked = False

    def refreshed(self, agreed: Agreed, now: float) -> None:
        """A refresh was answered."""
        self.agreed, self._from, self._asked = agreed, now, False

    def again(self) -> None:
        """Our refresh came to nothing: another may be tried before the end."""
        self._asked = False

    @property
    def deadline(self) -> float:
        """When `due` must be called."""
        half = self._from + self.agreed.seconds / 2
        return half if self.agreed.ours and not self._asked else self._end

    def due(self, now: float) -> Due | None:
        """What is to be done by now."""
        if now >= self._end:
            return Due.EXPIRE
        if self.agreed.ours and not self._asked and now >= self.deadline:
            self._asked = True
            return Due.REFRESH
        return None

    @property
    def _end(self) -> float:
        """The session is ended before the interval is over, by 32 s or a third of it (§10)."""
        seconds = self.agreed.seconds
        return self._from + seconds - min(_GRACE_S, seconds / 3)
