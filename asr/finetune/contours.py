"""Contours other than a tone's own: of particles that end an utterance, and within words of two (pure).

Chao levels (1 low … 5 high) at the beginning, middle and end of a syllable.
"""

from functools import cache

from asr.finetune.phonology import Syllable, parse
from asr.finetune.tables import rows

Levels = tuple[float, float, float]


def particle(char: str) -> tuple[Syllable, Levels] | None:
    """How a particle sounds at the end."""
    return _particles().get(char)


def pair(first: int, second: int) -> tuple[Levels | None, Levels | None]:
    """Contours of the two syllables of a word, by their tone classes."""
    table = _pairs()
    return table.get((first, "first", second)), table.get((second, "second", first))


@cache
def _particles() -> dict[str, tuple[Syllable, Levels]]:
    return {row[0]: (parse(row[1]), _levels(row[2:5])) for row in rows("particles.tsv", 5)}


@cache
def _pairs() -> dict[tuple[int, str, int], Levels]:
    return {
        (int(tone), place, int(other)): _levels(row)
        for tone, place, others, *row in rows("pairs.tsv", 6)
        for other in others.split(",")
    }


def _levels(cells: tuple[str, ...] | list[str]) -> Levels:
    start, middle, end = (float(each) for each in cells[:3])
    return start, middle, end
