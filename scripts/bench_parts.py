"""What the speed scripts share: cores, a meter of CPU, loop lag and memory, processes, medians."""

import asyncio
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil
import uvloop

HOST = "127.0.0.1"
STEP_S = 0.01
"""How often the loop is asked how late it is."""

Figures = dict[str, float]
Child = Callable[..., Coroutine[Any, Any, None]]


def first_core() -> int:
    """Where the side under test runs."""
    return min(os.sched_getaffinity(0))


def last_core() -> int:
    """Where the load is made; the same one on a machine with a single core."""
    return max(os.sched_getaffinity(0))


def pin(core: int) -> None:
    """Keep this process on one core."""
    os.sched_setaffinity(0, {core})


def medians(rounds: Sequence[Figures]) -> Figures:
    """Median of each figure over the rounds."""
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def free_port() -> int:
    """A UDP port of loopback that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def rss_mb() -> float:
    """Resident memory of this process."""
    return float(psutil.Process().memory_info().rss) / 1e6


class Meter:
    """CPU, loop lag and memory of this process over a window."""

    def __init__(self) -> None:
        self._lags: list[float] = []
        self._cpu, self._began = time.process_time(), time.perf_counter()

    async def watch(self, over: Callable[[], bool]) -> Figures:
        """Measure from now until `over`, asked every 10 ms."""
        self.begin()
        while not over():
            await self.step()
        return self.end()

    def begin(self) -> None:
        """The window begins anew."""
        self._lags.clear()
        self._cpu, self._began = time.process_time(), time.perf_counter()

    async def step(self) -> None:
        """Sleep 10 ms and note how much longer it was."""
        due = time.perf_counter() + STEP_S
        await asyncio.sleep(STEP_S)
        self._lags.append(max(0.0, time.perf_counter() - due))

    def end(self) -> Figures:
        """What the window was like: seconds, share of a core, milliseconds of lag, MB."""
        cpu, passed = time.process_time() - self._cpu, time.perf_counter() - self._began
        return {
            "cpu_s": cpu,
            "seconds": passed,
            "core_share": cpu / passed,
            "lag_p50_ms": quantile(self._lags, 0.5) * 1000,
            "lag_p99_ms": quantile(self._lags, 0.99) * 1000,
            "lag_max_ms": max(self._lags, default=0.0) * 1000,
            "rss_mb": rss_mb(),
        }


async def received(pipe: Connection) -> Any:
    """What the other end of the pipe sends next, without holding up the loop. Raises `EOFError`."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pipe.fileno(), ready.set)
    try:
        while not pipe.poll():
            ready.clear()
            await ready.wait()
    finally:
        loop.remove_reader(pipe.fileno())
        os.set_blocking(pipe.fileno(), True)  # uvloop made it otherwise; a long word comes in pieces
    return pipe.recv()


def start(child: Child, *arguments: Any, core: int | None = None) -> tuple[BaseProcess, Connection]:
    """Run `child(pipe, *arguments)` on uvloop in a fresh process; returns it and our end of the pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    chosen = first_core() if core is None else core
    process = context.Process(target=_run, args=(child, chosen, theirs, arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def hear(pipe: Connection, seconds: float, what: str) -> Any:
    """The child's next word. Leaves with a message when none comes in time."""
    try:
        if pipe.poll(seconds):
            return pipe.recv()
    except (EOFError, ConnectionResetError):
        raise SystemExit(f"{what}: ended early") from None
    raise SystemExit(f"{what}: no word in {seconds:.0f} s")


def _run(child: Child, core: int, pipe: Connection, arguments: tuple[Any, ...]) -> None:
    pin(core)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(child(pipe, *arguments))


async def paced(seconds: float, count: Callable[[], tuple[int, int]], settle_s: float) -> Figures:
    """Measure for so long after `settle_s`; `count` gives packets in and out so far.

    CPU per packet is the process's time over the window divided by packets received.
    """
    await asyncio.sleep(settle_s)
    before, until = count(), time.perf_counter() + seconds
    figures = await Meter().watch(lambda: time.perf_counter() >= until)
    after = count()
    figures["received"], figures["sent"] = after[0] - before[0], after[1] - before[1]
    figures["us_per_packet"] = figures["cpu_s"] / max(1, figures["received"]) * 1e6
    return figures


Side = Callable[[list[int], float, Connection], Awaitable[Figures]]
"""One side under test: takes ports, seconds and a pipe to say it is ready on; gives its figures."""
