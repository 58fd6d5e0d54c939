"""Manifests of clips → batches for training: clips joined, spoilt, made features, and their texts tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset

from asr.audio import SAMPLE_RATE
from asr.clips import load_clips
from asr.finetune.augment import WARPS, Augment, Samples, features, masked, spoil, telephone, wordless
from asr.tokens import Tokens

IGNORED = -100
"""Label of tokens that are given and not asked for."""
LONGEST_SECONDS = 24.0
JOINED = 0.4
"""How often clips are joined, and at most so many."""
JOINED_MOST = 4
PROMPTED = 0.5
"""How often the serving prompt stands before the text."""
BUCKET = 64
"""Samples that are sorted by length before batches are made of them."""


@dataclass(frozen=True, slots=True)
class Item:
    """A clip to learn from."""

    file: Path
    text: str
    weight: float
    """How often it is drawn beside others."""
    start: float = 0.0
    """Seconds into the file."""
    end: float | None = None
    """Seconds into the file; None: its end."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one row of a batch is made of."""

    mel: NDArray[np.float32]
    tokens: list[int]
    given: int
    """Leading tokens that are not asked for."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Features (B, 80, F) with their lengths in frames (B,), decoder input (B, T) and labels (B, T)."""

    mel: torch.Tensor
    lengths: torch.Tensor
    tokens: torch.Tensor
    labels: torch.Tensor

    @property
    def seconds(self) -> float:
        """Audio in it."""
        return float(self.lengths.sum()) / 100


def items(manifests: Sequence[tuple[Path, float]]) -> list[Item]:
    """The clips of manifests, each with its weight. Raises `BadManifest`."""
    return [
        Item(clip.file, clip.reference, weight, clip.start, clip.end)
        for manifest, weight in manifests
        for clip in load_clips(manifest)
    ]


class Drawing(IterableDataset[Batch]):
    """Endless random batches of about so many seconds; the same for the same seed and beginning."""

    def __init__(
        self, items: Sequence[Item], tokens: Tokens, how: Augment, seconds: float, seed: int
    ) -> None:
        """`seconds` is the audio of a batch, padding included."""
        super().__init__()
        self._items, self._tokens, self._how, self._seconds, self._seed = items, tokens, how, seconds, seed
        weights = np.array([each.weight for each in items])
        self._shares = np.cumsum(weights / weights.sum())

    def __iter__(self) -> Iterator[Batch]:
        draw = np.random.default_rng(self._seed)
        while True:
            pool = sorted((self._sample(draw) for _ in range(BUCKET)), key=lambda each: each.mel.shape[1])
            batches: list[list[Sample]] = [[]]
            for sample in pool:
                if (len(batches[-1]) + 1) * sample.mel.shape[1] > self._seconds * 100 and batches[-1]:
                    batches.append([])
                batches[-1].append(sample)
            for place in draw.permutation(len(batches)):
                yield collate(batches[place], self._tokens.end)

    def _clip(self, draw: np.random.Generator) -> tuple[Samples, str]:
        item = self._items[min(int(np.searchsorted(self._shares, draw.random())), len(self._items) - 1)]
        return _mono(item), item.text

    def _sample(self, draw: np.random.Generator) -> Sample:
        if draw.random() < self._how.wordless:
            return self._wordless(draw)
        audio, text = self._clip(draw)
        wanted = int(draw.integers(2, JOINED_MOST + 1)) if draw.random() < JOINED else 1
        for _ in range(wanted - 1):
            more, words = self._clip(draw)
            if len(audio) + len(more) > LONGEST_SECONDS * SAMPLE_RATE:
                break
            gap = np.zeros(int(draw.uniform(0.05, 0.5) * SAMPLE_RATE), np.float32)
            audio, text = np.concatenate([audio, gap, more]), text + words
        audio = audio[: int(LONGEST_SECONDS * SAMPLE_RATE)]
        audio = spoil(audio, self._clip(draw)[0], self._how, draw)
        before, behind = (int(draw.uniform(0.0, most) * SAMPLE_RATE) for most in (0.3, 0.8))
        audio = np.pad(audio, (before, behind))
        mel = features(audio, float(draw.choice(WARPS)) if draw.random() < self._how.throat else 1.0)
        mel = masked(mel, draw) if draw.random() < self._how.masks else mel
        tokens, given = self._tokens.row(text, prompted=bool(draw.random() < PROMPTED))
        return Sample(mel, tokens, given)

    def _wordless(self, draw: np.random.Generator) -> Sample:
        """Sound with nothing to write down, straight from the source or by telephone."""
        audio = wordless(self._clip(draw)[0], draw)
        if draw.random() < self._how.telephone:
            audio = telephone(audio, draw, 0.0)
        tokens, given = self._tokens.row("", prompted=bool(draw.random() < PROMPTED))
        return Sample(features(audio), tokens, given)


def _mono(item: Item) -> Samples:
    """A clip at 16 kHz."""
    import soundfile
    import soxr

    with soundfile.SoundFile(item.file) as file:
        rate = file.samplerate
        file.seek(min(file.frames, int(item.start * rate)))
        length = -1 if item.end is None else int((item.end - item.start) * rate)
        audio = file.read(length, dtype="float32", always_2d=True)
    mono: Samples = audio.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return mono


def plain_batches(items: Sequence[Item], tokens: Tokens) -> list[Batch]:
    """Each clip as it is, a batch of its own; those too long for the window left out."""
    found = []
    for item in items:
        mono = _mono(item)
        if len(mono) <= LONGEST_SECONDS * SAMPLE_RATE:
            row, given = tokens.row(item.text, prompted=False)
            mel = features(np.pad(mono, (0, SAMPLE_RATE // 2)))
            found.append(collate([Sample(mel, row, given)], tokens.end))
    return found


def collate(samples: Sequence[Sample], end: int) -> Batch:
    """Rows of one length, padded."""
    lengths = [each.mel.shape[1] for each in samples]
    width = max(lengths) + max(lengths) % 2
    longest = max(len(each.tokens) for each in samples) - 1
    mel = np.zeros((len(samples), samples[0].mel.shape[0], width), np.float32)
    tokens = np.full((len(samples), longest), end, np.int64)
    labels = np.full((len(samples), longest), IGNORED, np.int64)
    for row, each in enumerate(samples):
        mel[row, :, : lengths[row]] = each.mel
        tokens[row, : len(each.tokens) - 1] = each.tokens[:-1]
        labels[row, each.given - 1 : len(each.tokens) - 1] = each.tokens[each.given :]
    parts: list[Any] = [mel, np.array(lengths), tokens, labels]
    return Batch(*(torch.from_numpy(each) for each in parts))
