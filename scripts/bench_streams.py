"""How many streams of speech one core reads, beside stock faster-whisper on the same weights and utterances.

    python scripts/bench_streams.py ../shared/data/speech/manifest.tsv [--split dev --split control]

The clips go through an 8 kHz A-law channel and are cut as the line cuts them; every side reads the same
utterances with one thread. A stream is somebody who speaks without pause. Partials: what it costs to read
each utterance again every second while it grows, with and without going on from what was agreed.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # as the pool starts its workers

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from asr.audio import SAMPLE_RATE, Segment
from asr.channel import through_alaw
from asr.clips import Clip, load_clips
from asr.detectors import SileroDetectors
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.evaluate import errors
from asr.files import endpointing, read_blocks, utterances
from asr.settings import VAD
from hotline.settings import Settings

Read = Callable[[Sequence[Segment]], list[str]]


def ours(engine: WhisperEngine, together: int) -> Read:
    """Our engine, with so many utterances waiting at once."""

    def read(segments: Sequence[Segment]) -> list[str]:
        order = sorted(range(len(segments)), key=lambda at: len(segments[at].pcm))
        texts = [""] * len(segments)
        for begin in range(0, len(order), together):
            batch = order[begin : begin + together]
            for at, found in zip(batch, engine.transcribe([segments[at] for at in batch]), strict=True):
                texts[at] = found.text
        return texts

    return read


def stock(folder: Path, **how: object) -> Read:
    """faster-whisper as it comes: 30 s for each utterance, all languages, time stamps."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def read(segments: Sequence[Segment]) -> list[str]:
        return [
            "".join(
                part.text for part in model.transcribe(samples(each), language="zh", beam_size=5, **how)[0]
            )
            for each in segments
        ]

    return read


def samples(segment: Segment) -> np.ndarray:
    """-1..1."""
    return np.frombuffer(segment.pcm, "<i2").astype(np.float32) / 32_768


def growing(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Each utterance after every second of it."""
    for each in segments:
        for end in range(SAMPLE_RATE, each.end - each.start, SAMPLE_RATE):
            yield replace(each, end=each.start + end, pcm=each.pcm[: 2 * end])


def partials(engine: WhisperEngine, segments: Sequence[Segment], *, on: bool) -> float:
    """CPU seconds of all partials; `on`: each goes on from what was agreed."""
    began = process_time()
    for part in growing(segments):
        engine.sketch([part if on else replace(part, utterance=type(part.utterance)(f"{part.end}"))])
    return process_time() - began


def compare(sides: dict[str, Read], clips: Sequence[Clip], cut: Sequence[Sequence[Segment]]) -> Table:
    """Cost and errors of each side on the same utterances; the first one is the measure."""
    flat = [segment for row in cut for segment in row]
    seconds = sum(each.end - each.start for each in flat) / SAMPLE_RATE
    table = Table("side", "CPU s / s", "streams a core", "x", "CER %")
    first = 0.0
    with Progress(console=Console(stderr=True)) as progress:
        step = progress.add_task("reading", total=len(sides))
        for name, read in sides.items():
            read(flat[:4])  # weights are in the cache then
            began = process_time()
            texts = iter(read(flat))
            cost = (process_time() - began) / seconds
            first = first or cost
            wrong = length = 0
            for clip, row in zip(clips, cut, strict=True):
                off, size = errors(clip.reference, "".join(next(texts) for _ in row))
                wrong, length = wrong + off, length + size
            table.add_row(
                name, f"{cost:.4f}", f"{1 / cost:.1f}", f"{first / cost:.1f}", f"{100 * wrong / length:.1f}"
            )
            progress.advance(step)
    return table


def main() -> None:
    """Read, count, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", action="append", default=[])
    asked = parser.parse_args()
    settings = Settings()
    options = WhisperOptions()
    folder = settings.models / options.model
    detectors, rules = SileroDetectors(settings.models / VAD), endpointing(settings.asr)
    clips = [
        clip for split in asked.split or ["dev", "control"] for clip in load_clips(asked.manifest, split)
    ]
    cut = [
        list(utterances(clip.id, [through_alaw(b"".join(read_blocks(clip.file)))], detectors, rules))
        for clip in clips
    ]
    flat = [segment for row in cut for segment in row]
    seconds = sum(each.end - each.start for each in flat) / SAMPLE_RATE
    engine = WhisperEngine(options, folder, 1)
    sides: dict[str, Read] = {
        "faster-whisper, defaults": stock(folder),
        "faster-whisper, no time stamps, no second tries": stock(
            folder, without_timestamps=True, temperature=0.0
        ),
        "ours, one at a time": ours(engine, 1),
        "ours, two waiting": ours(engine, 2),
        "ours, four waiting": ours(engine, 4),
    }
    table = compare(sides, clips, cut)
    whole, going_on = partials(engine, flat, on=False), partials(engine, flat, on=True)
    Console().print(
        f"{len(flat)} utterances, {seconds:.0f} s",
        table,
        f"partials every second, CPU s / s: {whole / seconds:.4f} read from the beginning, "
        f"{going_on / seconds:.4f} going on",
        sep="\n",
    )


if __name__ == "__main__":
    main()
