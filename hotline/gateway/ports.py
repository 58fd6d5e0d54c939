"""Which RTP port pair a leg gets: even ports of a range, each rested for a while after use.

Pure: time is passed in. The rest keeps a late packet of an ended call out of the next one.
"""

from collections import deque
from typing import ClassVar

from hotline.errors import HotlineError

QUARANTINE_S = 2.0
"""Seconds a port rests after its leg has ended."""


class NoPortsLeft(HotlineError):
    """Every port pair of the range is in use or resting."""

    code = "hotline.no_ports_left"
    retryable: ClassVar[bool] = True


class PortRange:
    """The even ports from `first` to `last`; each stands for itself (RTP) and the next (RTCP)."""

    def __init__(self, first: int, last: int, quarantine_s: float = QUARANTINE_S) -> None:
        self._free = deque(range(first + first % 2, last + 1, 2))
        self._resting: deque[tuple[float, int]] = deque()
        self._used: set[int] = set()
        self._quarantine_s = quarantine_s

    def __len__(self) -> int:
        """Ports in use."""
        return len(self._used)

    def take(self, now: float) -> int:
        """The port that has been free longest. Raises `NoPortsLeft`."""
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        if not self._free:
            raise NoPortsLeft("no RTP port pair left")
        port = self._free.popleft()
        self._used.add(port)
        return port

    def put_back(self, port: int) -> None:
        """Give a port back that was never used: it needs no rest."""
        if port in self._used:
            self._used.discard(port)
            self._free.appendleft(port)

    def release(self, port: int, now: float) -> None:
        """Give a port back; harmless for a port not in use."""
        if port in self._used:
            self._used.discard(port)
            self._resting.append((now + self._quarantine_s, port))
