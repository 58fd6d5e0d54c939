"""How many requests may wait for news at once; who comes on top of that is answered at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

TOTAL = 100
EACH = 4


class Waiters:
    """Counts those who wait, by unit. Used on the event loop only."""

    def __init__(self, total: int = TOTAL, each: int = EACH) -> None:
        self._total = total
        self._each = each
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def one(self, unit: str) -> Iterator[bool]:
        """Whether one more may wait, for the time of the block."""
        if self._waiting.total() >= self._total or self._waiting[unit] >= self._each:
            yield False
            return
        self._waiting[unit] += 1
        try:
            yield True
        finally:
            self._waiting[unit] -= 1
            self._waiting += Counter()  # forgets units that wait no more
