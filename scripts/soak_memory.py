"""Tells where memory goes as calls come and go: Python's blocks, the C library's heap, or its free space.

    python scripts/soak_memory.py [--calls 1200] [--step 300] [--trace]

Two gateways in one process call each other, 25 calls at once of 0.3 s each, with sound both ways. After each
step all is hung up, garbage is collected and the figures are taken. `--trace` tells, by source line, what was
allocated since the second step and is still there (four times as slow).
"""

import argparse
import ctypes
import gc
import logging
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import psutil
from rich.console import Console

from hotline.gateway.media import IncomingCall
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.timers import Timers
from hotline.gateway_settings import MediaSettings, SipSettings

HOST = "127.0.0.1"
AT_ONCE = 25
TALK_S = 0.3
QUIET_S = 1.5
QUICK = Timers(t1=0.1, t2=0.4, t4=0.5)


class _MallInfo(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
            "keepcost",
        )
    ]  # fmt: skip


def heap() -> tuple[float, float]:
    """MB in use and MB free in the C library's heap."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _MallInfo
    found = libc.mallinfo2()
    return found.uordblks / 1e6, found.fordblks / 1e6


@asynccontextmanager
async def gateway(low: int) -> AsyncIterator[SipEndpoint]:
    media = MediaSettings(port_min=low, port_max=low + 1_998)
    async with (
        MediaEngine.open(HOST, media) as engine,
        SipEndpoint.open(SipSettings(port=0), engine, timers=QUICK) as endpoint,
    ):
        yield endpoint


async def attend(endpoint: SipEndpoint) -> None:
    async def take(call: IncomingCall) -> None:
        leg = await call.answer()
        async for _ in leg.inputs():
            pass

    async with anyio.create_task_group() as tasks:
        async for call in endpoint.incoming():
            tasks.start_soon(take, call)


async def some_calls(caller: SipEndpoint, uri: str, count: int) -> None:
    left = count

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            leg = await caller.dial(uri)
            await anyio.sleep(TALK_S)
            await leg.hangup()

    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(work)


def show(console: Console, done: int, rate: float) -> None:
    gc.collect()
    used, free = heap()
    console.print(
        f"{done:6d} calls  {rate:3.0f}/s  RSS {psutil.Process().memory_info().rss / 1e6:.1f} MB  "
        f"heap {used:.1f} MB, free in it {free:.1f} MB  blocks {sys.getallocatedblocks():,}  "
        f"objects {len(gc.get_objects()):,}",
        highlight=False,
        soft_wrap=True,
    )


async def churn(calls: int, step: int, console: Console, *, trace: bool) -> None:
    first = None
    async with gateway(24_000) as line, gateway(26_000) as caller, anyio.create_task_group() as tasks:
        tasks.start_soon(attend, line)
        uri = f"sip:12348@{HOST}:{line.port}"
        for done in range(step, calls + 1, step):
            began = time.monotonic()
            await some_calls(caller, uri, step)
            rate = step / (time.monotonic() - began)
            await anyio.sleep(QUIET_S)
            show(console, done, rate)
            if trace and done == 2 * step:
                first = tracemalloc.take_snapshot()
        if first is not None:
            for row in tracemalloc.take_snapshot().compare_to(first, "lineno")[:15]:
                console.print(str(row), highlight=False, soft_wrap=True)
        tasks.cancel_scope.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_200)
    parser.add_argument("--step", type=int, default=300)
    parser.add_argument("--trace", action="store_true")
    wanted = parser.parse_args()
    logging.disable(logging.WARNING)
    if wanted.trace:
        tracemalloc.start()
    run = partial(churn, wanted.calls, wanted.step, Console(), trace=wanted.trace)
    anyio.run(run, backend_options={"use_uvloop": True})


if __name__ == "__main__":
    main()
