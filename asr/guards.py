"""Has the recogniser made its text up? Evidence → the reason to drop it, or none (pure).

Recognisers that were trained on captions write some when nobody speaks (Koenecke et al., 2024, "Careless
Whisper"). A dropped text goes nowhere, not even into logs: only the reason is kept and counted.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Reason = Literal["silence", "unsure", "repeated", "hurried", "echoed", "phantom"]
"""Nobody speaks; too unlikely to be true; it repeats itself; longer than anybody can say in the time; it is
the prompt; it is a known caption."""

CHARACTERS_A_SECOND = 11.0
"""Nobody speaks faster; a longer text was made up."""
REPETITIVE = 2.4
"""Text that compresses better than this repeats itself (Whisper's own threshold)."""
CYCLES = 4
"""So many times the same few characters on end is no speech."""
ECHO = 0.5
"""Text this much like the prompt is the prompt."""
PUNCTUATION = (
    " \t,.?!;:\uff0c\u3002\uff1f\uff01\uff1b\uff1a\u3001\u2026\u2014\u201c\u201d\u300a\u300b\uff08\uff09()-"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where suspicion begins."""

    no_speech: float = 0.6
    """Probability of no speech above which a text must be likely."""
    likely: float = -0.7
    """Average natural logarithm of a token's probability that counts as likely."""
    least: float = -2.0
    """An average below this is no reading of anything."""
    quiet: float = -66.0
    """Loudest fiftieth of a second, dB against full scale, under which nobody speaks: twice A-law's idle
    noise."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge a text by."""

    text: str
    seconds: float
    """Length of the audio."""
    likelihood: float
    """Average natural logarithm of a token's probability."""
    no_speech: float
    """The recogniser's own probability that nobody speaks."""
    loudest: float
    """Loudest fiftieth of a second, dB against full scale."""


class Guards:
    """Judges texts of one recogniser."""

    def __init__(self, phantoms: Sequence[str], prompt: str = "", limits: Limits | None = None) -> None:
        """`phantoms` are captions it makes up; `prompt` is what it was told before."""
        self._phantoms = sorted(filter(None, phantoms), key=len, reverse=True)
        self._prompt = prompt
        self._limits = limits or Limits()

    def judge(self, evidence: Evidence) -> Reason | None:
        """Why the text is to be dropped; None when it may stand. An empty text may."""
        limits, text = self._limits, evidence.text.strip()
        if not text:
            return None
        if evidence.loudest < limits.quiet:
            return "silence"
        if evidence.no_speech > limits.no_speech and evidence.likelihood < limits.likely:
            return "silence"
        if text_reason := self.judge_text(text, evidence.seconds):
            return text_reason
        return "unsure" if evidence.likelihood < limits.least else None

    def judge_text(self, text: str, seconds: float) -> Reason | None:
        """The same by the text alone."""
        if len(text) > seconds * CHARACTERS_A_SECOND + 4:
            return "hurried"
        if repeats(text):
            return "repeated"
        if self._prompt and SequenceMatcher(None, text, self._prompt).ratio() > ECHO:
            return "echoed"
        return "phantom" if self._is_phantom(text) else None

    def _is_phantom(self, text: str) -> bool:
        """Nothing is left of it once known captions are taken out."""
        bare = text.strip(PUNCTUATION)
        for phantom in self._phantoms:
            bare = bare.replace(phantom, "")
        return not bare.strip(PUNCTUATION)


def repeats(text: str) -> bool:
    """Whether it goes round in circles: compresses too well, or ends in a few characters on and on."""
    data = text.encode("utf-8", "ignore")
    if len(data) > 30 and len(data) / len(zlib.compress(data)) > REPETITIVE:
        return True
    bare = "".join(char for char in text if char not in PUNCTUATION)
    return any(
        len(bare) >= size * CYCLES and bare.endswith(bare[-size:] * CYCLES)
        for size in range(2, len(bare) // CYCLES + 1)
    )
