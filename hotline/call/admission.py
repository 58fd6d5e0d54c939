"""May this call start? Limits, shedding level, and drain on shutdown."""

from collections.abc import Callable
from dataclasses import dataclass

from hotline.settings import LimitSettings

FULL = 4
"""Shedding level at which new calls are refused."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Why not, and when to try again."""

    status: int
    reason: str
    retry_after: int
    """Seconds."""


class Admission:
    """Counts calls and says no in time; a running call is never touched."""

    def __init__(self, limits: LimitSettings, level: Callable[[], int]) -> None:
        self._limits = limits
        self._level = level
        self._draining = False
        self.active = 0
        self.refused = 0

    def check(self) -> Denial | None:
        """None to let a call in, else why not."""
        if self._draining:
            denial = Denial(503, "Shutting Down", 30)
        elif self.active >= self._limits.calls:
            denial = Denial(503, "All Lines Busy", 10)
        elif self._level() >= FULL:
            denial = Denial(503, "Overloaded", 10)
        else:
            return None
        self.refused += 1
        return denial

    def drain(self) -> None:
        """Let nobody in any more."""
        self._draining = True
