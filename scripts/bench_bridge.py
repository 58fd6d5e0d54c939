"""Measures bridged calls: what a leg costs, how late the loop is, and how long sound takes through us.

    python scripts/bench_bridge.py [--calls 40] [--seconds 16] [--rounds 1] [--json FILE]

Every call is a telephone (PCMA over RTP) joined with an agent; both directions are recorded. All telephones
and agents are in a process of their own, pinned to one core, and send real UDP; the gateway is pinned to
another. The agents are one of:

desk phone      PCMA over RTP: payloads are copied
browser, PCMA   ICE, DTLS and SRTP; payloads are copied
browser, Opus   the same, with the telephone's sound encoded for each agent, and the agent's decoded

One-way delay is from a marked packet's sending to its arrival at the other party; beside it what our jitter
buffer waited on the same legs, so that the rest (the wait for the tick, the bridge, the network) is told
apart; both from the second half of the window, since the jitter buffer takes ten seconds to trust a path.
Everybody speaks for 1.5 s and is silent for as long. Measured from agents to telephones; to agents too where
those have phones.
"""

import argparse
import json
import select
import socket
import struct
import sys
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from asr.audio import AudioFrame, LegId
from hotline.call.bridge import Bridge, Role
from hotline.call.recording import Recorder
from hotline.gateway.g711 import SILENCE, encode
from hotline.gateway.media import Direction, LegInput, MediaPlan
from hotline.gateway.rtp_session import MediaEngine, RtpSession
from hotline.gateway.webrtc import WebRtcEngine
from hotline.gateway.webrtc_dtls import Certificate
from hotline.gateway.webrtc_session import WebRtcSession
from hotline.gateway_settings import MediaSettings, WebRtcSettings
from hotline.heap import settled_heap
from scripts.bench_browsers import Browser, through, voice
from scripts.bench_parts import HOST, Figures, hear, last_core, medians, paced, quantile, received, start

WARM_UP_S = 2.0
FIRST_PORT = 30_000
_HEADER = struct.Struct("!BBHII")
_MARK = struct.Struct("!II")
_MARK_BYTES = 8
_GROUPS = 20
"""Parts of a 20 ms step."""
_EVERY = 25
"""Steps between two marks of one party: half a second."""
_CHECK_EVERY = 100
_TURN = 75
"""Steps for which one party speaks, then is silent: the jitter buffer gives delay back in silence only."""
_SILENCE = SILENCE["PCMA"] * 160
Leg = RtpSession | WebRtcSession
SIDES = {"desk phone": "", "browser, PCMA": "PCMA", "browser, Opus": "OPUS"}


@dataclass(frozen=True, slots=True)
class Load:
    """What the gateway is put under."""

    calls: int
    seconds: float
    agents: str
    """What the agents' browsers speak; empty: they have phones."""


# -- telephones and agents --------------------------------------------------------------------------------


