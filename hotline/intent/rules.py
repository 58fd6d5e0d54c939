"""Scores categories by the wording of a text (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hotline.intent.policy import Category

STRONG, PLAIN, WEAK, NEAR = 3.0, 1.5, 0.6, 3.0
REACH = 12
"""Characters that may stand between the two words of a `near` pair."""
MISHEARD = 0.5
"""What a word counts for that was only heard to sound like it."""
REPEAT_MAX = 2
"""A word counts no more often than this, however often it is said."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Words that speak for a category."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Score:
    """What speaks for one category."""

    code: str
    value: float
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Misheard:
    """A word the recogniser probably meant."""

    term: str
    start: int
    end: int


class Rules:
    """The compiled wording of a list of categories."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self._words: list[tuple[str, list[tuple[str, float]], tuple[tuple[str, str], ...]]] = []
        for category in categories:
            weighted = [(word, STRONG) for word in category.strong]
            weighted += [(word, PLAIN) for word in category.plain]
            weighted += [(word, WEAK) for word in category.weak]
            weighted.sort(key=lambda item: len(item[0]), reverse=True)
            self._words.append((category.code, weighted, category.near))

    def score(self, text: str, misheard: Sequence[Misheard] = ()) -> list[Score]:
        """Every category that something speaks for, best first; ties in file order.

        `misheard` words are read as the terms they sound like, and what rests on them counts for less.
        """
        scores = []
        text = respelt(text, misheard)
        for code, weighted, near in self._words:
            hits = [_discounted(hit, misheard) for hit in _literal(text, weighted) + _pairs(text, near)]
            if hits:
                scores.append(Score(code, sum(hit.weight for hit in hits), tuple(sorted(hits, key=_place))))
        return sorted(scores, key=lambda score: -score.value)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.start, hit.end


def find_all(text: str, word: str) -> list[int]:
    """Where a word begins in a text, without overlaps; a number is not found inside a longer number."""
    places, at = [], text.find(word)
    while at >= 0:
        if not _splits_number(text, at, at + len(word)):
            places.append(at)
        at = text.find(word, at + len(word))
    return places


def _splits_number(text: str, start: int, end: int) -> bool:
    """12345 inside a telephone number is not the 12345 line."""
    before = start > 0 and text[start - 1].isdigit() and text[start].isdigit()
    after = end < len(text) and text[end - 1].isdigit() and text[end].isdigit()
    return before or after


def _literal(text: str, weighted: Sequence[tuple[str, float]]) -> list[Hit]:
    """Hits of words, a longer word hiding the shorter ones inside it."""
    hits: list[Hit] = []
    for word, weight in weighted:
        fresh = [at for at in find_all(text, word) if not _covered(hits, at, at + len(word))]
        hits += [Hit(at, at + len(word), weight) for at in fresh[:REPEAT_MAX]]
    return hits


def _covered(hits: Iterable[Hit], start: int, end: int) -> bool:
    return any(hit.start <= start and end <= hit.end for hit in hits)


def _pairs(text: str, near: Iterable[tuple[str, str]]) -> list[Hit]:
    hits = []
    for one, other in near:
        places = [
            (min(a, b), max(a + len(one), b + len(other)))
            for a in find_all(text, one)
            for b in find_all(text, other)
            if (b >= a + len(one) or a >= b + len(other)) and _gap(a, len(one), b, len(other)) <= REACH
        ]
        if places:
            start, end = min(places, key=lambda place: place[1] - place[0])
            hits.append(Hit(start, end, NEAR))
    return hits


def _gap(a: int, a_length: int, b: int, b_length: int) -> int:
    return b - a - a_length if b > a else a - b - b_length


def respelt(text: str, misheard: Iterable[Misheard]) -> str:
    """A copy for matching with every misheard term in place of what was written; as long as the text."""
    chars = list(text)
    for each in misheard:
        chars[each.start : each.end] = each.term
    return "".join(chars)


def _discounted(hit: Hit, misheard: Iterable[Misheard]) -> Hit:
    if any(each.start < hit.end and each.end > hit.start for each in misheard):
        return Hit(hit.start, hit.end, hit.weight * MISHEARD)
    return hit
