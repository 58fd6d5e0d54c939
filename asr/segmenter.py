"""Speech probabilities → the borders of utterances (pure; times are sample counts)."""

from collections import deque
from dataclasses import dataclass

from asr.audio import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Endpointing:
    """When an utterance begins and ends; lengths in samples at 16 kHz."""

    silence: int = SAMPLE_RATE // 2
    """This much silence ends it."""
    shortest: int = SAMPLE_RATE // 10
    """Speech shorter than this is no utterance."""
    longest: int = 15 * SAMPLE_RATE
    """A longer one is split where it is quietest."""
    lead: int = SAMPLE_RATE // 4
    """Audio kept before the first and after the last speech: soft consonants."""
    on: float = 0.5
    off: float = 0.35
    """Probability over which speech begins, and under which it is silence."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An utterance has begun."""

    start: int


@dataclass(frozen=True, slots=True)
class Closed:
    """An utterance has ended."""

    start: int
    end: int


Border = Opened | Closed


class Segmenter:
    """One leg's borders. Windows come in order; `skip` tells of audio that never came."""

    def __init__(self, endpointing: Endpointing | None = None) -> None:
        self._e = endpointing or Endpointing()
        self._now = 0
        self._last_end = 0
        self._onset: int | None = None
        self._opened: int | None = None
        self._last_speech = 0
        self._quiet: deque[tuple[float, int]] = deque()

    @property
    def open(self) -> int | None:
        """Start of the utterance that is going on."""
        return self._opened

    @property
    def last_speech(self) -> int:
        """One past the last sample judged speech in an utterance; 0 when there was none."""
        return self._last_speech

    def feed(self, start: int, samples: int, probability: float) -> list[Border]:
        """Take one window: its first sample, its length and its probability of speech."""
        borders: list[Border] = []
        if start > self._now:
            self._onset = None
            if self._opened is not None and start - self._now > self._e.silence:
                borders = self._close(self._now)
        self._now = start + samples
        if self._opened is None:
            return borders + self._waiting(start, probability)
        return borders + self._speaking(start, probability)

    def finish(self) -> list[Border]:
        """The leg has ended."""
        return self._close(self._now) if self._opened is not None else []

    def _waiting(self, start: int, probability: float) -> list[Border]:
        if probability < self._e.on:
            if probability < self._e.off:
                self._onset = None
            return []
        if self._onset is None:
            self._onset = start
        if self._now - self._onset < self._e.shortest:
            return []
        self._opened = max(self._last_end, self._onset - self._e.lead)
        self._onset, self._last_speech = None, self._now
        self._quiet.clear()
        return [Opened(self._opened)]

    def _speaking(self, start: int, probability: float) -> list[Border]:
        opened = self._opened
        if opened is None:
            return []
        if probability >= self._e.off:
            self._last_speech = self._now
        if self._now - self._last_speech >= self._e.silence:
            return self._close(min(self._now, self._last_speech + self._e.lead))
        # The quietest window of the second half is where an endless utterance is cut.
        if self._now - opened > self._e.longest // 2:
            self._quiet.append((probability, start))
        if self._now - opened >= self._e.longest:
            cut = min(self._quiet)[1]
            borders = self._close(max(cut, opened + 1))
            self._quiet.clear()
            if self._last_speech <= self._last_end:
                return borders  # only silence is behind the cut
            self._opened = self._last_end
            return [*borders, Opened(self._last_end)]
        return []

    def _close(self, end: int) -> list[Border]:
        if self._opened is None:
            return []
        closed = Closed(self._opened, max(end, self._opened))
        self._opened, self._onset, self._last_end = None, None, closed.end
        return [closed]
