"""One leg's recognition: frames → utterances → transcript events, with the invariants of `asr.transcript`."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, AudioFrame, LegId, Segment, UtteranceId
from asr.detectors import WINDOW, EnergyDetector
from asr.segmenter import Border, Closed, Endpointing, Opened, Segmenter
from asr.settings import AsrSettings
from asr.stable import Stabiliser
from asr.transcript import Hypothesis, LegFacts, SpanMap, TranscriptEvent, Word

RING = 32 * SAMPLE_RATE
"""Samples of a leg's past kept: the longest utterance and what may wait behind it."""
UNHEARD = 2 * SAMPLE_RATE
"""Samples that may wait for the speech detector; the oldest beyond are dropped and counted."""
BATCH = 3 * WINDOW
"""New samples worth a message to the detector."""
GROWTH = 6
"""An utterance is read again when it is longer by one part in so many."""
BEFORE = SAMPLE_RATE // 10
"""Samples before the detector hears speech again that a partial behind a pause begins with."""
MOST = 32 * WINDOW
"""Samples of one leg in a message to the detector: hundreds of legs that lag must fit in one."""


class Normalised(Protocol):
    """Text in standard wording and the way back to the raw text."""

    @property
    def text(self) -> str: ...

    @property
    def spans(self) -> SpanMap: ...


class Normalise(Protocol):
    """Raw text to standard wording; `words` for finals alone, whose pauses help to find marks."""

    def __call__(self, raw: str, words: Sequence[Word] | None = None, /) -> Normalised: ...


@dataclass(slots=True, eq=False)
class Utterance:
    """One utterance on its way from its opening to its final."""

    id: UtteranceId
    start: int
    end: int | None = None
    read_to: int = 0
    """Sample up to which the last partial was asked for."""
    sketching: bool = False
    known: str = ""
    """Raw text up to the last pause, read with care: partials need not read it again."""
    known_to: int = 0
    """First sample behind it that partials read; 0: they read all."""
    shown: int = 0
    """Partials put out."""
    sketched_on: str = ""
    """`known` when the partial that is being read was asked for."""
    paused_at: int | None = None
    """End of what an early reading was asked for."""
    confirm: Callable[[], None] | None = None
    """Makes that early reading the final."""
    stabiliser: Stabiliser = field(default_factory=Stabiliser)
    final: TranscriptEvent | None = None


class Host(Protocol):
    """What a transcriber needs of the pool."""

    @property
    def level(self) -> int: ...

    def audio_waits(self) -> None:
        """A leg has audio for the speech detector."""

    def read(self, leg: "LegTranscriber", utterance: Utterance, segment: Segment, *, quick: bool) -> None:
        """Ask for a hypothesis; the answer comes by `sketched` or `finished`."""

    def foresee(self, leg: "LegTranscriber", utterance: Utterance, segment: Segment) -> Callable[[], None]:
        """Ask for what will be the final if nothing more is said; the answer comes by `foreseen`.

        Calling what is returned says that nothing more was: the answer comes by `finished`, at once if it is
        there.
        """

    def leave(self, leg: "LegTranscriber") -> None:
        """The leg is closed."""