@dataclass(slots=True)
class Marks:
    """Packets that are told again when they arrive."""

    sent: dict[bytes, float] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)

    def make(self, party: int, step: int) -> bytes:
        """A payload of 20 ms that tells itself from all others."""
        name = _MARK.pack(party + 1, step)
        self.sent[name] = time.perf_counter()
        return name * (160 // _MARK_BYTES)

    def see(self, payload: bytes) -> None:
        """Is it one of them?"""
        began = self.sent.pop(payload[:_MARK_BYTES], None)
        if began is not None and payload[:_MARK_BYTES] * (160 // _MARK_BYTES) == payload:
            self.delays.append(time.perf_counter() - began)


class Phone:
    """One party on plain RTP."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)

    def say(self, payload: bytes, step: int) -> None:
        """Send 20 ms."""
        head = _HEADER.pack(0x80, 8, step & 0xFFFF, 160 * step & 0xFFFF_FFFF, self.number + 1)
        try:
            self.socket.send(head + payload)
        except OSError:
            return

    def read(self, marks: Marks) -> None:
        """Look at what has come."""
        while True:
            try:
                marks.see(self.socket.recv(2048)[12:])
            except OSError:
                return


async def people(pipe: Connection, load: Load) -> None:
    """The other process: everybody on the telephone, and every agent."""
    callers = [Phone(number) for number in range(load.calls)]
    phones = [Phone(load.calls + number) for number in range(0 if load.agents else load.calls)]
    certificate = Certificate()
    browsers = [
        Browser(HOST, certificate, listens=True, g711=load.agents == "PCMA")
        for _ in range(load.calls if load.agents else 0)
    ]
    ports = [phone.socket.getsockname()[1] for phone in (*callers, *phones)]
    pipe.send((ports, [browser.offer() for browser in browsers]))
    local, answers = await received(pipe)
    for phone, port in zip((*callers, *phones), local, strict=True):
        phone.socket.connect((HOST, port))
    for browser, answer in zip(browsers, answers, strict=True):
        browser.connect(answer)
    if await through(browsers) != len(browsers):
        raise SystemExit("not every browser got through")
    pipe.send("through")
    marks = Marks()
    _converse(pipe, callers, phones, browsers, load, marks)
    pipe.send(marks.delays[len(marks.delays) // 2 :])
    for phone in (*callers, *phones):
        phone.socket.close()
    for browser in browsers:
        browser.close()


def _converse(
    pipe: Connection,
    callers: list[Phone],
    phones: list[Phone],
    browsers: list[Browser],
    load: Load,
    marks: Marks,
) -> None:
    """Everybody talks until told to stop; who has come is read all the time, so that delays are exact."""
    tone = encode((6000 * np.sin(np.arange(160 * 50) * 0.35)).astype(np.int16), "PCMA")
    opus = voice() if load.agents == "OPUS" else []
    poll, by_file = select.epoll(), {phone.socket.fileno(): phone for phone in (*callers, *phones)}
    for file in by_file:
        poll.register(file, select.EPOLLIN)
    began, step = time.perf_counter(), 0
    while not pipe.poll():
        for group in range(_GROUPS):
            due = began + (step + group / _GROUPS) / 50
            while True:
                wait = due - time.perf_counter()
                for file, _ in poll.poll(max(0.0, wait), 256):
                    by_file[file].read(marks)
                if wait <= 0:
                    break
            for number in range(group, load.calls, _GROUPS):
                speaking = (step // _TURN + number) % 2
                plain = tone[160 * (step % 50) :][:160] if speaking else _SILENCE
                marked = (step + number) % _EVERY == 0
                callers[number].say(marks.make(number, step) if marked and phones else plain, step)
                agent = load.calls + number
                sound = opus[step % len(opus)] if opus else marks.make(agent, step) if marked else plain
                if phones:
                    phones[number].say(sound, step)
                else:
                    browsers[number].say(sound, step)
                    browsers[number].read()
                    if (step + number) % _CHECK_EVERY == 0:
                        browsers[number].check()
        step += 1
    poll.close()


# -- the gateway ------------------------------------------------------------------------------------------


async def gateway(pipe: Connection, load: Load) -> None:
    """The side under test."""
    settings = MediaSettings(port_min=FIRST_PORT, port_max=FIRST_PORT + 8 * load.calls)
    web = WebRtcSettings(port=0, legs=max(1, load.calls))
    pipe.send("up")
    ports, offers = await received(pipe)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            MediaEngine.open(HOST, settings) as media,
            WebRtcEngine.open(media, web, HOST) as engine,
            anyio.create_task_group() as tasks,
        ):
            legs = [await _phone(media, number, port) for number, port in enumerate(ports)]
            agents: list[Leg] = [*legs[load.calls :]]
            answers: list[str] = []
            for number, offer in enumerate(offers):
                agent = await engine.web_session(LegId(f"agent-{number}"))
                answers.append((await agent.answer(offer.encode())).decode())
                agents.append(agent)
            tapes = []
            for number, agent_leg in enumerate(agents):
                tape = Recorder(Path(folder), str(number))
                tape.start()
                _join(legs[number], agent_leg, tape)
                tasks.start_soon(_record, legs[number], tape)
                tasks.start_soon(_drain, agent_leg)
                tapes.append(tape)
            pipe.send(([leg.local[1] for leg in legs], answers))
            await received(pipe)
            with settled_heap():
                figures = await paced(
                    load.seconds, lambda: (media.stats.packets_in, media.stats.packets_out), WARM_UP_S
                )
            facts = [leg.facts for leg in (*legs[: load.calls], *agents)]
            waits = [one.playout_ms for one in facts[load.calls if load.agents else 0 :]]
            figures["buffer_ms"] = sum(waits) / len(waits)
            figures["lost"] = sum(one.lost + one.late for one in facts)
            tasks.cancel_scope.cancel()
        kept = [tape.close() for tape in tapes]
        figures["gaps"] = sum(one.gaps + one.dropped for one in kept)
        figures["recorded_s"] = min(one.seconds for one in kept)
    pipe.send(figures)


async def _phone(media: MediaEngine, number: int, port: int) -> RtpSession:
    session = await media.session(LegId(f"phone-{number}"))
    session.configure(MediaPlan((HOST, port), "PCMA", 8, 101, Direction.SENDRECV))
    return session


def _join(caller: RtpSession, agent: Leg, tape: Recorder) -> None:
    bridge = Bridge()
    bridge.join(caller, Role.CALLER, lambda frame: tape.push(1, frame))
    bridge.join(agent, Role.AGENT)


async def _record(leg: RtpSession, tape: Recorder) -> None:
    item: LegInput
    async for item in leg.inputs():
        if isinstance(item, AudioFrame):
            tape.push(0, item)


async def _drain(leg: Leg) -> None:
    """An agent's leg is read for recognition, which runs in other processes."""
    async for _ in leg.inputs():
        pass


# -- the measuring ----------------------------------------------------------------------------------------


def measure(name: str, calls: int, seconds: float) -> Figures:
    """One window."""
    load = Load(calls, seconds, SIDES[name])
    child, side = start(gateway, load)
    hear(side, 60, name)
    others, far = start(people, load, core=last_core())
    side.send(hear(far, 60, "people"))
    far.send(hear(side, 60, name))
    hear(far, 60, "people")
    side.send("go")
    figures: Figures = hear(side, seconds + 60, name)
    far.send("stop")
    delays: list[float] = hear(far, 60, "people")
    for process in (others, child):
        process.join()
    for share, key in ((0.5, "delay_p50_ms"), (0.99, "delay_p99_ms")):
        figures[key] = quantile(delays, share) * 1000
    figures["marks"] = len(delays)
    expected = 2 * calls * 50 * figures["seconds"]
    figures["missing_percent"] = max(0.0, 100 * (1 - figures["received"] / expected))
    figures["percent_per_leg"] = 100 * figures["core_share"] / (2 * calls)
    return figures


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=16.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    windows: dict[str, list[Figures]] = {name: [] for name in SIDES}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("windows", total=len(SIDES) * options.rounds)
        for _ in range(options.rounds):
            for name, rounds in windows.items():
                progress.update(task, description=name)
                rounds.append(measure(name, options.calls, options.seconds))
                progress.advance(task)
    results = [
        {"agents": name, "calls": options.calls, **medians(rounds)} for name, rounds in windows.items()
    ]
    show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def show(results: list[dict[str, Any]]) -> None:
    """A table on stdout."""
    table = Table(title="Bridged and recorded calls, 20 ms, both ways; medians")
    for heading in ("agents by", "calls", "legs", "% of a core/leg", "core %", "one way p50/p99 ms",
                    "buffer ms", "loop lag p50/p99 ms", "missing %", "lost", "gaps", "RSS MB"):  # fmt: skip
        table.add_column(heading, justify="right")
    for one in results:
        delay = f"{one['delay_p50_ms']:.0f}/{one['delay_p99_ms']:.0f}" if one["marks"] else "-"
        table.add_row(
            one["agents"],
            str(one["calls"]),
            str(2 * one["calls"]),
            f"{one['percent_per_leg']:.2f}",
            f"{100 * one['core_share']:.1f}",
            delay,
            f"{one['buffer_ms']:.0f}",
            f"{one['lag_p50_ms']:.1f}/{one['lag_p99_ms']:.1f}",
            f"{one['missing_percent']:.2f}",
            f"{one['lost']:.0f}",
            f"{one['gaps']:.0f}",
            f"{one['rss_mb']:.0f}",
        )
    Console(width=150 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    main()
