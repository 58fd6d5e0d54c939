"""One leg's incoming stream of G.722 or Opus: packets in, 20 ms of 16 kHz sound out at every tick. Pure.

The same surface as `rtp_receive.Receiver`, but decoded at once: these codecs keep state between packets.
"""

import numpy as np

from hotline.conversation import AudioFacts
from hotline.errors import WireError
from hotline.gateway import concealment, wideband
from hotline.gateway.comfort_noise import ComfortNoise
from hotline.gateway.concealment import Concealer
from hotline.gateway.dtmf import EventDecoder
from hotline.gateway.jitter import JitterBuffer, Lost
from hotline.gateway.media import MediaPlan
from hotline.gateway.rtp import RtpPacket, sequence_delta
from hotline.gateway.wideband import FRAME_BYTES, WideDecoder

_RATE = 16_000
_PATIENCE, _PAUSE = 500, 1_024
"""See `rtp_receive`."""
_HISTORY_BYTES = 2 * 2 * concealment.HISTORY


class WideReceiver:
    """Jitter buffer, decoder, loss concealment and telephone events of one wideband stream."""

    def __init__(self, delay_s: float, plan: MediaPlan, floor_s: float | None = None) -> None:
        """`delay_s`, `floor_s`: how long a missing packet is waited for, at first and at least."""
        codec = plan.codec
        self._clock = wideband.clock(codec)
        self.jitter = JitterBuffer(
            delay_s, self._clock, lambda payload: wideband.duration(codec, payload), floor_s
        )
        self.ignored = 0
        """Packets of a payload type that was not agreed on, or that are not of the codec."""
        self._codec = codec
        self._type = plan.payload_type
        self._event_type = plan.dtmf_payload_type
        self._noise_type = plan.cn_payload_type
        self._noise: ComfortNoise | None = None
        self._noise_sequence = 0
        self._resting = False
        """The last packet said that the peer is silent (Opus DTX): the decoder goes on by itself."""
        self._events = EventDecoder()
        self._decoder: WideDecoder = wideband.decoder(codec)
        self._concealer = Concealer(_RATE)
        self._pending = b""
        self._history = bytes(_HISTORY_BYTES)
        self._playing = False
        self._most = FRAME_BYTES
        self._concealed = 0
        self._waits = 0
        self.frame = b""
        """As `Receiver.frame`; none here, since nothing is companded."""

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the stream so far."""
        jitter = self.jitter
        return AudioFacts(
            received=jitter.received,
            lost=jitter.lost,
            late=jitter.late,
            duplicated=jitter.duplicated,
            concealed_ms=self._concealed // 16,
            codec=self._codec,
        )

    def configure(self, plan: MediaPlan, *, anew: bool) -> None:
        """Hear what `plan` says, which is of the same codec; `anew` when what comes is another stream."""
        self._type = plan.payload_type
        self._event_type = plan.dtmf_payload_type
        self._noise_type = plan.cn_payload_type
        if anew:
            self._noise, self._resting = None, False
            self.jitter.reset()
            self._concealer.forget()
            self._decoder = wideband.decoder(self._codec)
            self._playing = False

    @property
    def quiet(self) -> bool:
        """See `Receiver.quiet`."""
        return self._noise is not None or self._resting

    def push(self, packet: RtpPacket, now: float) -> str | None:
        """Take a packet that came at `now`; returns the key when it begins a press."""
        if packet.payload_type == self._type:
            if wideband.duration(self._codec, packet.payload):
                self.jitter.push(packet, now)
            else:
                self.jitter.skip(packet, now)
            return None
        self.jitter.skip(packet, now)
        if packet.payload_type == self._event_type:
            return self._events.push(packet)
        if packet.payload_type == self._noise_type and packet.payload:
            self._noise, self._noise_sequence = ComfortNoise(packet.payload, _RATE), packet.sequence
        else:
            self.ignored += 1
        return None

    def pull(self, now: float) -> tuple[bytes, bool]:
        """The 20 ms due at `now` as s16le at 16 kHz; True when made up."""
        pending, made_up = self._pending, False
        if self.jitter.surplus and self._unheard():
            self.jitter.shed()
        while (item := self.jitter.pop(now)) is not None:
            if isinstance(item, Lost):
                made_up = True
                pending += self._lost(item.samples * _RATE // self._clock)
            else:
                pending += self._sound(item)
        if len(pending) >= FRAME_BYTES:
            excess = max(0, len(pending) - self._most)  # the scale of time has moved: the lag must not grow
            frame, self._pending = (
                pending[excess : excess + FRAME_BYTES],
                pending[excess + FRAME_BYTES :],
            )
        elif self.quiet:
            frame, self._pending = pending + self._background(FRAME_BYTES - len(pending)), b""
            self._concealer.forget()
        elif self._playing:
            made_up = True
            self._pending, frame = pending, self._conceal(FRAME_BYTES // 2)
            self._playing = not self._concealer.faded
        else:
            frame, self._pending = bytes(FRAME_BYTES), b""
        self._history = (self._history + frame)[-_HISTORY_BYTES:]
        return frame, made_up

    def _unheard(self) -> bool:
        """As `Receiver._unheard`."""
        self._waits += 1
        last = np.frombuffer(self._history[-FRAME_BYTES:], "<i2")
        if self._waits < _PATIENCE and int(np.abs(last.astype(np.int32)).max()) > _PAUSE:
            return False
        self._waits = 0
        return True

    def _sound(self, packet: RtpPacket) -> bytes:
        try:
            pcm = self._decoder.decode(packet.payload)
        except WireError:
            self.ignored += 1
            return self._conceal(wideband.duration(self._codec, packet.payload) * _RATE // self._clock)
        if self._noise is not None and sequence_delta(packet.sequence, self._noise_sequence) > 0:
            self._noise = None
        self._resting = wideband.resting(self._codec, packet.payload)
        size = len(pcm)
        self._most = max(FRAME_BYTES, size) + (FRAME_BYTES if size % FRAME_BYTES else 0)
        self._playing = True
        if self._concealer.active:
            return self._concealer.resume(np.frombuffer(pcm, "<i2").astype(np.int16)).astype("<i2").tobytes()
        return pcm

    def _background(self, size: int) -> bytes:
        """So many bytes of the peer's silence."""
        samples = size // 2
        if self._noise is not None:
            return self._noise.take(samples).astype("<i2").tobytes()
        return self._decoder.rest(samples)[:size].ljust(size, b"\0")

    def _lost(self, samples: int) -> bytes:
        """What the next packet knows of the lost one, else made-up sound."""
        after = self.jitter.following()
        try:
            known = None if after is None else self._decoder.recover(after, samples)
        except WireError:
            known = None
        if known is not None and len(known) == 2 * samples:
            self._concealed += samples
            return known
        return self._conceal(samples)

    def _conceal(self, samples: int) -> bytes:
        self._concealed += samples
        history = np.frombuffer((self._history + self._pending)[-_HISTORY_BYTES:], "<i2").astype(np.int16)
        return self._concealer.conceal(history, samples).astype("<i2").tobytes()
