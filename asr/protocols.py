"""The seams of recognition: what the line sees of it, and what an engine must be."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from asr.audio import AudioFrame, LegId, Segment
from asr.transcript import Hypothesis, LegFacts, TranscriptEvent


class Transcriber(Protocol):
    """Recognition of one leg, as a call sees it."""

    def push(self, frame: AudioFrame) -> None:
        """Take a frame; never blocks. With two seconds waiting already, the oldest is dropped and counted."""

    def events(self) -> AsyncIterator[TranscriptEvent]:
        """Partials and finals as they come; ends after `close` once the last final is out."""

    @property
    def last_speech(self) -> int:
        """One past the last sample judged speech so far (16 kHz, leg clock); 0 when there was none."""

    @property
    def pending(self) -> int:
        """Utterances that are open, or ended with their final still to come."""

    @property
    def facts(self) -> LegFacts:
        """What recognition did on the leg so far."""

    async def close(self) -> None:
        """Say that no more audio comes: an open utterance is ended and its final asked for.

        Returns when every final has been put out, or after the pool's closing time-out with degraded finals.
        Cancelling it leaves the leg closed. Closing twice is harmless.
        """


class TranscriberFactory(Protocol):
    """Where a call gets its transcribers."""

    def open(self, leg: LegId) -> Transcriber:
        """A transcriber for a new leg."""

    @property
    def level(self) -> int:
        """The shedding level 0..4 (design: shedding ladder); 4 means no new calls."""


class StreamingSession(Protocol):
    """One utterance inside a streaming engine."""

    def feed(self, pcm: bytes) -> Hypothesis | None:
        """Take 16 kHz s16le audio; the hypothesis for the utterance so far, or None if unchanged."""

    def finish(self) -> Hypothesis:
        """The last hypothesis. The session is not used afterwards."""


class StreamingEngine(Protocol):
    """A loaded model that follows speech as it comes. Lives in a worker process."""

    def open(self) -> StreamingSession:
        """Start an utterance."""


class BatchEngine(Protocol):
    """A loaded model that reads whole utterances. Lives in a worker process."""

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """One hypothesis a segment, in order; times in the hypotheses are on the segments' own leg clocks."""

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """The same for utterances that are still going on: quicker, less good, without times."""


class SpeechDetector(Protocol):
    """Tells speech from the rest, one short window at a time. One instance a leg: it keeps state."""

    @property
    def window(self) -> int:
        """Samples at 16 kHz that `probability` takes at a time."""

    def probability(self, pcm: bytes) -> float:
        """Probability 0..1 that this window (s16le, 16 kHz, `window` samples) holds speech."""
