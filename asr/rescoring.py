"""Several readings of an utterance → the one to believe, by a language model and hot words (pure).

score = length-normalised acoustic score + λ · language model per character + bonus a hot-word character
(n-best rescoring, as in Mikolov et al., 2010; the bonus is what shallow fusion gives context phrases, Zhao
et al., 2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from asr.lm import Scorer


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each side counts; 0 switches it off."""

    language: float = 0.0
    """λ: on the natural logarithm of the language model, a character."""
    hot: float = 0.0
    """Bonus for each character that lies in a hot word, divided by the text's length."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reading."""

    text: str
    score: float
    """Average natural logarithm of its tokens' probabilities."""


class Rescorer:
    """Chooses between readings."""

    def __init__(self, weights: Weights, model: Scorer | None = None, hot_words: Sequence[str] = ()) -> None:
        """`hot_words` are looked for as they stand; none is lost in another."""
        self._weights = weights
        self._model = model
        self._hot = tuple(sorted({word for word in hot_words if word}, key=len, reverse=True))

    @property
    def active(self) -> bool:
        """Whether it could ever choose another reading than the first."""
        listens = self._model is not None and self._weights.language > 0
        return listens or (bool(self._hot) and self._weights.hot > 0)

    def best(self, candidates: Sequence[Candidate]) -> int:
        """Index of the best one; of equals, the first. Raises `ValueError` when there is none."""
        scores = [self.score(each) for each in candidates]
        return scores.index(max(scores))

    def score(self, candidate: Candidate) -> float:
        """What a reading is worth; comparable between readings of one utterance."""
        text = candidate.text.strip()
        total = candidate.score
        if self._model is not None and self._weights.language > 0:
            total += self._weights.language * self._model.score(text) / (len(text) + 1)
        if self._weights.hot > 0 and text:
            total += self._weights.hot * self._covered(text) / len(text)
        return total

    def _covered(self, text: str) -> int:
        """Characters that lie in a hot word."""
        inside = bytearray(len(text))
        for word in self._hot:
            at = text.find(word)
            while at >= 0:
                inside[at : at + len(word)] = b"\x01" * len(word)
                at = text.find(word, at + 1)
        return sum(inside)
