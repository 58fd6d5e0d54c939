"""The suffix that merges into the syllable before it: four rimes in all (pure)."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from asr.finetune.phonology import LABIAL, Syllable
from asr.finetune.tables import BadPronunciation, rows

SUFFIX = "\u513f"
APICAL = ("z", "c", "s", "zh", "ch", "sh", "r")
"""Initials behind which `i` is no front vowel: the rime is plain `er`."""


def rhotic(syllable: Syllable) -> Syllable:
    """The syllable with the suffix in it: dian3 → dier3. Raises `BadPronunciation` for an unknown final."""
    final, initial = syllable.final, syllable.initial
    if final == "i" and initial in APICAL:
        return replace(syllable, final="er")
    if initial in LABIAL and final in _rimes()["labial"]:
        return replace(syllable, final="er")
    for rime, finals in _rimes().items():
        if rime != "labial" and final in finals:
            return replace(syllable, final=rime)
    raise BadPronunciation(f"no rhotic rime for {syllable}")


def suffixes(text: str) -> frozenset[int]:
    """Places of the characters that are suffixes: behind a syllable, and not one by themselves."""
    own = frozenset(_own_places(text))
    return frozenset(at for at, char in enumerate(text) if char == SUFFIX and at and at not in own)


def _own_places(text: str) -> Iterator[int]:
    for word in _own():
        at = text.find(word)
        while at >= 0:
            yield at + word.index(SUFFIX)
            at = text.find(word, at + 1)


@cache
def _own() -> tuple[str, ...]:
    return tuple(word for row in rows("own_er.tsv", 2) for word in row[1].split())


@cache
def _rimes() -> dict[str, frozenset[str]]:
    return {row[0]: frozenset(row[1].split()) for row in rows("erhua_rimes.tsv", 2)}
