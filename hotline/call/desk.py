"""Files work orders for calls, and does not let go of one until it is written.

The command goes to the database in a thread. When that fails in a way that trying again can mend, the command
is put into a spool file and tried again in the background; at the next start the spool is filed first. Filing
is idempotent by call and matter, so trying twice never makes two orders.
"""

import logging
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread
from pydantic import TypeAdapter, ValidationError

from workorders.errors import WorkOrderError
from workorders.messages import Command, Filed, FileWorkOrder

log = logging.getLogger(__name__)

QUICK_TRIES = (0.05, 0.2, 0.5)
"""Seconds between the tries a caller waits for."""
PATIENCE = 5.0
"""Seconds between later tries in the background."""
CAPACITY = 1_000
"""Commands kept in memory for later; with more, only their spool files remember them."""
SPOOL_SECONDS = 3.0
"""How long a cancelled filing may take to write its spool file."""

_COMMAND = TypeAdapter(FileWorkOrder)


class CommandHandler(Protocol):
    """The domain's front door."""

    def handle(self, command: Command) -> object:
        """Carry out a command; blocks. Raises `WorkOrderError`, or whatever the database raised."""


class Desk:
    """Files orders and remembers those that could not be filed yet; calls `filed` after each success."""

    def __init__(self, handler: CommandHandler, spool: Path, filed: Callable[[], None]) -> None:
        self._handler = handler
        self._spool = spool
        self._filed = filed
        self._later: deque[FileWorkOrder] = deque()
        self._wake = anyio.Event()
        self._limiter = anyio.CapacityLimiter(2)
        self.failures = 0
        self.overflowed = 0

    async def file(self, command: FileWorkOrder) -> Filed | None:
        """File it; None when it could not be written yet: then it is kept and filed as soon as it can be.

        Cancelling does not lose it either.
        """
        try:
            for pause in (*QUICK_TRIES, None):
                filed = await self._try(command)
                if filed is not None:
                    return filed
                if pause is not None:
                    await anyio.sleep(pause)
        except anyio.get_cancelled_exc_class():
            self._keep(command)
            with anyio.move_on_after(SPOOL_SECONDS, shield=True):
                await anyio.to_thread.run_sync(self._put_by, command, abandon_on_cancel=True)
            raise
        self._keep(command)
        await anyio.to_thread.run_sync(self._put_by, command)
        return None

    @property
    def waiting(self) -> int:
        """Orders not filed yet."""
        return len(self._later)

    async def run(self) -> None:
        """File what was left over from before, then whatever could not be filed at once; until cancelled."""
        while True:
            for command in await anyio.to_thread.run_sync(self._left_over):
                if command not in self._later:
                    self._keep(command)
            while self._later:
                command = self._later.popleft()
                if await self._try(command) is None:
                    self._later.append(command)  # one that cannot be filed does not hold up the others
                    await anyio.sleep(PATIENCE)
                else:
                    await anyio.to_thread.run_sync(self._forget, command)
            self._wake = anyio.Event()
            await self._wake.wait()

    def _keep(self, command: FileWorkOrder) -> None:
        """Remember it for `run`; when too many wait, the spool alone remembers the oldest."""
        if len(self._later) >= CAPACITY:
            self._later.popleft()
            self.overflowed += 1
        self._later.append(command)
        self._wake.set()

    async def _try(self, command: FileWorkOrder) -> Filed | None:
        try:
            result = await anyio.to_thread.run_sync(self._handler.handle, command, limiter=self._limiter)
        except WorkOrderError as error:
            log.error("order not filed", extra={"call_id": command.call_id, "code": error.code})
        except Exception:  # noqa: BLE001  supervision point: whatever the database raised, the order is kept
            log.error("order not filed: database", extra={"call_id": command.call_id})
        else:
            self._filed()
            return result if isinstance(result, Filed) else None
        self.failures += 1
        return None

    def _path(self, command: FileWorkOrder) -> Path:
        return self._spool / f"{command.call_id}-{command.matter_no}.json"

    def _put_by(self, command: FileWorkOrder) -> None:
        try:
            self._spool.mkdir(parents=True, exist_ok=True)
            draft = self._path(command).with_suffix(".part")
            with draft.open("wb") as file:
                file.write(_COMMAND.dump_json(command))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path(command))
        except OSError:
            log.error("spool not writable, order kept in memory only", extra={"call_id": command.call_id})

    def _forget(self, command: FileWorkOrder) -> None:
        try:
            self._path(command).unlink(missing_ok=True)
        except OSError:  # a disk that is read-only: filed again at the next start, which is harmless
            log.error("spool file not removed", extra={"call_id": command.call_id})

    def _left_over(self) -> list[FileWorkOrder]:
        commands = []
        for path in sorted(self._spool.glob("*.json")):
            try:
                commands.append(_COMMAND.validate_json(path.read_bytes()))
            except (OSError, ValidationError):
                log.error("spool file unreadable, left where it is", extra={"file": path.name})
        return commands
