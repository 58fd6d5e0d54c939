"""How much a sentence sounds like an emergency: a small trained classifier over characters and sounds (pure).

It hears what no pattern foresaw, and hears it also through misheard characters: every syllable counts beside
its character. Trained and written by `scripts/train_crisis.py`; the weights hold no training text.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from asr.syllables import sounds
from hotline.intent.classifier import Classifier

FILE = "crisis_weights.npz"
NONE = "none"
"""The label of harmless wording."""
GROWING_MIN = 6
"""Characters from which on growing text is judged: a beginning may still become anything."""
SENTENCE_MAX = 48
"""Longer sentences are judged in pieces, for much ordinary wording drowns a few grave words."""

_SENTENCE = re.compile(r"[^\n\u3002\uff01\uff1f!?]+")
_CLAUSE = re.compile(r"[^\uff0c\uff1b,;]+")
_SYLLABLES, _FIRST = 11172, 0xAC00
"""A block of letters wide enough to give every syllable one of its own."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A sentence that sounds like an emergency."""

    kind: str
    start: int
    end: int
    probability: float


def spoken_and_sounded(text: str) -> str:
    """A text with its syllables after it, a letter each: what the classifier learns from and judges."""
    heard = (chr(_FIRST + zlib.crc32(each.encode()) % _SYLLABLES) for each in sounds(text) if each.isalnum())
    return f"{text}\n{''.join(heard)}"


@dataclass(frozen=True, slots=True)
class Danger:
    """The classifier with what it takes to speak up."""

    model: Classifier
    enough: float
    """Probability from which on a whole sentence is pointed out."""
    enough_growing: float
    """The same for a sentence that is still being said."""

    def find(self, text: str, *, growing: bool = False) -> Guess | None:
        """The sentence that sounds most like an emergency, when it sounds enough like one."""
        enough = self.enough_growing if growing else self.enough
        best: Guess | None = None
        for start, end in _sentences(text):
            if growing and end - start < GROWING_MIN:
                continue
            shares = self.model.probabilities(spoken_and_sounded(text[start:end]))
            probability = 1 - shares.pop(NONE, 0.0)
            if probability >= enough and (best is None or probability > best.probability):
                best = Guess(max(shares, key=lambda kind: shares[kind]), start, end, probability)
        return best


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Half-open ranges of the sentences, long ones cut at commas."""
    for match in _SENTENCE.finditer(text):
        if match.end() - match.start() <= SENTENCE_MAX:
            yield match.span()
            continue
        start = end = match.start()
        for clause in _CLAUSE.finditer(match[0]):
            left, right = match.start() + clause.start(), match.start() + clause.end()
            if right - start > SENTENCE_MAX and end > start:
                yield start, end
                start = left
            end = right
        yield start, end
