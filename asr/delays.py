"""How late texts come behind the voice: a caller on an otherwise idle line, in made-up time.

The line's own code runs (`asr.transcriber`), and the engine really reads; only the clock is ours. It moves by
20 ms a frame, and while the engine is busy by what the reading took, so that a minute of speech is measured
in the seconds that its readings need.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import anyio
from anyio.lowlevel import checkpoint

from asr.audio import BYTES_PER_SAMPLE, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, LegId, Segment
from asr.normalize import normalize
from asr.segmenter import Endpointing
from asr.settings import AsrSettings
from asr.transcriber import LegTranscriber, Utterance
from asr.transcript import Hypothesis, TranscriptEvent
from asr.waiting import Request, Waiting

ENDLESS = 1 << 40
"""Samples of finals that may wait: all."""
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
BEHIND = 3 * SAMPLE_RATE // 2
"""Samples of silence after a clip, beyond what ends an utterance."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds behind the voice."""

    partials: tuple[float, ...] = ()
    """From an utterance's first sound to its first partial; of those that had one before their final."""
    finals: tuple[float, ...] = ()
    """From an utterance's last sound to its final; of those with a text."""

    def __add__(self, other: "Delays") -> "Delays":
        return Delays(self.partials + other.partials, self.finals + other.finals)


class Read(Protocol):
    """Reads utterances, or (`quick`) what there is of them so far."""

    def __call__(self, segments: Sequence[Segment], *, quick: bool) -> Awaitable[Sequence[Hypothesis]]: ...


class Hearing(Protocol):
    """A speech detector for named legs; `asr.detectors.SileroDetectors` is one."""

    def probabilities(self, windows: Sequence[tuple[str, bytes]]) -> list[list[float]]:
        """For each `(leg, pcm)`, the probability of every whole window in `pcm`."""

    def forget(self, leg: str) -> None:
        """The leg has ended."""


@dataclass(slots=True)
class _Answer:
    at: float
    """When it comes."""
    batch: list[Request]
    found: list[Hypothesis]


class _QuietLine:
    """The transcribers' host: one worker, no shedding."""

    level = 0

    def __init__(self, read: Read, clock: Callable[[], float]) -> None:
        self.now = 0.0
        self._read, self._clock = read, clock
        self._waiting = Waiting(ENDLESS)
        self._answer: _Answer | None = None

    def audio_waits(self) -> None:
        """Every frame is looked at anyway."""

    def leave(self, leg: LegTranscriber) -> None:
        """Nothing is kept of it."""

    def read(self, leg: LegTranscriber, utterance: Utterance, segment: Segment, *, quick: bool) -> None:
        """Queue a reading as the pool does."""
        self._waiting.put(Request(leg, utterance, segment, "partial" if quick else "final", self.now))

    def foresee(self, leg: LegTranscriber, utterance: Utterance, segment: Segment) -> Callable[[], None]:
        """The same for an early reading."""
        request = Request(leg, utterance, segment, "early", self.now)
        self._waiting.put(request)

        def confirm() -> None:
            self._waiting.confirm(request)

        return confirm

    async def work(self) -> None:
        """Hand out what is ready by now, and begin what can be begun."""
        while self._answer is None or self._answer.at <= self.now:
            if self._answer is not None:
                await self._hand_out(self._answer)
            elif batch := self._waiting.batch():
                await self._begin(batch)
            else:
                return

    async def _begin(self, batch: list[Request]) -> None:
        began = self._clock()
        found = await self._read([each.segment for each in batch], quick=batch[0].kind == "partial")
        self._answer = _Answer(self.now + self._clock() - began, batch, list(found))

    async def _hand_out(self, answer: _Answer) -> None:
        """Tell the answer at its own moment, which may lie between two frames."""
        frame, self.now, self._answer = self.now, answer.at, None
        for request, found in zip(answer.batch, answer.found, strict=True):
            request.answer(found)
        await listened()
        self.now = frame


async def listened() -> None:
    """Whoever listens to events has heard them."""
    for _ in range(3):
        await checkpoint()


async def delays_of(
    sounds: Sequence[bytes],
    read: Read,
    detectors: Hearing,
    settings: AsrSettings,
    clock: Callable[[], float] = perf_counter,
) -> Delays:
    """Delays of the texts of recordings (16 kHz s16le) that are spoken at once, each on a leg of its own.

    The speech detector counts as infinitely fast. `clock` tells how long the engine reads, in seconds.
    """
    host = _QuietLine(read, clock)
    names = [LegId(f"delays{number}") for number in range(len(sounds))]
    legs = [LegTranscriber(name, host, settings, normalize) for name in names]
    partials: list[float] = []
    finals: list[float] = []

    async def listen(leg: LegTranscriber) -> None:
        seen: set[str] = set()
        async for event in leg.events():
            _note(event, host.now, seen, (partials, finals))

    async with anyio.create_task_group() as group:
        for leg in legs:
            group.start_soon(listen, leg)
        await listened()
        size = FRAME_SAMPLES * BYTES_PER_SAMPLE
        behind = bytes((BEHIND + settings.endpoint_ms * SAMPLE_RATE // 1000) * BYTES_PER_SAMPLE)
        for number in range(max(len(pcm) + len(behind) for pcm in sounds) // size):
            host.now = (number + 1) * FRAME_SECONDS
            for leg, pcm in zip(legs, sounds, strict=True):
                frame = (pcm[number * size : (number + 1) * size]).ljust(size, b"\0")
                leg.push(AudioFrame(leg.leg, number * FRAME_SAMPLES, frame))
                _hear(leg, detectors)
            await listened()
            await host.work()
        while any(leg.pending for leg in legs):
            host.now += FRAME_SECONDS
            await host.work()
        group.cancel_scope.cancel()
    for name in names:
        detectors.forget(name)
    return Delays(tuple(partials), tuple(finals))


def _hear(leg: LegTranscriber, detectors: Hearing) -> None:
    start, unheard = leg.unheard()
    if unheard:
        leg.heard(start, detectors.probabilities([(leg.leg, unheard)])[0], unheard)


def _note(event: TranscriptEvent, now: float, seen: set[str], rows: tuple[list[float], list[float]]) -> None:
    lead = Endpointing().lead  # what is kept before the first and after the last sound
    partials, finals = rows
    if event.kind == "final":
        if event.text:
            finals.append(now - (event.end - lead) / SAMPLE_RATE)
    elif event.utterance not in seen:
        seen.add(event.utterance)
        partials.append(now - (event.start + lead) / SAMPLE_RATE)
