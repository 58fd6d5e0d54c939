"""Carries the log's lines to the database in batches, off the loop, without ever making a call wait."""

import logging
from collections import deque
from collections.abc import Callable, Sequence

import anyio
import anyio.to_thread

from hotline.acd.model import AcdLog
from hotline.errors import StoreError

log = logging.getLogger(__name__)

CAPACITY = 20_000
"""Lines that may wait: hours of a busy line while its database is away."""
BATCH = 500
"""Lines written in one transaction at most."""
PAUSES = (0.2, 1.0, 5.0)
"""Before trying again, seconds; the last one repeats."""


class Ledger:
    """A bounded buffer and the task that empties it. When full the oldest line goes, and is counted."""

    def __init__(self, write: Callable[[Sequence[AcdLog]], None], capacity: int = CAPACITY) -> None:
        """`write` puts lines into the database, all or none; it blocks and raises `StoreError`."""
        self._write = write
        self._waiting: deque[AcdLog] = deque(maxlen=capacity)
        self._in_hand = 0
        self._closed = False
        self._wake = anyio.Event()
        self._finished = anyio.Event()
        self._limiter = anyio.CapacityLimiter(1)
        self.dropped = 0
        """Lines lost since the start: the buffer was full, or the database will never take them."""

    @property
    def depth(self) -> int:
        """Lines waiting."""
        return len(self._waiting) + self._in_hand

    def add(self, line: AcdLog) -> None:
        """Take a line; returns at once."""
        if len(self._waiting) == self._waiting.maxlen:
            self.dropped += 1
        self._waiting.append(line)
        self._wake.set()

    def close(self) -> None:
        """No more lines come; `run` returns when all are written."""
        self._closed = True
        self._wake.set()

    async def written(self) -> None:
        """Return when, after `close`, all is written."""
        await self._finished.wait()

    async def run(self) -> None:
        """Write until closed and empty, or cancelled."""
        while True:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                await self._keep(batch)
            if self._closed:
                self._finished.set()
                return
            self._wake = anyio.Event()
            await self._wake.wait()

    async def _keep(self, batch: list[AcdLog]) -> None:
        tries = 0
        self._in_hand = len(batch)
        while not await self._written(batch):
            log.error("log of calls and agents not written, trying again", extra={"waiting": self.depth})
            await anyio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1
        self._in_hand = 0

    async def _written(self, batch: list[AcdLog]) -> bool:
        """Whether the batch is dealt with. One that can never be written goes line by line, so that a bad
        line does not take its neighbours with it."""
        try:
            await anyio.to_thread.run_sync(self._write, batch, limiter=self._limiter)
        except StoreError as error:
            if error.retryable:
                return False
            if len(batch) == 1:
                self.dropped += 1
                log.error("line left out of the log", extra={"code": error.code})
                return True
        else:
            return True
        while batch:
            if not await self._written(batch[:1]):
                return False
            del batch[0]
        return True
