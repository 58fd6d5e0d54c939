#!/usr/bin/env python3
"""Tones within words of two syllables: what a Sichuan voice sings, beside the contours that we ask for.

    python -m scripts.measure_pairs ../shared/data/speech/manifest.tsv --text ../shared/data/text

The voice is Apple's Panpan (dictionary headwords; synthetic, isolated, one speaker). A word is parted where
it is weakest in its middle third; each half is measured at a fifth, a half and nine tenths of its voiced
frames. Levels are laid over semitones by one straight line for all words, fitted for each set by itself.
"""

import argparse
import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np
import pyworld
import soundfile
from numpy.typing import NDArray

from asr.finetune.contours import pair
from asr.finetune.synthesis import CONTOURS
from scripts.score_phonology import entries

Curve = NDArray[np.float64]
Heard = dict[tuple[int, int], list[Curve]]
"""Curves by the tones of the two syllables."""
FRAME_MS: Final = 5.0
SHARES: Final = (0.2, 0.55, 0.9)
SHORTEST: Final = 8
"""Voiced frames of a syllable that is measured."""
VOICE: Final = "Panpan"
REFERENCE_HZ: Final = 200.0
PAIR: Final = 2
FEWEST: Final = 5
"""Words of a pair of tones that is told."""


def curve(file: Path) -> Curve | None:
    """Semitones about 200 Hz, three points a syllable (6,); None where too little is voiced."""
    sound, rate = soundfile.read(file, dtype="float64")
    pitch, at = pyworld.dio(sound, rate, frame_period=FRAME_MS)
    pitch = pyworld.stonemask(sound, pitch, at, rate)
    hop = int(rate * FRAME_MS / 1000)
    frames = [sound[at * hop : (at + 1) * hop] for at in range(len(pitch))]
    power = np.array([np.sqrt(np.mean(each**2) + 1e-12) for each in frames])
    voiced = np.flatnonzero((power > 0.02 * power.max()) & (pitch > 0))
    if len(voiced) < 2 * SHORTEST:
        return None
    first, last = int(voiced[0]), int(voiced[-1])
    low, high = (int(first + share * (last - first)) for share in (0.35, 0.65))
    strength = np.where(pitch > 0, power, 0.3 * power)[low:high]
    cut = low + int(np.argmin(np.convolve(strength, np.ones(5) / 5, "same")))
    points = []
    for begin, end in ((first, cut), (cut, last + 1)):
        heard = pitch[begin:end][pitch[begin:end] > 0]
        if len(heard) < SHORTEST:
            return None
        points += [heard[int(share * len(heard))] for share in SHARES]
    out: Curve = 12 * np.log2(np.array(points) / REFERENCE_HZ)
    return out


def asked(first: int, second: int, *, paired: bool) -> Curve:
    """Our levels of such a word (6,)."""
    own = pair(first, second) if paired else (None, None)
    plain = CONTOURS["chengdu"]
    return np.array([*(own[0] or plain[first]), *(own[1] or plain[second])])


def measured(manifest: Path, tones: dict[str, tuple[int, int]]) -> tuple[Heard, Heard]:
    """The voice's curves by tones: of words of two different characters, and of doubled ones."""
    different: Heard = defaultdict(list)
    doubled: Heard = defaultdict(list)
    with manifest.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            word = row["transcript"]
            if row["speaker"] != VOICE or word not in tones:
                continue
            found = curve(manifest.parent / row["file"])
            if found is not None:
                (doubled if word[0] == word[1] else different)[tones[word]].append(found)
    return different, doubled


def main() -> None:
    """Print the table, and how far each set of contours is off."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--text", type=Path, required=True, help="folder with the dictionary")
    given = parser.parse_args()
    pairs = [(word, said) for word, said in entries(given.text) if len(said) == PAIR]
    different, doubled = measured(given.manifest, {word: (a.tone, b.tone) for word, (a, b) in pairs})
    out = sys.stdout.write
    for name, kind in (("two different syllables", different), ("doubled", doubled)):
        out(f"\n| {name} | words | first syllable | second syllable |\n|---|---|---|---|\n")
        for key, curves in sorted(kind.items()):
            if len(curves) >= FEWEST:
                told = [f"{point:+.1f}" for point in np.median(curves, axis=0)]
                out(f"| {key[0]} {key[1]} | {len(curves)} | {' '.join(told[:3])} | {' '.join(told[3:])} |\n")
    both = [(key, each) for key, curves in different.items() for each in curves]
    sung = np.concatenate([each for _, each in both])
    for name, paired in (("a tone's own contours", False), ("contours within pairs", True)):
        levels = np.concatenate([asked(*key, paired=paired) for key, _ in both])
        slope, offset = np.polyfit(levels, sung, 1)
        off = float(np.sqrt(np.mean((sung - (slope * levels + offset)) ** 2)))
        out(f"\n{name}: {off:.2f} semitones off (rms), r {np.corrcoef(levels, sung)[0, 1]:.2f}")
    out("\n")


if __name__ == "__main__":
    main()
