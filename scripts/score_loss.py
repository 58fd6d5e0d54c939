#!/usr/bin/env python3
"""Loss of weights on clips, teacher-forced: cheaper than reading them, and finer where few clips are at hand.

    python -m scripts.score_loss MANIFEST base=FOLDER rules=run/share-50 … [--split dev] [--readings 3]

Nats a token, each clip at 16 kHz and behind A-law, each reading 3 ms later. The others are compared with the
first weights, clip by clip; 95 % bootstrap intervals over clips. Low loss is no low error rate.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from asr.audio import SAMPLE_RATE
from asr.channel import LINE_RATE, decode_alaw, encode_alaw
from asr.clips import Clip, load_clips
from asr.finetune.augment import Samples, features
from asr.finetune.network import Whisper
from asr.finetune.samples import IGNORED, LONGEST_SECONDS, Sample, collate
from asr.tokens import Tokens

LATER: Final = SAMPLE_RATE * 3 // 1000
DRAWS: Final = 5_000
BOUNDS: Final = (2.5, 97.5)


def behind_line(audio: Samples) -> Samples:
    """Through 8 kHz A-law and back."""
    import soxr

    narrow = soxr.resample(audio, SAMPLE_RATE, LINE_RATE)
    heard = decode_alaw(encode_alaw((np.clip(narrow, -1, 1) * 32767).astype(np.int16)))
    wide: Samples = soxr.resample(heard.astype(np.float32) / 32768.0, LINE_RATE, SAMPLE_RATE)
    return wide


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
def losses(
    weights: Path, tokens: Tokens, clips: list[Clip], readings: int, *, line: bool
) -> NDArray[np.float64]:
    """Summed loss and tokens of each clip (clips, 2), all readings together."""
    model = Whisper.load(weights / "model.bin").eval()
    found = np.zeros((len(clips), 2))
    for place, clip in enumerate(clips):
        audio = np.frombuffer(clip.sound(), np.int16).astype(np.float32) / 32768.0
        audio = behind_line(audio) if line else audio
        row, given = tokens.row(clip.reference, prompted=False)
        for reading in range(readings):
            mel = features(np.pad(audio[reading * LATER :], (0, SAMPLE_RATE // 2)))
            batch = collate([Sample(mel, row, given)], tokens.end)
            labels = batch.labels[batch.labels != IGNORED]
            states = model(batch.mel, batch.lengths, batch.tokens)[batch.labels != IGNORED]
            found[place, 0] += float(
                functional.cross_entropy(model.logits(states).float(), labels, reduction="sum")
            )
            found[place, 1] += len(labels)
    return found


def interval(first: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float, float]:
    """Difference of the loss a token and its bounds, the same clips drawn for both."""
    draw = np.random.default_rng(12348)
    chosen = draw.integers(len(first), size=(DRAWS, len(first)))
    a, b = first[chosen].sum(axis=1), other[chosen].sum(axis=1)
    low, high = np.percentile(b[:, 0] / b[:, 1] - a[:, 0] / a[:, 1], BOUNDS)
    middle = other[:, 0].sum() / other[:, 1].sum() - first[:, 0].sum() / first[:, 1].sum()
    return float(middle), float(low), float(high)


def main() -> None:
    """Print a line for each weights and channel."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("weights", nargs="+", help="NAME=FOLDER, the first to compare with")
    parser.add_argument("--split", default="")
    parser.add_argument("--only", default="", help="clips whose text has this")
    parser.add_argument("--kind", default="", help="clips whose kind has this")
    parser.add_argument("--readings", type=int, default=1)
    parser.add_argument("--most", type=int, default=10_000, help="clips")
    asked = parser.parse_args()
    clips = [
        each
        for each in load_clips(asked.manifest, asked.split)
        if asked.only in each.reference
        and asked.kind in each.kind
        and len(each.sound()) <= LONGEST_SECONDS * SAMPLE_RATE * 2
    ][: asked.most]
    named = [(name, Path(folder)) for name, _, folder in (each.partition("=") for each in asked.weights)]
    tokens = Tokens(named[0][1])
    out = sys.stdout.write
    out(f"{len(clips)} clips, {asked.readings} readings\n")
    for line in (False, True):
        first = None
        for name, folder in named:
            found = losses(folder, tokens, clips, asked.readings, line=line)
            out(f"{'A-law' if line else '16 kHz'}  {name}  {found[:, 0].sum() / found[:, 1].sum():.3f}")
            if first is None:
                first = found
            else:
                out("  {:+.3f} ({:+.3f} … {:+.3f})".format(*interval(first, found)))
            out("\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
