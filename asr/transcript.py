"""What recognition says: hypotheses from engines, transcript events for everyone else.

Invariants of the events of one leg (property-tested for every engine):

(a) `seq` strictly increases;
(b) among an utterance's partials, each `stable` starts with the one before;
(c) exactly one final per utterance, and it is the utterance's last event, also when the call is torn or a
    worker dies (then `degraded`, possibly with empty text);
(d) the sample ranges of a leg's finals do not overlap and do not go back.
"""

from dataclasses import dataclass
from typing import Literal

from asr.audio import LegId, UtteranceId


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters with its place in the audio."""

    text: str
    start: int
    """First sample at 16 kHz on the leg's clock."""
    end: int
    """One past the last sample."""
    confidence: float | None = None
    """0..1, or None when the engine gives none."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An engine's answer for a piece of audio."""

    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    guard: str = ""
    """Why the engine dropped what it had read (`asr.guards.Reason`); the text is empty then."""


@dataclass(frozen=True, slots=True)
class SpanMap:
    """Which characters of the raw text each run of the normalised text came from.

    `runs` are `(normal_start, normal_end, raw_start, raw_end)` in order, covering the whole normalised text;
    half-open character ranges.
    """

    runs: tuple[tuple[int, int, int, int], ...] = ()

    def to_raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw character range behind a normalised one (whole runs, so never too small)."""
        touched = [run for run in self.runs if run[0] < end and run[1] > start]
        if not touched:
            return (0, 0)
        return self._edge(touched[0], start, lower=True), self._edge(touched[-1], end, lower=False)

    @staticmethod
    def _edge(run: tuple[int, int, int, int], at: int, *, lower: bool) -> int:
        """Exact inside a run copied one to one, else the run's own border."""
        normal_start, normal_end, raw_start, raw_end = run
        if normal_end - normal_start == raw_end - raw_start:
            return raw_start + min(max(at, normal_start), normal_end) - normal_start
        return raw_start if lower else raw_end


@dataclass(frozen=True, slots=True)
class LegFacts:
    """What recognition did on one leg so far."""

    engine: str = ""
    utterances: int = 0
    """Finals put out."""
    degraded: int = 0
    """Finals marked degraded."""
    dropped: int = 0
    """Samples that were dropped unheard."""


@dataclass(frozen=True, slots=True)
class TranscriptEvent:
    """One step in the growing text of an utterance."""

    utterance: UtteranceId
    leg: LegId
    seq: int
    """Strictly increasing per leg; a browser resumes from it."""
    kind: Literal["partial", "final"]
    stable: str
    """Normalised text that is promised not to change (the whole text in a final)."""
    tail: str
    """A guess that may change; empty in a final."""
    raw: str
    """The recogniser's own text before normalisation: evidence, always kept."""
    start: int
    """First sample of the utterance at 16 kHz on the leg's clock."""
    end: int
    """One past the last sample heard so far."""
    words: tuple[Word, ...] = ()
    """Times of the raw text's characters or words; finals only, may be empty."""
    spans: SpanMap = SpanMap()
    """From the normalised text (`stable + tail`) back to `raw`."""
    confidence: float | None = None
    engine: str = ""
    degraded: bool = False
    """A pass was shed or a worker was lost: the text may be worse than the engine could do, or empty."""
    rewrote_stable: bool = False
    """The final differs from text that had been promised in more than marks (measured, must be rare)."""
    gap: int = 0
    """Samples of this utterance that were dropped before recognition."""

    @property
    def text(self) -> str:
        """Stable and tail together."""
        return self.stable + self.tail
