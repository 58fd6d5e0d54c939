"""Character error rates: what counts as the same, and what a figure over many clips says."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from asr.numerals import find_numbers, numerals

RESAMPLES = 1_000
"""Draws of the bootstrap; its seed is fixed, so that a figure can be had again."""


def fold(text: str) -> str:
    """A text as it is compared.

    1. Unicode NFKC, lower case; 2. simplified characters (OpenCC t2s); 3. spoken numbers as digits, by the
    line's own rules, then every digit character that is left, one by one ("two" and "a pair" are the same);
    4. only letters and digits stay: no punctuation, no blanks.
    """
    text = _to_simplified()(unicodedata.normalize("NFKC", text).lower())
    for edit in sorted(find_numbers(text), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    digits = {ord(char): str(value) for char, value in numerals().digits.items()}
    return "".join(c for c in text.translate(digits) if unicodedata.category(c)[0] in "LN")


def errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Edits from hypothesis to reference (Levenshtein), and characters of the reference, both folded."""
    wanted, heard = fold(reference), fold(hypothesis)
    row = list(range(len(heard) + 1))
    for number, char in enumerate(wanted, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (char != other)),
            )
    return row[-1], len(wanted)


def cer(reference: str, hypothesis: str) -> float:
    """Edits for each character of the reference; of an empty reference: 0 for nothing heard, else 1."""
    wrong, length = errors(reference, hypothesis)
    return wrong / length if length else float(wrong > 0)


@dataclass(frozen=True, slots=True)
class Score:
    """One reading of one clip by one engine under one condition."""

    engine: str
    id: str
    kind: str
    condition: str
    turn: int
    """Number of the reading; the first is of the clip as it is, further ones of it ever so little changed."""
    wrong: int
    characters: int
    audio_seconds: float
    seconds: float
    """The engine's time."""
    heard: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Clips of one kind, or all."""

    engine: str
    kind: str
    condition: str
    clips: int
    characters: int
    cer: float
    """The mean of all readings."""
    low: float
    """Bootstrap 95 % interval over clips."""
    high: float
    least: float
    """The lowest and the highest of the readings: how much of the figure is chance of arithmetic."""
    most: float
    rtf: float
    """The engine's seconds for each second of audio."""


def summarise(scores: Sequence[Score]) -> list[Summary]:
    """For each condition and engine, every kind and all together."""
    found = []
    for condition in dict.fromkeys(each.condition for each in scores):
        for engine in dict.fromkeys(each.engine for each in scores):
            here = [each for each in scores if (each.condition, each.engine) == (condition, engine)]
            kinds = sorted({each.kind for each in here})
            found += [_summary(kind, [each for each in here if each.kind == kind]) for kind in kinds]
            if len(kinds) > 1:
                found.append(_summary("total", here))
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """The first engine beside another on the same clips, all kinds together."""

    engine: str
    other: str
    condition: str
    cer: float
    """Error rate of `engine` less that of `other`: below 0 it errs less."""
    low: float
    high: float
    """95 % bootstrap interval over clips, each clip's two engines drawn together."""


def differences(scores: Sequence[Score]) -> list[Difference]:
    """For each condition, the first engine against every other one, clip by clip.

    Far narrower than the two engines' own intervals, for what makes a clip hard is hard for both.
    """
    engines = list(dict.fromkeys(each.engine for each in scores))
    found = []
    for condition in dict.fromkeys(each.condition for each in scores):
        wrong: dict[str, dict[tuple[str, str], list[int]]] = {each: defaultdict(list) for each in engines}
        length: dict[tuple[str, str], int] = {}
        for each in scores:
            if each.condition == condition:
                wrong[each.engine][each.kind, each.id].append(each.wrong)
                length[each.kind, each.id] = each.characters
        for other in engines[1:]:
            clips = [clip for clip in length if wrong[engines[0]][clip] and wrong[other][clip]]
            if clips:
                ours, theirs = (
                    np.array([np.mean(wrong[name][clip]) for clip in clips]) for name in (engines[0], other)
                )
                cer, low, high = _ratio(ours - theirs, np.array([length[clip] for clip in clips]))
                found.append(Difference(engines[0], other, condition, cer, low, high))
    return found


def _ratio(wrong: NDArray[np.float64], length: NDArray[np.int64]) -> tuple[float, float, float]:
    """Errors by character over all clips, and its 95 % bootstrap interval."""
    drawn = np.random.default_rng(12348).integers(0, len(wrong), (RESAMPLES, len(wrong)))
    low, high = np.percentile(wrong[drawn].sum(axis=1) / length[drawn].sum(axis=1), [2.5, 97.5])
    return float(wrong.sum() / length.sum()), float(low), float(high)


def _summary(kind: str, scores: Sequence[Score]) -> Summary:
    rows: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for each in scores:
        rows[each.kind, each.id].append(each)
    wrong = np.array([[each.wrong for each in row] for row in rows.values()], dtype=float)
    length = np.array([row[0].characters for row in rows.values()])
    rate, low, high = _ratio(wrong.mean(axis=1), length)
    turns = wrong.sum(axis=0) / length.sum()
    return Summary(
        engine=scores[0].engine,
        kind=kind,
        condition=scores[0].condition,
        clips=len(rows),
        characters=int(length.sum()),
        cer=rate,
        low=low,
        high=high,
        least=float(turns.min()),
        most=float(turns.max()),
        rtf=sum(each.seconds for each in scores) / max(1e-9, sum(each.audio_seconds for each in scores)),
    )


@cache
def _to_simplified() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert
