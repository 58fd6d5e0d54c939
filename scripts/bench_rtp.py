"""Measures the media side: CPU per RTP packet and calls per core, beside a naive receiver in the same run.

    python scripts/bench_rtp.py [--calls 50 200 450] [--seconds 5] [--rounds 3] [--json FILE]

A generator process, pinned to one core, sends every call 50 packets a second at its own pace; the side under
test, pinned to another, is one of:

line    the gateway: jitter buffer, concealment, 8 → 16 kHz, a reader for every call, a prompt sent to every
        caller, both directions recorded to disk (whole process, recording thread included)
media   the same without the recording
naive   asyncio's datagram callback on uvloop: header by struct, A-law by table, soxr 8 → 16 kHz a call, the
        packet echoed; no jitter buffer, concealment, pacing, reader or recording

CPU per packet is process time over the window divided by packets received; each of them also sends one.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import psutil
import soxr
import uvloop
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from asr.audio import AudioFrame, LegId
from hotline.call.recording import Recorder
from hotline.errors import LegGone
from hotline.gateway.g711 import decode, encode
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.rtp_session import MediaEngine, RtpSession
from hotline.gateway_settings import MediaSettings

HOST = "127.0.0.1"
FIRST_PORT = 30_000
WARM_UP_S = 1.5
HEADER = struct.Struct("!BBHII")


def generate(ports: list[int], seconds: float, core: int, stop: Any) -> None:
    """Send PCMA to every port, spread evenly over each 20 ms, each call from a socket of its own."""
    _pin(core)
    tone = encode((6000 * np.sin(np.arange(160 * 50) * 0.35)).astype(np.int16), "PCMA")
    sockets = []
    for port in ports:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what comes back is not looked at
        sock.connect((HOST, port))
        sock.setblocking(False)
        sockets.append(sock)
    began = time.perf_counter()
    groups = 10
    for step in range(int(seconds * 50)):
        payload = tone[160 * (step % 50) :][:160]
        for group in range(groups):
            while (wait := began + 0.02 * (step + group / groups) - time.perf_counter()) > 0:
                time.sleep(wait)
            for index in range(group, len(sockets), groups):
                data = HEADER.pack(0x80, 8, step & 0xFFFF, 160 * step, index) + payload
                try:
                    sockets[index].send(data)
                except (BlockingIOError, ConnectionRefusedError):
                    continue
        if stop.is_set():
            return


class Meter:
    """CPU and lag of this process over the window."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.lags: list[float] = []

    async def measure(self, packets: Callable[[], tuple[int, int]]) -> dict[str, float]:
        """`packets` gives packets in and out so far."""
        await asyncio.sleep(WARM_UP_S)
        before, cpu, began = packets(), time.process_time(), time.perf_counter()
        deadline = began
        while deadline < began + self._seconds:
            deadline += 0.01
            await asyncio.sleep(max(0.0, deadline - time.perf_counter()))
            self.lags.append(time.perf_counter() - deadline)
        cpu, passed = time.process_time() - cpu, time.perf_counter() - began
        after = packets()
        received, sent = after[0] - before[0], after[1] - before[1]
        self.lags.sort()
        return {
            "us_per_packet": cpu / max(1, received) * 1e6,
            "core_share": cpu / passed,
            "received": received,
            "sent": sent,
            "seconds": passed,
            "lag_p50_ms": self.lags[len(self.lags) // 2] * 1000,
            "lag_p99_ms": self.lags[len(self.lags) * 99 // 100] * 1000,
            "rss_mb": psutil.Process().memory_info().rss / 1e6,
        }


async def run_naive(ports: list[int], seconds: float, ready: Connection) -> dict[str, float]:
    """The receiver anyone would write first."""
    count = [0, 0]

    class Echo(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.up = soxr.ResampleStream(8000, 16000, 1, dtype="int16")

        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            flags, kind, sequence, timestamp, ssrc = HEADER.unpack_from(data)
            self.up.resample_chunk(decode(data[12:], "PCMA")).tobytes()
            count[0] += 1
            header = HEADER.pack(flags, kind & 0x7F, sequence, timestamp, ssrc ^ 1)
            self.transport.sendto(header + data[12:], addr)
            count[1] += 1

    loop = asyncio.get_running_loop()
    for port in ports:
        await loop.create_datagram_endpoint(Echo, local_addr=(HOST, port))
    ready.send(os.getpid())
    return await Meter(seconds).measure(lambda: (count[0], count[1]))


async def run_media(ports: list[int], seconds: float, ready: Connection) -> dict[str, float]:
    """The gateway without recording."""
    return await _run_engine(ports, seconds, ready, None)


async def run_line(ports: list[int], seconds: float, ready: Connection) -> dict[str, float]:
    """The gateway and both directions of every call recorded."""
    with tempfile.TemporaryDirectory() as folder:
        return await _run_engine(ports, seconds, ready, Path(folder))


async def _run_engine(
    ports: list[int], seconds: float, ready: Connection, folder: Path | None
) -> dict[str, float]:
    prompt = (5000 * np.sin(np.arange(16_000 * 20) * 0.1)).astype("<i2").tobytes()
    settings = MediaSettings(port_min=ports[0], port_max=ports[-1])
    async with MediaEngine.open(HOST, settings) as engine, anyio.create_task_group() as tasks:
        legs = []
        for number in range(len(ports)):
            session = await engine.session(LegId(str(number)))
            session.configure(MediaPlan((HOST, 9), "PCMA", 8, 101, Direction.SENDRECV))
            recorder = Recorder(folder, str(number)) if folder is not None else None
            if recorder is not None:
                recorder.start()
            tasks.start_soon(_read, session, recorder)
            tasks.start_soon(_talk, session, recorder, prompt)
            legs.append((session, recorder))
        ready.send(os.getpid())
        result = await Meter(seconds).measure(lambda: (engine.stats.packets_in, engine.stats.packets_out))
        facts = [session.facts for session, _ in legs]
        result["lost"] = sum(fact.lost + fact.late for fact in facts)
        result["dropped"] = sum(session.dropped for session, _ in legs)
        result["tick_p50_ms"], result["tick_p99_ms"] = engine.stats.lag_p50_ms, engine.stats.lag_p99_ms
        tasks.cancel_scope.cancel()
    closed = [recorder.close() for _, recorder in legs if recorder is not None]
    result["recording_gaps"] = sum(fact.gaps for fact in closed)
    return result


async def _read(session: RtpSession, recorder: Recorder | None) -> None:
    async for item in session.inputs():
        if isinstance(item, AudioFrame) and recorder is not None:
            recorder.push(0, item)


async def _talk(session: RtpSession, recorder: Recorder | None, prompt: bytes) -> None:
    tap = (lambda frame: recorder.push(1, frame)) if recorder is not None else None
    try:
        while True:
            await session.play(prompt, tap)
    except LegGone:
        return


SIDES: dict[str, Callable[[list[int], float, Connection], Awaitable[dict[str, float]]]] = {
    "naive": run_naive,
    "media": run_media,
    "line": run_line,
}


def side(name: str, ports: list[int], seconds: float, core: int, pipe: Connection) -> None:
    """Child: one side under test."""
    _pin(core)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        pipe.send(runner.run(SIDES[name](ports, seconds, pipe)))  # type: ignore[arg-type]


def measure(name: str, calls: int, seconds: float, first_port: int) -> dict[str, float]:
    """One window of one side."""
    cores = sorted(os.sched_getaffinity(0))
    ports = [first_port + 2 * number for number in range(calls)]
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=side, args=(name, ports, seconds, cores[0], theirs))
    child.start()
    if not ours.poll(60):
        raise SystemExit(f"{name}: did not start")
    ours.recv()
    stop = context.Event()
    generator = context.Process(target=generate, args=(ports, seconds + WARM_UP_S + 3, cores[-1], stop))
    generator.start()
    result: dict[str, float] = ours.recv()
    stop.set()
    for process in (generator, child):
        process.join()
    expected = calls * 50 * result["seconds"]
    result["missing_percent"] = max(0.0, 100 * (1 - result["received"] / expected))
    return result


def _pin(core: int) -> None:
    os.sched_setaffinity(0, {core})


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Median of each figure over the rounds."""
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, nargs="+", default=[50, 200, 450])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results, port = [], FIRST_PORT
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("windows", total=len(options.calls) * len(SIDES) * options.rounds)
        for calls in options.calls:
            windows: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
            for _ in range(options.rounds):
                for name in SIDES:  # turn by turn, so that a busy machine is busy for all of them
                    progress.update(task, description=f"{name}, {calls} calls")
                    windows[name].append(measure(name, calls, options.seconds, port))
                    port = FIRST_PORT if port > 60_000 - 4 * calls else port + 2 * calls
                    progress.advance(task)
            results += [{"side": name, "calls": calls, **medians(rounds)} for name, rounds in windows.items()]
    show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def show(results: list[dict[str, Any]]) -> None:
    """A table on stdout."""
    table = Table(title="G.711, 20 ms, duplex; medians")
    for heading in ("side", "calls", "µs CPU/packet", "core %", "calls/core at 75 %", "missing %",
                    "lost", "loop lag p50/p99 ms", "tick lag p50/p99 ms", "RSS MB"):  # fmt: skip
        table.add_column(heading, justify="right")
    for one in results:
        tick = f"{one['tick_p50_ms']:.1f}/{one['tick_p99_ms']:.1f}" if "tick_p50_ms" in one else "-"
        table.add_row(
            one["side"],
            str(one["calls"]),
            f"{one['us_per_packet']:.1f}",
            f"{100 * one['core_share']:.1f}",
            f"{0.75 / one['core_share'] * one['calls']:.0f}",
            f"{one['missing_percent']:.2f}",
            f"{one.get('lost', 0):.0f}",
            f"{one['lag_p50_ms']:.1f}/{one['lag_p99_ms']:.1f}",
            tick,
            f"{one['rss_mb']:.0f}",
        )
    Console(width=140 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    main()