class LegTranscriber:
    """Implements `asr.protocols.Transcriber` on a pool."""

    def __init__(self, leg: LegId, host: Host, settings: AsrSettings, normalise: Normalise) -> None:
        self.leg = leg
        self._host = host
        self._settings = settings
        self._normalise = normalise
        self._segmenter = Segmenter(
            Endpointing(
                silence=settings.endpoint_ms * SAMPLE_RATE // 1000,
                longest=int(settings.longest_s * SAMPLE_RATE),
            )
        )
        self._energy = EnergyDetector()
        self._ring = bytearray()
        self._end = 0
        self._heard_to = 0
        self._dropped = self._count = self._degraded = self._seq = self._opened = 0
        self._gaps: deque[tuple[int, int]] = deque()
        self._current: Utterance | None = None
        self._ended: deque[Utterance] = deque()
        self._closing = self._closed = False
        self._done = anyio.Event()
        self._changed = anyio.Event()
        self._events: deque[TranscriptEvent] = deque()
        self._arrived = anyio.Event()

    # -- what the call sees -------------------------------------------------------------------------------

    def push(self, frame: AudioFrame) -> None:
        """Take a frame; never blocks."""
        if self._closing:
            return
        if not self._ring:
            self._end = self._heard_to = frame.start
        if frame.start > self._end:
            self._never_came(frame.start)
        again = (self._end - frame.start) * BYTES_PER_SAMPLE
        self._ring += frame.pcm[again:]
        self._end = max(self._end, frame.end)
        if len(self._ring) > (RING + SAMPLE_RATE) * BYTES_PER_SAMPLE:
            del self._ring[: -RING * BYTES_PER_SAMPLE]
        late = self._end - self._heard_to - UNHEARD
        if late > 0:
            self._skip(-(-late // WINDOW) * WINDOW)
        if self._end - self._heard_to >= BATCH:
            self._host.audio_waits()

    async def events(self) -> AsyncIterator[TranscriptEvent]:
        """Events in order; ends when the leg is closed and all is out."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._closed:
                return
            self._arrived = anyio.Event()
            await self._arrived.wait()

    @property
    def last_speech(self) -> int:
        """One past the last sample judged speech; 0 when there was none."""
        return self._segmenter.last_speech

    @property
    def pending(self) -> int:
        """Utterances open or without their final."""
        return len(self._ended) + (self._current is not None)

    @property
    def facts(self) -> LegFacts:
        """What was done so far."""
        return LegFacts(self._settings.engine.engine, self._count, self._degraded, self._dropped)

    async def close(self) -> None:
        """No more audio: end what is open, wait for finals, put out degraded ones for the rest."""
        if self._closing:
            await self._done.wait()
            return
        self._closing = True
        try:
            with anyio.move_on_after(self._settings.closing_s):
                while self._end - self._heard_to >= WINDOW:
                    self._host.audio_waits()
                    await self._change()
                self._borders(self._segmenter.finish())
                while self._ended:
                    await self._change()
        finally:
            self._borders(self._segmenter.finish())
            for utterance in list(self._ended):
                self.finished(utterance, None)
            self._closed = True
            self._arrived.set()
            self._done.set()
            self._host.leave(self)

    # -- what the pool sees -------------------------------------------------------------------------------

    def unheard(self) -> tuple[int, bytes]:
        """First sample and audio of all whole windows that no detector has seen."""
        samples = min(MOST, (self._end - self._heard_to) // WINDOW * WINDOW)
        if samples < (WINDOW if self._closing else BATCH):
            return self._heard_to, b""
        return self._heard_to, self._audio(self._heard_to, self._heard_to + samples)

    def heard(self, start: int, probabilities: list[float] | None, pcm: bytes) -> None:
        """The detector's answer for what `unheard` gave; None: there is no detector, use energy."""
        if self._closed:
            return
        if probabilities is None:
            step = WINDOW * BYTES_PER_SAMPLE
            probabilities = [self._energy.probability(pcm[at : at + step]) for at in range(0, len(pcm), step)]
        for number, probability in enumerate(probabilities):
            at = start + number * WINDOW
            if at >= self._heard_to:  # else it was dropped while the detector looked at it
                self._borders(self._segmenter.feed(at, WINDOW, probability))
                self._heard_to = at + WINDOW
        self._sketch()
        self._changed.set()

    def sketched(self, utterance: Utterance, hypothesis: Hypothesis | None) -> None:
        """A partial reading has come back, or was given up."""
        utterance.sketching = False
        if hypothesis is not None and hypothesis.text:
            raw = utterance.sketched_on + hypothesis.text
            self._partial(utterance, replace(hypothesis, text=raw), utterance.read_to)

    def foreseen(self, utterance: Utterance, hypothesis: Hypothesis | None) -> None:
        """An early reading has come back, or was given up. What it says is what partials go on from."""
        if hypothesis is None:
            utterance.confirm = None
        elif hypothesis.text and utterance.paused_at is not None:
            utterance.known = hypothesis.text
            utterance.known_to = utterance.paused_at - Endpointing().lead + BEFORE
            self._partial(utterance, hypothesis, utterance.paused_at)

    def _partial(self, utterance: Utterance, hypothesis: Hypothesis, end: int) -> None:
        if utterance.end is not None or self._closed:
            return
        utterance.shown += 1
        normal = self._normalise(hypothesis.text)
        stable, tail = utterance.stabiliser.update(normal.text)
        spans = normal.spans if (stable + tail) == normal.text else SpanMap()
        self._put(replace(self._event(utterance, end, hypothesis, spans), stable=stable, tail=tail))

    def finished(
        self, utterance: Utterance, hypothesis: Hypothesis | None, *, degraded: bool = False
    ) -> None:
        """The final reading has come back; None: it could not be had. Finals go out in order."""
        if utterance.final is not None or utterance.end is None:
            return
        found = hypothesis or Hypothesis("")
        normal = self._normalise(found.text, found.words)
        utterance.final = replace(
            self._event(utterance, utterance.end, found, normal.spans),
            kind="final",
            stable=normal.text,
            words=found.words,
            degraded=degraded or hypothesis is None,
            rewrote_stable=utterance.stabiliser.broken_by(normal.text),
        )
        while self._ended and (final := self._ended[0].final) is not None:
            self._ended.popleft()
            self._count += 1
            self._degraded += final.degraded
            self._put(final)
        self._changed.set()

    # -- inside -------------------------------------------------------------------------------------------

    def _event(self, utterance: Utterance, end: int, found: Hypothesis, spans: SpanMap) -> TranscriptEvent:
        return TranscriptEvent(
            utterance=utterance.id,
            leg=self.leg,
            seq=0,
            kind="partial",
            stable="",
            tail="",
            raw=found.text,
            start=utterance.start,
            end=end,
            spans=spans,
            confidence=found.confidence,
            engine=self._settings.engine.engine,
            gap=self._missing(utterance.start, end),
        )

    def _put(self, event: TranscriptEvent) -> None:
        """Number an event and hand it out; a partial nobody has taken yet gives way to its successor."""
        self._seq += 1
        last = self._events[-1] if self._events else None
        if last is not None and last.kind == "partial" and last.utterance == event.utterance:
            self._events.pop()
        self._events.append(replace(event, seq=self._seq))
        self._arrived.set()

    def _borders(self, borders: list[Border]) -> None:
        for border in borders:
            match border:
                case Opened(start):
                    self._opened += 1
                    name = UtteranceId(f"{self.leg}-u{self._opened}")
                    self._current = Utterance(name, start, read_to=start + Endpointing().lead)
                case Closed(start, end) if self._current is not None:
                    utterance, self._current = self._current, None
                    utterance.end = end
                    self._ended.append(utterance)
                    if utterance.confirm is not None and utterance.paused_at == end:
                        utterance.confirm()
                    else:
                        segment = Segment(utterance.id, self.leg, start, end, self._audio(start, end))
                        self._host.read(self, utterance, segment, quick=False)

    def _sketch(self) -> None:
        """Ask for a reading of the open utterance when enough was said since the last, or when it pauses."""
        current, level = self._current, self._host.level
        if current is None or level >= 2 or self._closing:
            return
        spoken_to, lead = self._segmenter.last_speech, Endpointing().lead
        if self._heard_to - spoken_to >= lead:
            self._foresee(current, spoken_to + lead)
            return
        wait = self._settings.partial_ms * (2 if level else 1) * SAMPLE_RATE // 1000
        if current.shown == 0 and current.read_to > current.start + lead:
            wait = wait * 2 // 3  # the first reading was too early for a text: the next is to come soon
        begin = current.known_to or current.start
        # Each reads all behind the last pause: the longer, the rarer, so that finals find a free worker
        if current.sketching or spoken_to - current.read_to < max(wait, (spoken_to - begin) // GROWTH):
            return
        current.read_to, current.sketching, current.sketched_on = self._heard_to, True, current.known
        name = UtteranceId(f"{current.id}+{begin}") if current.known_to else current.id
        segment = Segment(name, self.leg, begin, self._heard_to, self._audio(begin, self._heard_to))
        self._host.read(self, current, segment, quick=True)

    def _foresee(self, current: Utterance, end: int) -> None:
        """Read a pausing utterance as its final would be read: mostly it is over, and the final is there."""
        if current.paused_at == end:
            return
        current.paused_at = current.read_to = end
        segment = Segment(current.id, self.leg, current.start, end, self._audio(current.start, end))
        current.confirm = self._host.foresee(self, current, segment)

    def _skip(self, samples: int) -> None:
        """Give up the oldest audio the detector has not seen."""
        self._note_gap(self._heard_to, self._heard_to + samples)
        self._heard_to += samples
        self._dropped += samples

    def _never_came(self, end: int) -> None:
        """No frames came up to `end`: silence takes their place, so that times stay right."""
        self._ring += bytes(min(end - self._end, RING) * BYTES_PER_SAMPLE)
        self._end = end

    def _note_gap(self, start: int, end: int) -> None:
        """Remember a range no detector heard, for as long as an utterance may reach back to it."""
        if self._gaps and self._gaps[-1][1] == start:
            start, _ = self._gaps.pop()
        self._gaps.append((start, end))
        while self._gaps[0][1] < self._end - 2 * RING:
            self._gaps.popleft()

    def _missing(self, start: int, end: int) -> int:
        return sum(max(0, min(end, stop) - max(start, begin)) for begin, stop in self._gaps)

    def _audio(self, start: int, end: int) -> bytes:
        """A range of the ring; silence where it no longer reaches back."""
        first = self._end - len(self._ring) // BYTES_PER_SAMPLE
        missing = max(0, min(first, end) - start)
        begin, stop = max(0, start - first), max(0, end - first)
        kept = self._ring[begin * BYTES_PER_SAMPLE : stop * BYTES_PER_SAMPLE]
        return bytes(missing * BYTES_PER_SAMPLE) + bytes(kept)

    async def _change(self) -> None:
        self._changed = anyio.Event()
        await self._changed.wait()
