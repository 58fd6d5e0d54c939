"""Doubled nouns: the second of two equal syllables changes its tone (pure)."""

from collections.abc import Sequence
from functools import cache

from asr.finetune.rhotic import SUFFIX
from asr.finetune.tables import rows

ANY = "*"


def doubled(text: str, borders: Sequence[tuple[int, int]]) -> dict[int, bool]:
    """Places of second halves of doubled nouns → whether the word goes on behind.

    `borders` are the text's words, (start, end) each. What is said three times or more is no noun, nor are
    two equal characters in two words, nor verbs, adverbs and other words of dialect/undoubled.tsv.
    """
    found = {}
    word_of = {at: word for word in borders for at in range(*word)}
    for at in range(1, len(text)):
        char = text[at]
        if text[at - 1] != char or char in _undoubled():
            continue
        if text[at - 2 : at - 1] == char or text[at + 1 : at + 2] == char:
            continue
        before, word = word_of[at - 1], word_of[at]
        if word != before and (word[1] - word[0] > 1 or before[1] - before[0] > 1):
            continue
        goes_on = word == before and text[at + 1 : at + 2] != SUFFIX and word[1] > at + 1
        found[at] = goes_on
    return found


def shifted(accent: str, tone: int, *, inner: bool) -> int:
    """The tone class that a tone class becomes there; the same where nothing changes."""
    for who, old, new, place, *_ in rows("doubling.tsv", 5):
        if who in (ANY, accent) and int(old) == tone and (place == "inner") == inner:
            return int(new)
    return tone


@cache
def _undoubled() -> frozenset[str]:
    return frozenset("".join(row[1] for row in rows("undoubled.tsv", 2)))
