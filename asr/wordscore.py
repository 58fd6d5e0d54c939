"""How much like ordinary wording a text is: its best division into counted words (pure; unigram model).

The counts are `lexicon/words.tsv`, the words of our own lexicon added. It is the scorer of phonetic repair
where no language model is installed; anything with `score` can stand in for it.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from asr.dialect import sichuan
from asr.numerals import rows_of

LONGEST = 6
"""Characters of the longest word looked for."""
OWN = 400
"""Count given to a word of our own lexicon that the list lacks or has more rarely."""
_UNSEEN = 1.0
_OTHER = -6.0
"""Log probability of a character that is no Chinese character."""


class Scorer(Protocol):
    """Judges wording: a language model, or the division into words below."""

    def score(self, text: str) -> float:
        """Natural log of the text's probability; the higher, the more ordinary. Only differences count."""


@dataclass(frozen=True, slots=True)
class WordScorer:
    """Unigram word model."""

    costs: dict[str, float]
    """Log probability of each word."""
    unseen: float
    """The same for a character in no word."""

    def score(self, text: str) -> float:
        """Log probability of the best division into words; 0 for an empty text."""
        return self._best(text)[0][-1]

    def divide(self, text: str) -> list[tuple[int, int]]:
        """The best division itself: (start, end) of each word."""
        starts, found, end = self._best(text)[1], [], len(text)
        while end:
            found.append((starts[end], end))
            end = starts[end]
        return found[::-1]

    def _best(self, text: str) -> tuple[list[float], list[int]]:
        """For each end: the log probability up to there, and where the last word begins."""
        best, starts = [0.0] * (len(text) + 1), [0] * (len(text) + 1)
        for end in range(1, len(text) + 1):
            char = text[end - 1]
            single = self.costs.get(char, self.unseen if "\u4e00" <= char <= "\u9fff" else _OTHER)
            found, at = best[end - 1] + single, end - 1
            for start in range(max(0, end - LONGEST), end - 1):
                cost = self.costs.get(text[start:end])
                if cost is not None and best[start] + cost > found:
                    found, at = best[start] + cost, start
            best[end], starts[end] = found, at
        return best, starts


def counts() -> dict[str, int]:
    """Ordinary words and their counts, ours among them."""
    found = {word: int(count) for word, count in rows_of("words.tsv")}
    own = [*sichuan().words, *(row[1] for row in rows_of("repair.tsv") if row[0] == "term")]
    for word in own:
        found[word] = max(OWN, found.get(word, 0))
    return found


@cache
def word_scorer() -> WordScorer:
    """The shipped scorer, read once (51,000 words, some 8 MB)."""
    found = counts()
    total = math.log(sum(found.values()))
    costs = {word: math.log(count) - total for word, count in found.items()}
    return WordScorer(costs, math.log(_UNSEEN) - total)
