"""Measure recognition: delay of texts behind the caller's voice, cut against stock padding, and memory.

    python scripts/bench_asr.py [--legs 2] [--layouts 1x2,2x1,1x1] [--json] FILE…

FILEs are recordings of speech, a few seconds each; without any, an optional folder of evaluation data is
taken. They go through an 8 kHz A-law channel and are pushed in real time.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from asr.audio import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, LegId, Segment, UtteranceId
from asr.catalog import Catalog
from asr.channel import through_alaw
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.files import read_blocks
from asr.normalize import normalize
from asr.pool import AsrPool
from asr.settings import AsrSettings
from asr.transcript import TranscriptEvent

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = ROOT.parent / "shared" / "data" / "speech"
PAUSE = bytes(2 * 2 * SAMPLE_RATE)
"""Two seconds of silence between recordings."""


@dataclass(slots=True)
class Delays:
    """Seconds behind the voice."""

    finals: list[float] = field(default_factory=list)
    """From the last sound of an utterance to its final."""
    partials: list[float] = field(default_factory=list)
    """From the first sound of an utterance to its first partial."""
    degraded: int = 0


async def speak(pool: AsrPool, name: str, pcm: bytes, delays: Delays) -> None:
    """One leg in real time; delays are taken when its events come out."""
    leg, began = pool.open(LegId(name)), anyio.current_time()
    lead = 4_000  # the segmenter keeps a quarter of a second before and after the speech

    async def listen() -> None:
        seen: set[str] = set()
        async for event in leg.events():
            note(event, anyio.current_time() - began, seen)

    def note(event: TranscriptEvent, now: float, seen: set[str]) -> None:
        if event.kind == "final":
            delays.degraded += event.degraded
            if event.text:
                delays.finals.append(now - (event.end - lead) / SAMPLE_RATE)
        elif event.utterance not in seen:
            seen.add(event.utterance)
            delays.partials.append(now - (event.start + lead) / SAMPLE_RATE)

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        for number, at in enumerate(range(0, len(pcm), 2 * FRAME_SAMPLES)):
            leg.push(AudioFrame(leg.leg, number * FRAME_SAMPLES, pcm[at : at + 2 * FRAME_SAMPLES]))
            await anyio.sleep_until(began + (number + 1) * 0.02)
        await leg.close()


def memory(pool: AsrPool) -> dict[str, float]:
    """Resident MiB of this process and of the workers."""
    stats = pool.stats
    sizes = {"parent": psutil.Process(os.getpid()).memory_info().rss}
    sizes |= {f"worker {n}": psutil.Process(pid).memory_info().rss for n, pid in enumerate(stats.workers)}
    if stats.detector is not None:
        sizes["detector"] = psutil.Process(stats.detector).memory_info().rss
    return {name: round(size / 2**20, 1) for name, size in sizes.items()}


async def bench_layout(
    settings: AsrSettings, catalog: Catalog, clips: list[bytes], legs: int
) -> dict[str, Any]:
    """Delays and memory with one arrangement of workers and threads."""
    delays = Delays()
    async with AsrPool.running(settings, catalog, normalize) as pool:
        async with anyio.create_task_group() as group:
            for leg in range(legs):
                turned = clips[leg * len(clips) // legs :] + clips[: leg * len(clips) // legs]
                group.start_soon(speak, pool, f"leg{leg}", PAUSE + PAUSE.join([*turned, b""]), delays)
        rss = memory(pool)
    return {
        "workers": settings.workers,
        "threads": settings.threads,
        "utterances": len(delays.finals),
        "final p50": percentile(delays.finals, 50),
        "final p95": percentile(delays.finals, 95),
        "first partial p50": percentile(delays.partials, 50),
        "first partial p95": percentile(delays.partials, 95),
        "degraded": delays.degraded,
        "rss MiB": rss,
    }


def percentile(values: list[float], share: int) -> float:
    """Seconds; not a number when nothing came."""
    return round(float(np.percentile(values, share)), 2) if values else float("nan")


def bench_padding(folder: Path, clips: list[bytes], threads: int) -> list[dict[str, Any]]:
    """Computing time of the same weights with short padding and with the stock 30 s."""
    rows = []
    segments = [Segment(UtteranceId("u"), LegId("l"), 0, len(pcm) // 2, pcm) for pcm in clips]
    audio = sum(each.end for each in segments) / SAMPLE_RATE
    for margin in (50, WhisperOptions().margin_frames, 3_000):
        engine = WhisperEngine(WhisperOptions(margin_frames=margin), folder, threads)
        engine.transcribe(segments[:1])
        began = time.perf_counter()
        for each in segments:
            engine.transcribe([each])
        whole = time.perf_counter() - began
        began = time.perf_counter()
        for each in segments:
            engine.sketch([each])
        quick = time.perf_counter() - began
        rows.append({"margin_frames": margin, "RTF final": whole / audio, "RTF partial": quick / audio})
    return [{key: round(value, 4) for key, value in row.items()} for row in rows]


def default_files() -> list[Path]:
    """Recordings of the optional folder, of the length callers' sentences have."""
    found = sorted((OPTIONAL / "mandarin_real").glob("*.flac")) + sorted(
        (OPTIONAL / "sichuan_real").glob("wsc_s*")
    )
    return [path for path in found if 200_000 > path.stat().st_size > 30_000][:8]


def table(title: str, rows: list[dict[str, Any]]) -> Table:
    """Rows for a person."""
    made = Table(*rows[0], title=title)
    for row in rows:
        made.add_row(*(str(value) for value in row.values()))
    return made


def main() -> None:
    """Run what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--legs", type=int, default=2)
    parser.add_argument("--layouts", default="1x2,2x1,1x1", help="workers x threads, by commas")
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "hotline12348" / "models")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    files = asked.files or default_files()
    if not files:
        parser.error("no recordings: name some")
    catalog = Catalog.load(ROOT / "models" / "manifest.toml", asked.models)
    clips = [through_alaw(b"".join(read_blocks(path))) for path in files]
    layouts = [tuple(int(part) for part in each.split("x")) for each in asked.layouts.split(",") if each]
    rows = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as bars:
        bar = bars.add_task("measuring", total=len(layouts) + 1)
        for workers, threads in layouts:
            settings = AsrSettings(workers=workers, threads=threads)
            rows.append(anyio.run(bench_layout, settings, catalog, clips, asked.legs))
            bars.advance(bar)
        padding = bench_padding(catalog.path("whisper-base"), clips, 2)
        bars.advance(bar)
    if asked.json:
        print(
            json.dumps(
                {"legs": asked.legs, "files": len(files), "layouts": rows, "padding": padding}, indent=1
            )
        )
        return
    out = Console()
    if rows:
        out.print(table(f"{asked.legs} legs in real time, seconds behind the voice", rows))
    out.print(table("the same weights, computing seconds a second of audio", padding))


if __name__ == "__main__":
    main()
