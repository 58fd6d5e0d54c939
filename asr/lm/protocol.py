"""What a language model is to those who only ask how likely a text is."""

from typing import Protocol


class Scorer(Protocol):
    """Anything that weighs whole texts. Texts of different length compare fairly only per character."""

    def score(self, text: str) -> float:
        """Natural logarithm of the probability of `text` as one whole sentence, its end included.

        Always finite and at most 0.0, also for characters never seen. Never raises; the empty text is
        the bare end of a sentence.
        """
        ...
