"""A leg whose audio comes as plain samples over a stream, as PBXs fork it: the `MediaLeg` behind their doors.

There is no packet to lose on a stream, only bursts and pauses. What comes waits in a small buffer that is
read at 20 ms a tick; what goes out is sent at the same pace, or as whole prompts where the PBX plays files.
"""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Protocol

import anyio
import anyio.lowlevel

from asr.audio import BYTES_PER_SAMPLE, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, LegId
from hotline.buffers import DropOldest
from hotline.conversation import AudioFacts, Digit, EndCause
from hotline.errors import LegGone
from hotline.gateway.dtmf import KEYS
from hotline.gateway.live import LiveQueue
from hotline.gateway.media import LegEnded, LegInput, Sink

log = logging.getLogger(__name__)

TICK_S = 0.02
FRAME_BYTES = FRAME_SAMPLES * BYTES_PER_SAMPLE
INPUT_TICKS = 100
"""2 s of frames and keys for a reader that is behind; then the oldest go."""
PRIMED_BYTES = 3 * FRAME_BYTES
"""60 ms that must have come before reading begins, and again after the buffer has run dry."""
MOST_BYTES = 25 * FRAME_BYTES
"""0.5 s; a burst beyond that drops the oldest sound, so that the lag cannot grow."""
_LONGEST_CATCH_UP_S = 2.0
RATES = (8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000)
"""Sample rates a PBX may use."""


class Wire(Protocol):
    """The way back to the PBX. Nothing here may wait or raise: a wire that is full or gone drops."""

    @property
    def paced(self) -> bool:
        """True: takes 20 ms at a time, by our clock. False: takes a whole prompt and plays it itself."""

    def sound(self, pcm: bytes) -> None:
        """Send s16le mono at the leg's rate."""

    def hush(self) -> None:
        """Stop what is being played (only for a wire that is not paced)."""

    def hang_up(self) -> None:
        """End the call at the PBX and close the connection."""


@dataclass(slots=True)
class _Prompt:
    """A prompt on its way out and the one who waits for it."""

    pcm: bytes
    tap: Callable[[AudioFrame], None] | None
    over: anyio.Event
    at: int = 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.pcm)


