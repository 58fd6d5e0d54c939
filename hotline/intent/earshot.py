"""Emergency wording by sound: what a recogniser wrote with other characters, respelt for matching (pure).

Sounds are compared as Sichuan ears have them (`asr.syllables`). A run of characters is respelt when it sounds
like a word of the emergency wording, is no ordinary word itself, and makes a likelier sentence that way. The
respelt text is only matched against: nothing that is stored or shown is changed by it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asr.syllables import Key, sounds
from asr.wordscore import Scorer, counts, word_scorer
from hotline.intent.policy import CrisisKind

LONGEST = 6
AROUND = 4
"""Characters on either side that the scorer reads with the word."""
ORDINARY = 20
"""A word counted this often is left as it stands."""
MARGIN = 2.0
"""By how much (natural log) the sentence must be likelier, some of the word's characters being as heard."""
FARTHER = 6.0
"""The same for a word none of whose characters is as heard."""

_RUN = re.compile("[\u4e00-\u9fff]{2,}")


@dataclass(frozen=True, slots=True)
class Earshot:
    """The wording by sound."""

    words: dict[Key, tuple[str, ...]]
    lengths: tuple[int, ...]
    """Longest first."""
    known: frozenset[str]
    """The words themselves, and ordinary ones: they stay."""
    scorer: Scorer

    @classmethod
    def of(cls, kinds: Iterable[CrisisKind]) -> "Earshot":
        """Every word that stands in the words and patterns of some kinds of emergency."""
        written = [
            text for kind in kinds for text in (*kind.words, *(each.pattern for each in kind.patterns))
        ]
        words = {run for text in written for run in _RUN.findall(text) if len(run) <= LONGEST}
        by_sound: dict[Key, tuple[str, ...]] = {}
        for word in sorted(words):
            by_sound[sounds(word)] = (*by_sound.get(sounds(word), ()), word)
        ordinary = {word for word, count in counts().items() if count >= ORDINARY and len(word) > 1}
        lengths = tuple(sorted({len(word) for word in words}, reverse=True))
        return cls(by_sound, lengths, frozenset(words | ordinary), word_scorer())

    def respelt(self, text: str) -> str:
        """The text as it was probably meant, character for character as long."""
        heard = sounds(text)
        chars, at = list(text), 0
        while at < len(text):
            word = self._at(text, heard, at)
            if word:
                chars[at : at + len(word)] = word
            at += len(word) or 1
        return "".join(chars)

    def _at(self, text: str, heard: Sequence[str], at: int) -> str:
        for length in self.lengths:
            said = text[at : at + length]
            if len(said) < length:
                continue
            for word in self.words.get(tuple(heard[at : at + length]), ()):
                if said == word:
                    return word
                if said not in self.known and self._likelier(text, at, word):
                    return word
        return ""

    def _likelier(self, text: str, at: int, word: str) -> bool:
        said = text[at : at + len(word)]
        left, right = text[max(0, at - AROUND) : at], text[at + len(word) : at + len(word) + AROUND]
        gain = self.scorer.score(left + word + right) - self.scorer.score(left + said + right)
        return gain >= (MARGIN if any(map(str.__eq__, said, word)) else FARTHER)
