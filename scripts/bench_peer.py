"""Measures the gateway beside aiosipua and aiortp, an independent SIP and RTP stack in Python.

    pip install -e .[bench]
    python scripts/bench_peer.py [--streams 100] [--rate 100] [--seconds 4] [--rounds 1] [--json FILE]

Packets: the load of bench_rtp.py on the gateway (without recording), on aiortp's sessions as they come, and
on those with adaptive playout and paced sending, which is nearer to what the gateway does; soxr takes theirs
to the 16 kHz ours gives, and both send a prompt back. Calls: sipp's of bench_sip.py on the gateway and on
aiosipua's SipUAS with aiortp sessions; that one absorbs no retransmission, keeps no transaction for 32 s, has
no defence before it and sends nothing while nobody plays. All in the same run, turn by turn, each on a core.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import numpy as np
import soxr
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from scripts.bench_gateway import PROMPT, Gateway, Plan
from scripts.bench_parts import HOST, Figures, Meter, Side, free_port, hear, medians, paced, received, start
from scripts.bench_rtp import FIRST_PORT, WARM_UP_S, measure, next_ports, run_media
from scripts.bench_sip import sipp

PROMPT_8K = np.frombuffer(PROMPT, "<i2")[::2].tobytes()
PACKET = 320
"""Bytes of 20 ms at 8 kHz."""


class Echo:
    """What an application does with a session of aiortp: takes 16 kHz, sends the prompt's next 20 ms."""

    def __init__(self, session: Any, count: list[int]) -> None:
        self._session = session
        self._count = count
        self._up = soxr.ResampleStream(8000, 16000, 1, dtype="int16")
        self._at = 0
        session.on_audio = self.heard

    def heard(self, pcm: bytes, timestamp: int) -> None:
        """20 ms at 8 kHz came."""
        del timestamp
        self._up.resample_chunk(np.frombuffer(pcm, "<i2")).tobytes()
        self._count[0] += 1
        self._session.send_audio_pcm_auto(PROMPT_8K[self._at : self._at + PACKET])
        self._at = (self._at + PACKET) % (len(PROMPT_8K) - PACKET)
        self._count[1] += 1


async def run_aiortp(ports: list[int], seconds: float, ready: Connection) -> Figures:
    """Sessions as they come."""
    return await _run_peer(ports, seconds, ready)


async def run_aiortp_playout(ports: list[int], seconds: float, ready: Connection) -> Figures:
    """With adaptive playout and paced sending."""
    return await _run_peer(ports, seconds, ready, playout=True, paced=True)


async def _run_peer(ports: list[int], seconds: float, ready: Connection, **wishes: Any) -> Figures:
    from aiortp import RTPSession

    count = [0, 0]
    echoes = []
    sessions = []
    for port in ports:
        session = await RTPSession.create((HOST, port), (HOST, 9), 8, symmetric_rtp=True, **wishes)
        echoes.append(Echo(session, count))
        sessions.append(session)
    ready.send(os.getpid())
    figures = await paced(seconds, lambda: (count[0], count[1]), WARM_UP_S)
    for session in sessions:
        await session.close()
    return figures


STREAMS: dict[str, Side] = {
    "gateway": run_media,
    "aiortp": run_aiortp,
    "aiortp, playout and pacing": run_aiortp_playout,
}


async def serve_peer(pipe: Connection) -> None:
    """aiosipua's process, spoken to as `bench_gateway.serve` is."""
    from aiosipua import SipUAS, UdpSipTransport

    port = free_port()
    transport = UdpSipTransport(local_addr=(HOST, port))
    agent = SipUAS(transport)
    async with anyio.create_task_group() as tasks:
        application = _PeerApplication(tasks)
        agent.on_invite, agent.on_bye = application.invited, application.left
        # Not agent.start(): its transport asserts that the loop's is asyncio's own, which uvloop's is not.
        transport.on_message = agent._on_message
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Wire(transport), local_addr=(HOST, port)
        )
        pipe.send(port)
        meter = Meter()
        tasks.start_soon(_watch, meter)
        while (word := await received(pipe)) != "quit":
            if word == "begin":
                meter.begin()
            pipe.send(meter.end())
        tasks.cancel_scope.cancel()
    await agent.stop()


