"""Measures what one browser's leg costs, in % of a core, beside aiortc on the same load in the same run.

    python scripts/bench_webrtc.py [--legs 20] [--seconds 6] [--rounds 1] [--json FILE]

Browsers in a process of their own, pinned to one core, check by ICE, shake hands by DTLS and send Opus
encoded beforehand (16 kHz, 20 ms) as SRTP over real UDP; the side under test, pinned to another, is one of:

ours      the gateway's legs: ICE-lite, DTLS, SRTP, jitter buffer, Opus to 16 kHz mono, a reader for each leg
aiortc    RTCPeerConnection, its track read, PyAV's resampler to 16 kHz mono
… duplex  the same with a prompt encoded and sent to every browser

CPU is process time, all threads. Setting a leg up (answer, ICE, DTLS) is told apart.
"""

import argparse
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from asr.audio import AudioFrame, LegId
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.webrtc import WebRtcEngine
from hotline.gateway.webrtc_session import WebRtcSession
from hotline.gateway_settings import MediaSettings, WebRtcSettings
from scripts.bench_browsers import STEPS_A_SECOND, browse
from scripts.bench_gateway import PROMPT
from scripts.bench_parts import HOST, Figures, hear, last_core, medians, paced, received, start

WARM_UP_S = 1.5


@dataclass(frozen=True, slots=True)
class Load:
    """What a side is put under."""

    host: str
    legs: int
    seconds: float
    duplex: bool


@dataclass(slots=True)
class Counts:
    """Packets in, and frames given to readers."""

    packets: int = 0
    frames: int = 0


async def _measured(
    pipe: Connection, load: Load, answer: Callable[[str], Awaitable[str]], count: Callable[[], Counts]
) -> Figures:
    """Answer all offers, wait until the browsers are through, measure."""
    offers: list[str] = await received(pipe)
    before = time.process_time()
    answers = [await answer(offer) for offer in offers]
    pipe.send(answers)
    await received(pipe)
    setup = time.process_time() - before
    figures = await paced(load.seconds, lambda: (count().packets, count().frames), WARM_UP_S)
    figures["setup_ms"] = setup * 1000 / load.legs
    return figures


async def run_ours(pipe: Connection, load: Load) -> None:
    """The gateway's legs."""
    counts = Counts()
    async with (
        MediaEngine.open(HOST, MediaSettings()) as media,
        WebRtcEngine.open(media, WebRtcSettings(codecs=("OPUS",), legs=load.legs), load.host) as engine,
        anyio.create_task_group() as tasks,
    ):

        async def answer(offer: str) -> str:
            session = await engine.web_session(LegId(offer[:40]))
            text = (await session.answer(offer.encode())).decode()
            tasks.start_soon(_read, session, counts)
            if load.duplex:
                tasks.start_soon(_talk, session)
            return text

        def count() -> Counts:
            counts.packets = media.stats.packets_in
            return counts

        pipe.send("up")
        figures = await _measured(pipe, load, answer, count)
        tasks.cancel_scope.cancel()
    pipe.send(figures)


async def _read(session: WebRtcSession, counts: Counts) -> None:
    async for item in session.inputs():
        if isinstance(item, AudioFrame):
            counts.frames += 1


async def _talk(session: WebRtcSession) -> None:
    while True:
        await session.play(PROMPT)


