"""Tokens with places and probabilities → characters with places and confidences (pure)."""

import math
from collections.abc import Callable, Sequence

from asr.audio import SAMPLE_RATE, Segment
from asr.transcript import Word
from asr.whisper.model import Aligned
from asr.whisper.vocabulary import Character

SLOWEST = SAMPLE_RATE * 6 // 10
"""Samples a character can last; the rest of what alignment gives it is silence beside it."""


def chances(characters: Sequence[Character], aligned: Aligned) -> list[float]:
    """The probability of each character: of one written with several tokens, the product of theirs.

    A token that is several characters gives each of them its own probability: they are right together.
    """
    return [math.prod(aligned.probabilities[each.first : each.last + 1]) for each in characters]


def words(
    segment: Segment,
    characters: Sequence[Character],
    aligned: Aligned,
    confidence: Callable[[float], float],
) -> tuple[Word, ...]:
    """A word for every character but blanks, on the leg's clock, inside the segment, in order.

    `confidence` makes a confidence of a character's probability. Characters of one token share its time.
    """
    length = segment.end - segment.start
    found: list[Word] = []
    sure = chances(characters, aligned)
    at = 0
    while at < len(characters):
        group = _together(characters, at)
        first = min(aligned.starts[characters[at].first], length)
        after = characters[at + group].first if at + group < len(characters) else len(aligned.starts)
        last = min(aligned.starts[after], length) if after < len(aligned.starts) else length
        seen = [n for n in range(at, at + group) if characters[n].text.strip()]
        most = SLOWEST * max(1, len(seen))
        first, last = _fitted(first, max(first, last), most, leads=not found)
        for place, n in enumerate(seen):
            begin = first + (last - first) * place // len(seen)
            end = first + (last - first) * (place + 1) // len(seen)
            found.append(
                Word(characters[n].text, segment.start + begin, segment.start + end, confidence(sure[n]))
            )
        at += group
    return tuple(found)


def _together(characters: Sequence[Character], at: int) -> int:
    """How many characters from `at` on share tokens, directly or through one between them."""
    count, last = 1, characters[at].last
    while at + count < len(characters) and characters[at + count].first <= last:
        last = characters[at + count].last
        count += 1
    return count


def _fitted(first: int, last: int, most: int, *, leads: bool) -> tuple[int, int]:
    """A place without the silence that alignment adds: before the first word, behind the others."""
    if last - first <= most:
        return first, last
    return (last - most, last) if leads else (first, first + most)