class _Wire(asyncio.DatagramProtocol):
    """Datagrams to and from aiosipua's transport."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def connection_made(self, transport: Any) -> None:
        self._owner._udp_transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._owner._dispatch(data, addr)


async def _watch(meter: Meter) -> None:
    while True:
        await meter.step()


class _PeerApplication:
    """Answers every call at once, with an RTP session of its own."""

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        self._sessions: dict[str, Any] = {}
        self._tasks = tasks
        self._port = 20_000

    def invited(self, call: Any) -> None:
        """An INVITE came."""
        self._tasks.start_soon(self._answer, call)

    def left(self, call: Any, request: Any) -> None:
        """A BYE came."""
        del request
        session = self._sessions.pop(call.call_id, None)
        if session is not None:
            self._tasks.start_soon(session.close)

    async def _answer(self, call: Any) -> None:
        from aiosipua.rtp_bridge import CallSession

        self._port = 20_000 if self._port > 29_000 else self._port + 2
        session = CallSession(HOST, self._port, call.sdp_offer)
        await session.start()
        self._sessions[call.call_id] = session
        call.ringing()
        call.accept(session.sdp_answer)


class Peer(Gateway):
    """The parent's side of aiosipua's process."""

    def __init__(self) -> None:
        self._process, self._pipe = start(serve_peer)
        self.port = hear(self._pipe, 60, "aiosipua")


def place(name: str, rate: float, seconds: float) -> Figures:
    """One window of calls."""
    far = Gateway(Plan()) if name == "gateway" else Peer()
    try:
        with tempfile.TemporaryDirectory() as folder:
            sipp(Path(folder) / "warm", far.port, 30, 30, 0)
            far.ask("begin")
            told = sipp(Path(folder) / "run", far.port, rate, int(rate * seconds), 1.0)
            figures = {**told, **far.ask("end")}
    finally:
        far.quit()
    figures["cpu_ms_per_call"] = 1000 * figures["cpu_s"] / figures["calls"]
    return figures


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        import aiortp  # noqa: F401
        import aiosipua  # noqa: F401
    except ImportError:
        raise SystemExit("aiosipua and aiortp are not installed: pip install -e .[bench]") from None
    streams: dict[str, list[Figures]] = {name: [] for name in STREAMS}
    calls: dict[str, list[Figures]] = {"gateway": [], "aiosipua": []}
    port = FIRST_PORT
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("windows", total=options.rounds * (len(streams) + len(calls)))
        for _ in range(options.rounds):
            for name, side in STREAMS.items():
                streams[name].append(measure(name, side, options.streams, options.seconds, port))
                port = next_ports(port, options.streams)
                progress.advance(task)
            for name, rounds in calls.items():
                rounds.append(place(name, options.rate, options.seconds))
                progress.advance(task)
    results = {
        "packets": {name: medians(rounds) for name, rounds in streams.items()},
        "calls": {name: medians(rounds) for name, rounds in calls.items()},
    }
    show(results, options.streams, options.rate)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def show(results: dict[str, dict[str, Figures]], streams: int, rate: float) -> None:
    """Two tables on stdout."""
    console = Console(width=120 if not sys.stdout.isatty() else None)
    table = Table(title=f"{streams} G.711 streams, 20 ms, both ways")
    for heading in ("side", "µs CPU/packet", "gateway : side", "missing %", "loop lag p99 ms"):
        table.add_column(heading, justify="right")
    ours = results["packets"]["gateway"]["us_per_packet"]
    for name, one in results["packets"].items():
        ratio, missing = ours / one["us_per_packet"], one["missing_percent"]
        cells = (f"{one['us_per_packet']:.1f}", f"{ratio:.2f}", f"{missing:.2f}", f"{one['lag_p99_ms']:.1f}")
        table.add_row(name, *cells)
    console.print(table)
    table = Table(title=f"{rate:.0f} new calls a second, a second long")
    for heading in ("side", "CPU ms/call", "gateway : side", "failed", "INVITE→200 p50/p99 ms"):
        table.add_column(heading, justify="right")
    ours = results["calls"]["gateway"]["cpu_ms_per_call"]
    for name, one in results["calls"].items():
        ratio, setup = ours / one["cpu_ms_per_call"], f"{one['setup_p50_ms']:.1f}/{one['setup_p99_ms']:.1f}"
        cells = (f"{one['cpu_ms_per_call']:.2f}", f"{ratio:.2f}", f"{one['failed']:.0f}", setup)
        table.add_row(name, *cells)
    console.print(table)


if __name__ == "__main__":
    main()