async def run_aiortc(pipe: Connection, load: Load) -> None:
    """The library most would take."""
    import aiortc

    counts = Counts()
    browsers = []
    async with anyio.create_task_group() as tasks:

        async def answer(offer: str) -> str:
            connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
            browsers.append(connection)
            connection.on("track", lambda track: tasks.start_soon(_pump, track, counts))
            if load.duplex:
                connection.addTrack(_tone())
            await connection.setRemoteDescription(aiortc.RTCSessionDescription(offer, "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
            return str(connection.localDescription.sdp)

        pipe.send("up")
        figures = await _measured(pipe, load, answer, lambda: counts)
        tasks.cancel_scope.cancel()
    for connection in browsers:
        await connection.close()
    pipe.send(figures)


async def _pump(track: Any, counts: Counts) -> None:
    from av import AudioResampler

    resampler = AudioResampler(format="s16", layout="mono", rate=16_000)
    while True:
        for frame in resampler.resample(await track.recv()):
            bytes(frame.planes[0])
            counts.frames += 1
        counts.packets += 1


def _tone() -> Any:
    """A track that plays the prompt at 16 kHz, mono."""
    from aiortc.mediastreams import AudioStreamTrack

    class Prompt(AudioStreamTrack):
        async def recv(self) -> Any:
            frame: Any = await super().recv()  # 8 kHz, 20 ms, paced
            at = 2 * frame.pts % len(PROMPT)
            frame.planes[0].update(PROMPT[at : at + 2 * frame.samples])
            return frame

    return Prompt()


SIDES: dict[str, tuple[Callable[[Connection, Load], Any], bool]] = {
    "ours": (run_ours, False),
    "aiortc": (run_aiortc, False),
    "ours duplex": (run_ours, True),
    "aiortc duplex": (run_aiortc, True),
}


def measure(name: str, host: str, legs: int, seconds: float) -> Figures:
    """One window of one side."""
    run, duplex = SIDES[name]
    child, side = start(run, Load(host, legs, seconds, duplex))
    hear(side, 60, name)
    browsers, far = start(browse, host, legs, duplex, core=last_core())
    side.send(hear(far, 60, "browsers"))
    far.send(hear(side, 60, name))
    through = hear(far, 60, "browsers")
    if through != legs:
        raise SystemExit(f"{name}: only {through} of {legs} browsers got through")
    side.send("go")
    figures: Figures = hear(side, seconds + 60, name)
    far.send("stop")
    for process in (browsers, child):
        process.join()
    expected = legs * STEPS_A_SECOND * figures["seconds"]
    figures["missing_percent"] = max(0.0, 100 * (1 - figures["received"] / expected))
    figures["percent_per_leg"] = 100 * figures["core_share"] / legs
    return figures


def address() -> str:
    """An address of this machine other than loopback, which aiortc does not use; packets stay inside."""
    import ifaddr

    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            if isinstance(each.ip, str) and not each.ip.startswith("127."):
                return each.ip
    raise SystemExit("this machine has no address beside loopback, and aiortc does not use that one")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--legs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    host = address()
    windows: dict[str, list[Figures]] = {name: [] for name in SIDES}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("windows", total=len(SIDES) * options.rounds)
        for _ in range(options.rounds):
            for name, rounds in windows.items():
                progress.update(task, description=name)
                rounds.append(measure(name, host, options.legs, options.seconds))
                progress.advance(task)
    results = [{"side": name, "legs": options.legs, **medians(rounds)} for name, rounds in windows.items()]
    show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def show(results: list[dict[str, Any]]) -> None:
    """A table on stdout."""
    table = Table(title="Browsers' legs, Opus in DTLS-SRTP, 20 ms; medians")
    for heading in ("side", "legs", "% of a core/leg", "µs CPU/packet", "core %", "set-up CPU ms/leg",
                    "missing %", "loop lag p50/p99 ms", "RSS MB"):  # fmt: skip
        table.add_column(heading, justify="right")
    for one in results:
        table.add_row(
            one["side"],
            str(one["legs"]),
            f"{one['percent_per_leg']:.2f}",
            f"{one['us_per_packet']:.0f}",
            f"{100 * one['core_share']:.1f}",
            f"{one['setup_ms']:.1f}",
            f"{one['missing_percent']:.2f}",
            f"{one['lag_p50_ms']:.1f}/{one['lag_p99_ms']:.1f}",
            f"{one['rss_mb']:.0f}",
        )
    Console(width=140 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    main()
