"""The rules of connected speech by name, each of which can be left out to see what it is worth (pure)."""

from collections.abc import Collection
from typing import Final

from asr.finetune.tables import BadPronunciation

RULES: Final = {
    "erhua": "a written suffix merges into the syllable before it (dialect/own_er.tsv, erhua_rimes.tsv)",
    "unwritten": "words said with the suffix though written without it (dialect/unwritten_er.tsv)",
    "doubling": "the second syllable of a doubled noun changes its tone (dialect/doubling.tsv)",
    "raised": "the second syllable of some words rises to yin-ping (dialect/raised.tsv)",
    "particles": "particles at the end have their own tones and contours (dialect/particles.tsv)",
    "pairs": "tones within words of two syllables have contours of their own (dialect/pairs.tsv)",
}
"""Name → what it does."""
ALL: Final = frozenset(RULES)


def chosen(without: Collection[str]) -> frozenset[str]:
    """All rules but these. Raises `BadPronunciation` for a name that is none."""
    unknown = sorted(set(without) - ALL)
    if unknown:
        raise BadPronunciation(f"no such rules: {', '.join(unknown)} (there are {', '.join(RULES)})")
    return ALL - set(without)
