"""What calls write down: a bounded queue in memory, a thread that writes it in batches, and patience.

The media loop only appends. When the database fails the batch is kept and tried again with growing pauses, so
that a full disk costs time and not records. When the queue is full, the oldest transcript line goes first and
is counted; call records never go.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread

from asr.transcript import TranscriptEvent
from hotline.conversation import CallId, CallRecord, Intent, Speaker
from hotline.errors import StoreError

log = logging.getLogger(__name__)

CAPACITY = 20_000
"""Entries that may wait."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each new try while the database fails; the last repeats."""

Final = tuple[CallId, Speaker, TranscriptEvent]


class Store(Protocol):
    """What the journal needs of the database; methods block and raise `StoreError`."""

    def start(self, call: CallId, channel: str, remote: str, dialled: str, started: datetime) -> None:
        """Write a call's row."""

    def add_finals(self, batch: Sequence[Final]) -> None:
        """Write final utterances; writing one twice is harmless."""

    def save_intent(self, call: CallId, intent: Intent, at: datetime) -> None:
        """Write the latest reading of a call."""

    def consent(self, call: CallId, version: str, at: datetime) -> None:
        """Write that the recording notice was played."""

    def save(self, record: CallRecord) -> None:
        """Close a call's row; saving twice is harmless."""


class Fate(Enum):
    """What became of a write."""

    WRITTEN = "written"
    REFUSED = "refused"
    FAILED = "failed"
    """For now: to be tried again."""


@dataclass(slots=True)
class _Entry:
    write: Callable[[], None] | Final
    done: anyio.Event | None = None
    """Set when written; such entries are never dropped."""


class Journal:
    """Writes for all calls of a process, in order."""

    def __init__(self, store: Store, capacity: int = CAPACITY) -> None:
        self._store = store
        self._capacity = capacity
        self._waiting: deque[_Entry] = deque()
        self._wake = anyio.Event()
        self._closed = False
        self._finished = anyio.Event()
        self._limiter = anyio.CapacityLimiter(1)
        self.dropped = 0
        self.failures = 0
        self.refused = 0
        self.failing = False
        """The last try failed: entries wait for the database."""
        self._in_hand = 0

    def start(self, call: CallId, channel: str, remote: str, dialled: str, started: datetime) -> None:
        """A call rings."""
        self._add(_Entry(partial(self._store.start, call, channel, remote, dialled, started), anyio.Event()))

    def final(self, call: CallId, speaker: Speaker, event: TranscriptEvent) -> None:
        """An utterance ended."""
        self._add(_Entry((call, speaker, event)))

    def intent(self, call: CallId, intent: Intent, at: datetime) -> None:
        """The reading of the call changed."""
        self._add(_Entry(partial(self._store.save_intent, call, intent, at)))

    def consent(self, call: CallId, version: str, at: datetime) -> None:
        """The recording notice was played."""
        self._add(_Entry(partial(self._store.consent, call, version, at), anyio.Event()))

    async def save(self, record: CallRecord) -> None:
        """Close the call's row; returns when it is written.

        Cancelling stops the waiting, not the writing.
        """
        done = anyio.Event()
        self._add(_Entry(partial(self._store.save, record), done))
        await done.wait()

    def close(self) -> None:
        """No more entries; `run` returns when all is written."""
        self._closed = True
        self._wake.set()

    async def written(self) -> None:
        """Return when, after `close`, all is written."""
        await self._finished.wait()

    @property
    def depth(self) -> int:
        """Entries waiting."""
        return len(self._waiting) + self._in_hand

    async def run(self) -> None:
        """Write until closed and empty. Cancelling leaves what was not yet written unwritten."""
        while True:
            while self._waiting:
                batch = list(self._waiting)
                self._waiting.clear()
                await self._write_all(batch)
            if self._closed:
                self._finished.set()
                return
            self._wake = anyio.Event()
            await self._wake.wait()

    def _add(self, entry: _Entry) -> None:
        if len(self._waiting) >= self._capacity:
            self._drop_one()
        self._waiting.append(entry)
        self._wake.set()

    def _drop_one(self) -> None:
        for index, entry in enumerate(self._waiting):
            if entry.done is None:
                del self._waiting[index]
                self.dropped += 1
                return

    async def _write_all(self, batch: list[_Entry]) -> None:
        tries = 0
        while batch:
            self._in_hand = len(batch)
            written = await anyio.to_thread.run_sync(self._write, batch, limiter=self._limiter)
            for entry in batch[:written]:
                if entry.done is not None:
                    entry.done.set()
            batch = batch[written:]
            self._in_hand = len(batch)
            self.failing = bool(batch)
            if batch:
                self.failures += 1
                log.error("database write failed, trying again", extra={"waiting": self.depth})
                await anyio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1

    def _write(self, batch: list[_Entry]) -> int:
        """Write in order, runs of finals together; how many were dealt with before the first failure."""
        at = 0
        while at < len(batch):
            run = self._finals_at(batch, at)
            if len(run) > 1 and self._together(run):
                at += len(run)
                continue
            # a run that failed goes one by one: one bad line must not take its neighbours with it
            fate = self._attempt(self._one(batch[at]))
            if fate is Fate.FAILED:
                return at
            at += 1
        return at

    def _together(self, run: list[Final]) -> bool:
        try:
            self._store.add_finals(run)
        except Exception:  # noqa: BLE001  whatever it is, the lines one by one will show it
            return False
        return True

    def _finals_at(self, batch: list[_Entry], at: int) -> list[Final]:
        run: list[Final] = []
        for entry in batch[at:]:
            if not isinstance(entry.write, tuple):
                break
            run.append(entry.write)
        return run

    def _one(self, entry: _Entry) -> Callable[[], None]:
        return (
            partial(self._store.add_finals, [entry.write]) if isinstance(entry.write, tuple) else entry.write
        )

    def _attempt(self, write: Callable[[], None]) -> "Fate":
        """One write. What can never be written is left out and counted: it must not hold up the rest."""
        try:
            write()
        except StoreError as error:
            if error.retryable:
                return Fate.FAILED
            problem: Exception = error
        except Exception as error:  # noqa: BLE001  supervision point: one entry's fault is no other call's
            problem = error
        else:
            return Fate.WRITTEN
        self.refused += 1
        log.error("entry left out of the database", extra={"error": type(problem).__name__})
        return Fate.REFUSED