class PcmLeg:
    """One PBX leg. `run` drives it; `hear`, `press` and `gone` are what its connection tells it."""

    def __init__(self, leg: LegId, rate: int, wire: Wire, codec: str, dead_after_s: float) -> None:
        """`rate`: samples a second both ways; `codec`: what the wire carries, for the record.

        `dead_after_s`: seconds without any sound after which the leg is given up. Raises `ValueError` for a
        rate no PBX uses.
        """
        if rate not in RATES:
            raise ValueError("no such sample rate")
        self._leg = leg
        self._wire = wire
        self._inputs: DropOldest[LegInput] = DropOldest(INPUT_TICKS)
        self._up, self._down = _resampler(rate, SAMPLE_RATE), _resampler(SAMPLE_RATE, rate)
        self._dead_after_s = dead_after_s
        self._waiting = bytearray()
        self._primed = False
        self._clock = 0
        self._heard_at: float | None = None
        self._prompt: _Prompt | None = None
        self._turn = anyio.Lock()
        self._cause: EndCause | None = None
        self._ended = anyio.Event()
        self._facts = AudioFacts(codec=codec)
        self._hear: Sink | None = None
        self._tap: Sink | None = None
        self._live = LiveQueue()

    # -- MediaLeg -----------------------------------------------------------------------------------------

    @property
    def leg(self) -> LegId:
        """The leg's id."""
        return self._leg

    @property
    def facts(self) -> AudioFacts:
        """`received` counts 20 ms frames of sound, `lost` those dropped in a burst."""
        return self._facts

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames every 20 ms, key presses, then one `LegEnded`. One reader, at most 2 s behind."""
        return self._inputs.__aiter__()

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le mono at the pace of the clock; a second `play` waits for the first.

        Cancelling stops the sound. Raises `LegGone` when the leg has ended, before or meanwhile.
        """
        async with self._turn:
            if self._cause is not None:
                raise LegGone("the leg has ended")
            if not pcm:
                return
            prompt = self._prompt = _Prompt(pcm, tap, anyio.Event())
            if not self._wire.paced:
                self._wire.sound(self._down(pcm))
            try:
                await prompt.over.wait()
            finally:
                self._prompt = None
                if not prompt.done and not self._wire.paced:
                    self._wire.hush()
            if not prompt.done:
                raise LegGone("the leg has ended")

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Hand on what comes, and what is spoken; see `MediaLeg.connect`."""
        self._hear, self._tap = (hear, tap) if self._cause is None else (None, None)

    def speak(self, frame: AudioFrame) -> None:
        """Say 20 ms of somebody else at the next tick. A PBX that only plays whole prompts hears nothing."""
        if self._cause is not None or not self._wire.paced:
            return
        self._live.push(frame)

    def send_digit(self, key: str, ms: int = 160) -> None:
        """A PBX's fork carries no keys from us: nothing happens. Raises `ValueError` for no such key."""
        del ms
        if key not in KEYS or len(key) != 1:
            raise ValueError("no such key")

    async def hangup(self, cause: EndCause = EndCause.LOCAL_HANGUP) -> None:
        """End the leg and its connection. Harmless when already ended."""
        self.gone(cause)
        await anyio.lowlevel.checkpoint()

    # -- what the connection brings -----------------------------------------------------------------------

    def hear(self, pcm: bytes, now: float) -> None:
        """Sound came: s16le mono at the leg's rate, any length of whole samples."""
        self._heard_at = now
        waiting = self._waiting
        waiting += self._up(pcm)
        if len(waiting) > MOST_BYTES:
            excess = (len(waiting) - MOST_BYTES) // FRAME_BYTES + 1
            del waiting[: excess * FRAME_BYTES]
            self._facts = replace(self._facts, lost=self._facts.lost + excess)

    def press(self, key: str) -> None:
        """A key was pressed; what is no key is ignored."""
        if self._cause is None and len(key) == 1 and key in KEYS:
            self._inputs.push(Digit(key, self._clock))

    def gone(self, cause: EndCause) -> None:
        """The leg is over: readers get `LegEnded`, players `LegGone`. The first cause stays."""
        if self._cause is not None:
            return
        self._cause = cause
        self._inputs.push(LegEnded(cause))
        self._inputs.close()
        if self._prompt is not None:
            self._prompt.over.set()
        self._ended.set()
        self._wire.hang_up()

    async def wait_ended(self) -> EndCause:
        """Return why, once the leg has ended."""
        await self._ended.wait()
        return self._cause or EndCause.ERROR

    # -- the clock ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Tick every 20 ms until the leg has ended."""
        deadline = anyio.current_time()
        while self._cause is None:
            deadline += TICK_S
            await anyio.sleep_until(deadline)
            now = anyio.current_time()
            if now - deadline > _LONGEST_CATCH_UP_S:  # what readers hold; a longer stall is a hole in time
                deadline = now
            self.tick(now)

    def tick(self, now: float) -> None:
        """20 ms have passed: one frame to the reader, 20 ms of prompt or silence to the PBX."""
        if self._cause is not None:
            return
        if self._heard_at is None:
            self._heard_at = now
        elif now - self._heard_at > self._dead_after_s:
            self.gone(EndCause.MEDIA_TIMEOUT)
            return
        pcm, made_up = self._take()
        frame = AudioFrame(self._leg, self._clock, pcm, made_up)
        self._inputs.push(frame)
        if self._hear is not None:
            self._hear(frame)
        self._speak()
        self._clock += FRAME_SAMPLES

    def _take(self) -> tuple[bytes, bool]:
        """The next 20 ms that came, else silence; True when sound was going on and has run out."""
        waiting = self._waiting
        if not self._primed and len(waiting) < PRIMED_BYTES:
            return bytes(FRAME_BYTES), False
        if len(waiting) < FRAME_BYTES:
            self._primed = False
            facts = self._facts
            self._facts = replace(facts, concealed_ms=facts.concealed_ms + 20)
            return bytes(FRAME_BYTES), True
        self._primed = True
        pcm = bytes(waiting[:FRAME_BYTES])
        del waiting[:FRAME_BYTES]
        self._facts = replace(self._facts, received=self._facts.received + 1)
        return pcm, False

    def _speak(self) -> None:
        prompt = self._prompt
        if prompt is None or prompt.done:
            if self._wire.paced:
                self._say_live()
            return
        self._live.clear()
        pcm = prompt.pcm[prompt.at : prompt.at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        prompt.at += FRAME_BYTES
        if self._wire.paced:
            self._wire.sound(self._down(pcm))
        if prompt.tap is not None:
            prompt.tap(AudioFrame(self._leg, self._clock, pcm))
        if prompt.at >= len(prompt.pcm):
            prompt.over.set()

    def _say_live(self) -> None:
        """Whoever is joined to the leg, else silence."""
        frame = self._live.take()
        pcm = b"" if frame is None else frame.pcm
        self._wire.sound(self._down(pcm or bytes(FRAME_BYTES)))
        if pcm and self._tap is not None:
            self._tap(AudioFrame(self._leg, self._clock, pcm))


def _resampler(before: int, after: int) -> Callable[[bytes], bytes]:
    """A converter that keeps its state from piece to piece; s16le mono both sides."""
    if before == after:
        return bytes
    import numpy as np
    import soxr

    stream = soxr.ResampleStream(before, after, 1, dtype="int16")

    def convert(pcm: bytes) -> bytes:
        made: bytes = stream.resample_chunk(np.frombuffer(pcm, "<i2")).astype("<i2").tobytes()
        return made

    return convert
