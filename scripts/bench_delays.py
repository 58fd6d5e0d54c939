"""How late texts come when so many callers speak at once, and what partials cost, whatever else runs.

    python scripts/bench_delays.py ../shared/data/speech/manifest.tsv [--callers 2] [--split dev]

The clips go through an 8 kHz A-law channel, a second of silence between them, each caller saying every
other one. The line's own code runs in made-up time (`asr/delays.py`); a reading lasts as long as it keeps one
core busy, so that a busy machine changes little.
"""

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import process_time

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # as the pool starts its workers

import anyio
import numpy as np

from asr.audio import SAMPLE_RATE, Segment
from asr.channel import through_alaw
from asr.clips import load_clips
from asr.delays import delays_of
from asr.detectors import SileroDetectors
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.settings import VAD, AsrSettings
from asr.transcript import Hypothesis
from hotline.settings import Settings

PAUSE = bytes(2 * SAMPLE_RATE)


class Reader:
    """The engine, and what it was asked."""

    def __init__(self, engine: WhisperEngine) -> None:
        self._engine = engine
        self.cost = {True: 0.0, False: 0.0}
        self.count = {True: 0, False: 0}

    async def __call__(self, segments: Sequence[Segment], *, quick: bool) -> list[Hypothesis]:
        """Read them."""
        began = process_time()
        found = (self._engine.sketch if quick else self._engine.transcribe)(segments)
        self.cost[quick] += process_time() - began
        self.count[quick] += len(segments)
        return found


def main() -> None:
    """Read, count, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", action="append", default=[])
    parser.add_argument("--callers", type=int, default=2)
    asked = parser.parse_args()
    models, options = Settings().models, WhisperOptions()
    splits = asked.split or ["dev", "control"]
    clips = [clip for split in splits for clip in load_clips(asked.manifest, split)]
    spoken = [through_alaw(clip.sound()) for clip in clips]
    legs = [PAUSE.join(spoken[number :: asked.callers]) for number in range(asked.callers)]
    reader = Reader(WhisperEngine(options, models / options.model, 1))
    detectors = SileroDetectors(models / VAD)
    work = partial(delays_of, legs, reader, detectors, AsrSettings(), process_time)
    found = anyio.run(work)
    seconds = sum(len(each) for each in spoken) / 2 / SAMPLE_RATE
    print(f"{asked.callers} callers, {seconds:.0f} s of speech, {len(found.finals)} finals")
    for name, values in (("last sound to final", found.finals), ("first sound to partial", found.partials)):
        print(f"{name}: p50 {np.percentile(values, 50):.2f}, p95 {np.percentile(values, 95):.2f} s")
    for name, quick in (("finals and early readings", False), ("partials", True)):
        print(
            f"{name}: {reader.count[quick]}, {reader.cost[quick] / seconds:.3f} s of CPU a second of speech"
        )


if __name__ == "__main__":
    main()
