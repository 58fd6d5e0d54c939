"""A model's tokens and their times → words on the leg's clock (pure)."""

import math
from collections.abc import Sequence

from asr.audio import SAMPLE_RATE, Segment
from asr.transcript import Hypothesis, Word

LONGEST = SAMPLE_RATE * 6 // 10
"""Samples a character lasts at most; what a model gives it beyond is silence behind it."""
A_DAY = 86_400.0
"""Seconds that no utterance lasts: a wild time is cut to it before it is counted in samples."""
_NOTHING_SAID = " \t,.?!;:，。？！；：、…—“”《》（）()-"
_WORD_START = "\u2581"
"""SentencePiece's mark before a word."""
_GOES_ON = "@@"
"""Paraformer's mark behind a piece whose word goes on."""


def words_of(tokens: Sequence[str], starts: Sequence[float], segment: Segment, text: str) -> tuple[Word, ...]:
    """Words with times inside the segment, in order; none rather than wrong ones.

    `starts` are seconds from the segment's first sample, one a token. Pieces of a Latin word are joined.
    There are no words when times are missing or tokens do not spell `text` (byte tokens, rewritten numbers).
    """
    if not tokens or len(tokens) != len(starts) or not all(math.isfinite(each) for each in starts):
        return ()
    groups = _groups(tokens)
    if not groups or "".join(each for each, _ in groups).replace(" ", "") != text.replace(" ", ""):
        return ()
    length = segment.end - segment.start
    places: list[int] = []
    for _, first in groups:
        at = min(round(min(max(0.0, starts[first]), A_DAY) * SAMPLE_RATE), length)
        places.append(max(at, places[-1]) if places else at)
    words = []
    for (word, _), begin, after in zip(groups, places, [*places[1:], length], strict=True):
        end = min(after, begin + LONGEST * len(word))
        words.append(Word(word, segment.start + begin, segment.start + max(begin, end)))
    return tuple(words)


def hypothesis_of(
    text: str, tokens: Sequence[str], starts: Sequence[float], logs: Sequence[float], segment: Segment
) -> Hypothesis:
    """What a decoder found; `logs` are log probabilities of tokens (confidence is their geometric mean).

    Text of nothing but punctuation is what models write for silence: it becomes the empty text.
    """
    text = text.strip()
    if not text.strip(_NOTHING_SAID):
        return Hypothesis("")
    known = [each for each in logs if math.isfinite(each)]
    confidence = math.exp(min(0.0, sum(known) / len(known))) if known else None
    return Hypothesis(text, words_of(tokens, starts, segment, text), confidence)


def _groups(tokens: Sequence[str]) -> list[tuple[str, int]]:
    """Words, each with the number of its first token."""
    groups: list[tuple[str, int]] = []
    goes_on = False
    for number, token in enumerate(tokens):
        bare = token.removesuffix(_GOES_ON).replace(_WORD_START, " ")
        piece = bare.strip()
        if piece:
            latin = piece[0].isascii() and piece[0].isalnum()
            within = bool(groups) and latin and groups[-1][0][-1].isascii() and groups[-1][0][-1].isalnum()
            if goes_on or (within and _continues(token, tokens)):
                groups[-1] = (groups[-1][0] + piece, groups[-1][1])
            else:
                groups.append((piece, number))
            goes_on = token.endswith(_GOES_ON)
        elif _WORD_START in token:
            goes_on = False
    return groups


def _continues(token: str, tokens: Sequence[str]) -> bool:
    """A piece without the mark of a beginning word, in a model that marks words so."""
    marked = any(_WORD_START in each or each.startswith(" ") for each in tokens)
    return marked and _WORD_START not in token and not token.startswith(" ")
