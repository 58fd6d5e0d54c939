"""How often a connection may bring what is cheap to send: so many at once, so many a second."""


class Allowance:
    """A bucket that fills by time and empties by use."""

    def __init__(self, at_once: int, a_second: float) -> None:
        self._most = self._left = float(at_once)
        self._a_second = a_second
        self._at: float | None = None

    def take(self, count: int, now: float) -> bool:
        """Whether `count` more are within it, at `now` in seconds of a clock that never goes back."""
        if self._at is not None:
            self._left = min(self._most, self._left + (now - self._at) * self._a_second)
        self._at = now
        self._left -= count
        return self._left >= 0
