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
import struct
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import soxr
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
from hotline.heap import settled_heap
from scripts.bench_parts import HOST, Figures, Side, hear, last_core, medians, paced, pin, start

FIRST_PORT = 30_000
WARM_UP_S = 1.5
HEADER = struct.Struct("!BBHII")


def generate(ports: list[int], seconds: float, core: int, stop: Any) -> None:
    """Send PCMA to every port, spread evenly over each 20 ms, each call from a socket of its own."""
    pin(core)
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


async def run_naive(ports: list[int], seconds: float, ready: Connection) -> Figures:
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
    opened = [await loop.create_datagram_endpoint(Echo, local_addr=(HOST, port)) for port in ports]
    ready.send(os.getpid())
    figures = await paced(seconds, lambda: (count[0], count[1]), WARM_UP_S)
    for transport, _ in opened:
        transport.close()
    await asyncio.sleep(0.01)
    return figures


async def run_media(ports: list[int], seconds: float, ready: Connection) -> Figures:
    """The gateway without recording."""
    return await _run_engine(ports, seconds, ready, None)


async def run_line(ports: list[int], seconds: float, ready: Connection) -> Figures:
    """The gateway and both directions of every call recorded."""
    with tempfile.TemporaryDirectory() as folder:
        return await _run_engine(ports, seconds, ready, Path(folder))


async def _run_engine(ports: list[int], seconds: float, ready: Connection, folder: Path | None) -> Figures:
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
        with settled_heap():  # as the line does when it is up
            ready.send(os.getpid())
            result = await paced(
                seconds, lambda: (engine.stats.packets_in, engine.stats.packets_out), WARM_UP_S
            )
        facts = [session.facts for session, _ in legs]
        result["lost"] = sum(fact.lost + fact.late for fact in facts)
        result["dropped"] = sum(session.dropped for session, _ in legs)
        result["tick_p50_ms"], result["tick_p99_ms"] = engine.stats.lag_p50_ms, engine.stats.lag_p99_ms
        tasks.cancel_scope.cancel()
    closed = [recorder.close() for _, recorder in legs if recorder is not None]
    result["recording_gaps"] = sum(fact.gaps for fact in closed)
    return result


async def _read(session: RtpSession, recorder: Recorder | None) -> None:
    keep = recorder.side(0) if recorder is not None else None
    async for item in session.inputs():
        if isinstance(item, AudioFrame) and keep is not None:
            keep(item)


async def _talk(session: RtpSession, recorder: Recorder | None, prompt: bytes) -> None:
    tap = recorder.side(1) if recorder is not None else None
    try:
        while True:
            await session.play(prompt, tap)
    except LegGone:
        return


SIDES: dict[str, Side] = {
    "naive": run_naive,
    "media": run_media,
    "line": run_line,
}


async def _side(pipe: Connection, side: Side, ports: list[int], seconds: float) -> None:
    pipe.send(await side(ports, seconds, pipe))


def measure(name: str, side: Side, calls: int, seconds: float, first_port: int) -> Figures:
    """One window of one side under `calls` streams."""
    ports = [first_port + 2 * number for number in range(calls)]
    child, pipe = start(_side, side, ports, seconds)
    hear(pipe, 60, name)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    generator = context.Process(
        target=generate, args=(ports, seconds + WARM_UP_S + 3, last_core(), stop), daemon=True
    )
    generator.start()
    result: Figures = hear(pipe, seconds + 60, name)
    stop.set()
    for process in (generator, child):
        process.join()
    expected = calls * 50 * result["seconds"]
    result["missing_percent"] = max(0.0, 100 * (1 - result["received"] / expected))
    return result


def next_ports(port: int, calls: int) -> int:
    """First port of the next window: not one that the window before has just left."""
    return FIRST_PORT if port > 60_000 - 4 * calls else port + 2 * calls


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
            windows: dict[str, list[Figures]] = {name: [] for name in SIDES}
            for _ in range(options.rounds):
                for name, one in SIDES.items():  # in turn: a busy machine is then busy for all of them
                    progress.update(task, description=f"{name}, {calls} calls")
                    windows[name].append(measure(name, one, calls, options.seconds, port))
                    port = next_ports(port, calls)
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
