"""The parent's end of one worker process: start it, ask it, notice its death."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from asr import wire
from asr.errors import EngineFailed, WireError, WorkerLost

LOAD_SECONDS = 120.0
"""Longest time for loading weights."""


class WorkerProcess:
    """One request at a time, one answer each."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise WorkerLost("worker has no pipes")
        self._process = process
        self._in = process.stdin
        self._out = BufferedByteReceiveStream(process.stdout)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    async def ask(self, message: bytes, seconds: float) -> wire.Message:
        """Send a message and wait for its answer.

        Raises `WorkerLost` when the child has died, is silent for longer than `seconds` or talks nonsense; it
        is to be given up then. Cancelling leaves it in an unknown state: give it up too.
        """
        try:
            with anyio.fail_after(seconds):
                await self._in.send(message)
                prefix = await self._out.receive_exactly(4)
                return wire.decode(await self._out.receive_exactly(wire.content_length(prefix)))
        except (TimeoutError, WireError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise WorkerLost(type(error).__name__) from error
        except (anyio.IncompleteRead, anyio.EndOfStream, OSError) as error:
            raise WorkerLost("worker has died") from error


@asynccontextmanager
async def worker_process(load: dict[str, Any]) -> AsyncIterator[WorkerProcess]:
    """A worker that has loaded what `load` asks for; killed when the context is left.

    Raises `EngineFailed` when it cannot load, `WorkerLost` when it dies meanwhile.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(load.get("threads", 1)),
        "OMP_WAIT_POLICY": "PASSIVE",
        # numpy's own threads spin while they wait, on the cores that the recogniser needs.
        "OPENBLAS_NUM_THREADS": "1",
    }
    try:
        process = await anyio.open_process(
            [sys.executable, "-m", "asr.worker"], stderr=subprocess.DEVNULL, env=environment
        )
    except OSError as error:  # no more processes or descriptors to be had: later there may be
        raise WorkerLost("worker cannot be started") from error
    try:
        worker = WorkerProcess(process)
        head, _ = await worker.ask(wire.encode(load), LOAD_SECONDS)
        if head["type"] != "ready":
            raise EngineFailed(str(head.get("reason", "the engine cannot be loaded")))
        yield worker
    finally:
        if process.returncode is None:
            process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()
