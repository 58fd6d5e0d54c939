"""How long a talk has lasted, and how much of it the caller was on hold (pure)."""

from datetime import datetime


class TalkTimes:
    """The clock is read by whoever calls."""

    def __init__(self, began: datetime) -> None:
        self._began = began
        self._held_at: datetime | None = None
        self._lost_at: datetime | None = None
        self._ended: datetime | None = None
        self.held_ms = 0
        """Of the holds that are over."""

    @property
    def on_hold(self) -> bool:
        """A hold goes on."""
        return self._held_at is not None

    def hold(self, now: datetime) -> None:
        """A hold begins."""
        self._held_at = now

    def resume(self, now: datetime) -> int:
        """A hold is over; returns its milliseconds."""
        held = 0 if self._held_at is None else _ms(self._held_at, now)
        self._held_at = None
        self.held_ms += held
        return held

    def lost(self, now: datetime) -> None:
        """The agent's leg has died: what follows is no talk, unless the agent comes back."""
        self._lost_at = now

    def found(self) -> None:
        """Somebody is the agent again."""
        self._lost_at = None

    def end(self, now: datetime) -> None:
        """It is over; the first time counts."""
        if self._ended is None:
            self._ended = self._lost_at or now

    def talked_ms(self, now: datetime) -> int:
        """From the beginning to now, to the end, or to the death of the agent's leg."""
        return _ms(self._began, self._ended or self._lost_at or now)


def _ms(since: datetime, until: datetime) -> int:
    return round((until - since).total_seconds() * 1000)
