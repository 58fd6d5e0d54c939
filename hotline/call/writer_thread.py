"""One thread that writes all recordings, each in its turn, a little at a time.

A thread a recording would cost more than its work, and all of them writing at once would keep the media clock
from the interpreter's lock. So the writes are spread evenly over the interval.
"""

import math
import threading
import time
from collections import deque
from typing import Protocol

WRITE_S = 1.0
"""Seconds between two turns of one member: what a killed process loses. Each turn asks for the interpreter's
lock three times, and while it is asked for, every packet costs the media clock more."""
_STEP_S, _LONGEST_STEP_S = 0.005, 0.1
_PAUSE_S = 0.001
"""Shortest rest between two batches, even when the disk has made us late: others need the interpreter too."""


class Member(Protocol):
    """Something written bit by bit."""

    def turn(self) -> bool:
        """Write what has come; False when there is no more to do. Must not raise."""


class WriterThread:
    """Gives every member a turn each `WRITE_S`; the thread lives while there are members."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ring: deque[Member] = deque()
        self._thread: threading.Thread | None = None

    def add(self, member: Member) -> None:
        """Give `member` turns from now on."""
        with self._lock:
            self._ring.append(member)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
                self._thread.start()

    def remove(self, member: Member) -> None:
        """No more turns; one may be under way. Harmless for what is no member."""
        with self._lock:
            if member in self._ring:
                self._ring.remove(member)

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            batch, step = self._next()
            if not batch:
                return
            for member in batch:
                if not member.turn():
                    self.remove(member)
            now = time.monotonic()
            due = max(due + step, now + _PAUSE_S)
            time.sleep(due - now)

    def _next(self) -> tuple[list[Member], float]:
        """Whose turn it is and how long until the next; nobody's when the thread is to end."""
        with self._lock:
            count = len(self._ring)
            if count == 0:
                self._thread = None
                return [], 0.0
            step = min(max(WRITE_S / count, _STEP_S), _LONGEST_STEP_S)
            share = math.ceil(count * step / WRITE_S)
            batch = [self._ring[index] for index in range(share)]
            self._ring.rotate(-share)
            return batch, step
