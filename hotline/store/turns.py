"""Whose turn it is to write: first come, first served, within one process."""

import threading
from collections import deque


class Turns:
    """A lock that is handed to whoever has waited longest.

    SQLite lets waiting writers try again after pauses that grow, so that on a busy line one of eight threads
    may find the database taken for seconds while the others pass it by. In the order in which they came,
    each waits for those before it and no longer.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for the turn; False when it has not come within so many seconds."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(seconds):
            return True
        with self._guard:
            if mine.is_set():  # handed over at the last moment
                return True
            self._waiting.remove(mine)
        return False

    def give_back(self) -> None:
        """The turn goes to whoever waits longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
