"""Diarisation error rate on two-voice mixtures of evaluation clips, and memory on a long recording.

python scripts/bench_diarize.py ../shared/data/speech [--hours 2] [--mixtures 6] [--pyannote FOLDER]. Mixtures
are clips of two named voices in turn, with pauses of 0.2 to 1.2 s, without overlap; truth: the clips' speech
by energy. The packaged diarizer, or pyannote with the pipeline in FOLDER.
"""

import argparse
import csv
import random
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE
from asr.catalog import Catalog
from asr.channel import through_alaw
from asr.detectors import SileroDetectors
from asr.diarize import Diarizer
from asr.segmenter import Endpointing
from asr.settings import AsrSettings, DiarizeSettings
from asr.speakers.choice import make_diarizer
from asr.speakers.score import Turn, der

PIECE = 4
"""Seconds of a clip that are one turn, at most."""


def clips(folder: Path) -> dict[str, list[NDArray[np.int16]]]:
    """Real clips by named speaker, cut into turns of at most four seconds."""
    found: dict[str, list[NDArray[np.int16]]] = defaultdict(list)
    with (folder / "manifest.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            real = row["kind"].startswith("real human") and row["split"] in {
                "dev",
                "untranscribed",
                "control",
            }
            if not real or row["speaker"] == "unknown" or float(row["seconds"]) > 60:
                continue
            pcm = soundfile.read(folder / row["file"], dtype="int16")[0]
            for at in range(0, len(pcm) - SAMPLE_RATE, PIECE * SAMPLE_RATE):
                found[row["speaker"]].append(pcm[at : at + PIECE * SAMPLE_RATE])
    return {name: turns for name, turns in found.items() if len(turns) >= 2}


def mixture(turns: list[tuple[str, NDArray[np.int16]]], dice: random.Random) -> tuple[bytes, list[Turn]]:
    """Turns one behind the other: 16 kHz s16le, and who speaks (40 ms frames within 35 dB of the loudest)."""
    audio, truth, at = [], [], 0
    for who, pcm in turns:
        frames = pcm[: len(pcm) // 640 * 640].reshape(-1, 640).astype(float)
        loud = 10 * np.log10(np.mean(frames**2, axis=1) + 1)
        heard = np.flatnonzero(loud > loud.max() - 35)
        start = at
        for here, after in zip(heard, [*heard[1:], 1 << 30], strict=True):
            if after - here > 12:  # half a second of silence ends a turn
                truth.append(Turn(start / SAMPLE_RATE, (at + (here + 1) * 640) / SAMPLE_RATE, who))
                start = at + after * 640
        pause = np.zeros(int(dice.uniform(0.2, 1.2) * SAMPLE_RATE), np.int16)
        audio += [pcm, pause]
        at += len(pcm) + len(pause)
    return np.concatenate(audio).astype("<i2").tobytes(), truth


def quietly(seconds: float) -> None:
    """Progress that nobody watches."""
    del seconds


def score(diarizer: Diarizer, pcm: bytes, truth: list[Turn], count: int | None) -> Turn:
    """Errors, speech and speakers found, packed as a row: (wrong seconds, speech seconds, number)."""
    blocks = (pcm[at : at + 32_000] for at in range(0, len(pcm), 32_000))
    pieces = diarizer.pieces("mixture", blocks, count, quietly)
    found = [Turn(p.start / SAMPLE_RATE, p.end / SAMPLE_RATE, str(p.speaker)) for p in pieces]
    got = der(truth, found)
    return Turn(got.rate * got.speech, got.speech, f"{len({p.speaker for p in pieces})} {got.confused:.1f}")


def long_file(diarizer: Diarizer, hours: float, source: bytes) -> None:
    """Diarise so many hours of the same turns over and over; prints memory and CPU time."""

    def blocks() -> Iterator[bytes]:
        for n in range(int(hours * 3600)):
            at = n * 32_000 % (len(source) - 32_000)
            yield source[at : at + 32_000]

    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    pieces = diarizer.pieces("long", blocks(), 2, quietly)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent = time.process_time() - began
    print(
        f"{hours} h: peak RSS {after >> 10} MiB (before: {before >> 10}), {len(pieces)} pieces, "
        f"CPU {spent:.0f} s, RTF {spent / hours / 3600:.3f}"
    )


def main() -> None:
    """Print a table."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("folder", type=Path)
    ask.add_argument("--mixtures", type=int, default=6)
    ask.add_argument("--hours", type=float, default=0.0)
    ask.add_argument("--pyannote", default="")
    wishes = ask.parse_args()
    catalog = Catalog.load(Path("models/manifest.toml"), Path.home() / ".cache/hotline12348/models")
    settings = AsrSettings(diarize=DiarizeSettings(model=wishes.pyannote))
    detectors = SileroDetectors(catalog.path("silero-vad"))
    diarizer = make_diarizer(settings, catalog, detectors, Endpointing())
    voices, dice = clips(wishes.folder), random.Random(7)
    pairs = dice.sample(sorted(combinations(sorted(voices), 2)), wishes.mixtures)
    sets = []
    for a, b in pairs:
        turns = [
            (who, pcm)
            for pair in zip(voices[a][:5], voices[b][:5], strict=False)
            for who, pcm in zip((a, b), pair, strict=True)
        ]
        sets.append(mixture(turns, dice))
    channels: dict[str, Callable[[bytes], bytes]] = {"16 kHz": lambda pcm: pcm, "A-law": through_alaw}
    print("channel  speakers  DER     confused s  speech s  found")
    for name, channel in channels.items():
        for count in (2, None):
            rows = [score(diarizer, channel(pcm), truth, count) for pcm, truth in sets]
            wrong, speech = sum(r.start for r in rows), sum(r.end for r in rows)
            confused = sum(float(r.speaker.split()[1]) for r in rows)
            told = " ".join(r.speaker.split()[0] for r in rows)
            row = f"{name:8} {count or 'unknown':8}  {wrong / speech:6.1%}  {confused:10.1f}  {speech:8.1f}"
            print(f"{row}  {told}", flush=True)
    if wishes.hours:
        long_file(diarizer, wishes.hours, sets[0][0])


if __name__ == "__main__":
    main()
