"""SIP timer values (RFC 3261 table 4) and the outputs every transaction machine speaks in."""

from dataclasses import dataclass
from enum import Enum, auto

from hotline.gateway.sip.message import Request, Response


@dataclass(frozen=True, slots=True)
class Timers:
    """Base times in seconds; all others follow from them."""

    t1: float = 0.5
    """Round-trip estimate."""
    t2: float = 4.0
    """Longest retransmission interval."""
    t4: float = 5.0
    """Longest time a message stays in the network."""

    @property
    def give_up(self) -> float:
        """64*T1: timers B, F, H, J, L, M, and the patience of a UAS waiting for ACK."""
        return 64 * self.t1

    @property
    def d(self) -> float:
        """Timer D: at least 32 s on unreliable transports."""
        return max(32.0, self.give_up)


class Note(Enum):
    """What a machine tells its user beside messages."""

    TIMEOUT = auto()
    """No final answer, or no ACK, came in time."""
    ENDED = auto()
    """The machine is done and can be forgotten."""


Output = Request | Response | Note
"""A message to send, or a note."""


class Backoff:
    """Retransmission times: an interval that doubles up to a ceiling."""

    __slots__ = ("_ceiling", "_interval", "at")

    def __init__(self, now: float, first: float, ceiling: float) -> None:
        self._interval = first
        self._ceiling = ceiling
        self.at = now + first
        """When the next retransmission is due."""

    def step(self) -> None:
        """One retransmission was sent; set the next."""
        self._interval = min(2 * self._interval, self._ceiling)
        self.at += self._interval

    def slow(self, now: float) -> None:
        """Go on at the ceiling (timer E in Proceeding)."""
        self._interval = self._ceiling
        self.at = min(self.at, now + self._ceiling)


def soonest(*times: float | None) -> float | None:
    """The earliest of the times that are set."""
    return min((time for time in times if time is not None), default=None)
