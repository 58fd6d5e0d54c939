"""The shedding ladder: how far recognition is behind → what it stops doing (pure)."""

STEPS = (1.0, 2.0, 4.0, 8.0)
"""Age in seconds of the oldest waiting final over which level 1, 2, 3, 4 begins."""
CALM = 10.0
"""Seconds below a level's step before it is left, one level at a time."""


class Ladder:
    """Level 0: all is well. 1: fewer partials. 2: none. 3: quick finals, marked degraded. 4: no new calls."""

    def __init__(self) -> None:
        self.level = 0
        self._calm_since: float | None = None

    def update(self, now: float, oldest: float) -> int:
        """The level at monotonic second `now`, with the oldest final waiting for `oldest` seconds."""
        wanted = sum(oldest > step for step in STEPS)
        if wanted >= self.level:
            self.level, self._calm_since = wanted, None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= CALM:
            self.level, self._calm_since = self.level - 1, now
        return self.level
