"""What a call sees of an RTP leg, whatever carries its packets: inputs, keys, prompts and the end."""

from collections.abc import AsyncIterator, Callable

import anyio

from asr.audio import AudioFrame, LegId
from hotline.buffers import DropOldest
from hotline.conversation import Digit, EndCause
from hotline.errors import LegGone
from hotline.gateway import dtmf
from hotline.gateway.inband_dtmf import InbandKeys
from hotline.gateway.media import LegEnded, LegInput, MediaPlan, Sink
from hotline.gateway.playout import Playing, Playout
from hotline.gateway.rtp_send import Sender
from hotline.gateway.voice import Voice

INPUT_SECONDS = 2
TICKS_A_SECOND = 50


class Party:
    """The call's side of `RtpSession`."""

    def __init__(self, leg: LegId) -> None:
        self.leg = leg
        self._plan: MediaPlan | None = None
        self._sender = Sender()
        self._voice = Voice(leg)
        self._inputs: DropOldest[LegInput] = DropOldest(INPUT_SECONDS * TICKS_A_SECOND)
        self._clock = 0
        self._turn = anyio.Lock()
        self._cause: EndCause | None = None
        self._ended = anyio.Event()
        self._hear: Sink | None = None
        self.inband: InbandKeys | None = None
        """Listens for keys in the sound itself, for a peer that has agreed to no telephone events."""

    @property
    def dropped(self) -> int:
        """Inputs lost because their reader was more than two seconds behind."""
        return self._inputs.dropped

    def use_dtx(self, *, on: bool) -> None:
        """Whether to send next to nothing while there is nothing to say; before `configure`."""
        self._voice.dtx = on

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames every 20 ms, key presses, then one `LegEnded`. One reader; 2 s behind, it loses the oldest.

        Cancelling loses nothing that was not yet taken.
        """
        return self._inputs.__aiter__()

    def digit(self, key: str) -> None:
        """A press that came by signalling (SIP INFO)."""
        if self._cause is None and len(key) == 1 and key in dtmf.KEYS:
            self._inputs.push(Digit(key, self._clock))
            self.inband = None  # it has a way to tell keys: the same ones in its sound are not told again

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer (RFC 4733). Raises `ValueError` for no such key.

        Nothing is sent when the peer has not agreed to telephone events.
        """
        self._sender.press(key, ms)

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le mono; returns when the last frame is sent. A second `play` waits for the first.

        Stands still while we may not send (hold, or before `configure`). Cancelling stops the sound at the
        next frame. Raises `LegGone` when the leg has ended, before or meanwhile.
        """
        async with self._turn:
            if self._cause is not None:
                raise LegGone("the leg has ended")
            codec = self._plan.codec if self._plan is not None else "PCMA"
            playing = Playing(Playout(pcm, codec), tap)
            if not playing.left:
                return
            self._voice.playing = playing
            try:
                await playing.over.wait()
            finally:
                self._voice.playing = None
            if playing.left:
                raise LegGone("the leg has ended")

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Hand on what comes, and what is spoken; see `MediaLeg.connect`."""
        self._hear = hear if self._cause is None else None
        self._voice.tap = tap

    def speak(self, frame: AudioFrame) -> None:
        """Say 20 ms of somebody else."""
        if self._cause is None:
            self._voice.speak(frame)

    def end(self, cause: EndCause) -> None:
        """No more audio: readers get `LegEnded`, players `LegGone`. The first cause stays."""
        if self._cause is not None:
            return
        self._cause = cause
        self._hear = None
        self._inputs.push(LegEnded(cause))
        self._inputs.close()
        if self._voice.playing is not None:
            self._voice.playing.over.set()
        self._ended.set()

    async def wait_ended(self) -> EndCause:
        """Return why, once the session has ended. Cancelling changes nothing."""
        await self._ended.wait()
        return self._cause or EndCause.ERROR
