"""One leg's incoming stream: packets in, 20 ms of G.711 out at every tick, key presses on the side.

Pure. Everything between jitter buffer and resampler stays in the stream's own companding law, concealed sound
too: so an ordinary tick moves bytes and computes nothing.
"""

from collections import deque

from hotline.conversation import AudioFacts
from hotline.gateway import comfort_noise, concealment, lane
from hotline.gateway.comfort_noise import ComfortNoise
from hotline.gateway.concealment import Concealer
from hotline.gateway.dtmf import EventDecoder
from hotline.gateway.g711 import PAUSES, SILENCE, Codec, decode, encode, law_of, transcode
from hotline.gateway.jitter import JitterBuffer, Lost
from hotline.gateway.lane import Lane, Returned
from hotline.gateway.media import MediaPlan
from hotline.gateway.resample import FRAME_8K, TAIL
from hotline.gateway.rtp import RtpPacket, sequence_delta

PATIENCE = 500
"""Ticks that delay which nothing needs waits for a pause, before it goes in the midst of sound."""
_HISTORY_FRAMES = concealment.HISTORY // FRAME_8K


class Receiver:
    """Jitter buffer, loss concealment and telephone events of one leg."""

    def __init__(self, delay_s: float, floor_s: float | None = None) -> None:
        """`delay_s`, `floor_s`: how long a missing packet is waited for, at first and at least."""
        self.jitter = JitterBuffer(delay_s, floor_s=floor_s)
        self.ignored = 0
        """Packets of a payload type that was not agreed on."""
        self._codec: Codec = "PCMA"
        self._codecs: dict[int, Codec] = {}
        self._kind = 8
        """The payload type that is sent mostly."""
        self._event_type: int | None = None
        self._noise_type = comfort_noise.PAYLOAD_TYPE
        self._noise: ComfortNoise | None = None
        """What the peer's silence sounds like, while it is silent (DTX)."""
        self._noise_payload = b""
        self._noise_sequence = 0
        self._events = EventDecoder()
        self._concealer = Concealer()
        self._pending = b""
        self._history = deque([SILENCE["PCMA"] * FRAME_8K] * _HISTORY_FRAMES, maxlen=_HISTORY_FRAMES)
        self._playing = False
        self._size = self._most = FRAME_8K
        self._concealed = 0
        self._waits = 0
        """Ticks for which delay that is not needed has waited for a pause."""
        self.frame = self._history[-1]
        """The 160 bytes `pull` has just given."""

    @property
    def codec(self) -> Codec:
        """The law that `pull` gives."""
        return self._codec

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the stream so far."""
        jitter = self.jitter
        return AudioFacts(
            received=jitter.received,
            lost=jitter.lost,
            late=jitter.late,
            duplicated=jitter.duplicated,
            concealed_ms=self._concealed // 8,
            codec=self._codec if self._codecs else "",
        )

    def configure(self, plan: MediaPlan, *, anew: bool) -> None:
        """Hear what `plan` says; `anew` when what comes is another stream.

        Packets of the codec before stay welcome: some are still on their way.
        """
        before = {kind: codec for kind, codec in self._codecs.items() if codec == self._codec}
        law = law_of(plan.codec)
        self._codecs = {**before, **dict(plan.also), plan.payload_type: law}
        self._kind = plan.payload_type
        self._event_type = plan.dtmf_payload_type
        self._noise_type = plan.cn_payload_type or comfort_noise.PAYLOAD_TYPE
        if law != self._codec:
            self._pending = transcode(self._pending, law)
            self._history.extend([transcode(frame, law) for frame in self._history])
            self._codec = law
        if anew:
            self.jitter.reset()
            self._concealer.forget()
            self._playing = False
            self._noise = None

    @property
    def quiet(self) -> bool:
        """The peer has said that it is silent: nothing need come from it for a while."""
        return self._noise is not None

    def push(self, packet: RtpPacket, now: float) -> str | None:
        """Take a packet that came at `now`; returns the key when it begins a press."""
        if packet.payload_type in self._codecs:
            if packet.payload:
                self.jitter.push(packet, now)
            else:
                self.jitter.skip(packet, now)
            return None
        self.jitter.skip(packet, now)
        if packet.payload_type == self._event_type:
            return self._events.push(packet)
        if packet.payload_type == self._noise_type and packet.payload:
            self._hush(packet)
        else:
            self.ignored += 1
        return None

    def _hush(self, packet: RtpPacket) -> None:
        """The peer falls silent, or tells how its silence sounds by now."""
        if self._noise is None or packet.payload != self._noise_payload:
            self._noise, self._noise_payload = ComfortNoise(packet.payload), packet.payload
        self._noise_sequence = packet.sequence

    def pull(self, now: float) -> tuple[bytes, bool]:
        """The 20 ms due at `now`: 24 bytes of what was before and 160 of the frame; True when made up."""
        pending, made_up = self._pending, False
        if self.jitter.surplus and self._unheard():
            self.jitter.shed()
        pop = self.jitter.pop
        while (item := pop(now)) is not None:
            if isinstance(item, Lost):
                made_up = True
                pending += self._conceal(item.samples)
            else:
                pending += self._sound(item)
        if len(pending) == FRAME_8K:
            frame, self._pending = pending, b""
        elif len(pending) > FRAME_8K:
            excess = max(0, len(pending) - self._most)  # the scale of time has moved: the lag must not grow
            frame, self._pending = pending[excess : excess + FRAME_8K], pending[excess + FRAME_8K :]
        elif self._noise is not None:
            made = encode(self._noise.take(FRAME_8K - len(pending)), self._codec)
            frame, self._pending = pending + made, b""
            self._concealer.forget()
        elif self._playing:
            # The stream has just broken off and fades. Or its packets are not of whole ticks: then the part
            # that is here waits, and from the next tick on there is always enough.
            made_up = True
            self._pending, frame = pending, self._conceal(FRAME_8K)
            self._playing = not self._concealer.faded
        else:
            frame, self._pending = SILENCE[self._codec] * FRAME_8K, b""
        history = self._history
        row = history[-1][-TAIL:] + frame
        history.append(frame)
        self.frame = frame
        return row, made_up

    def lend(self, to: Lane) -> None:
        """Let a lane go on, when nothing but the next packet is expected."""
        plain = self._playing and self._noise is None and not self._concealer.active and not self._pending
        if not plain or self._size != FRAME_8K or self._codecs.get(self._kind) != self._codec:
            return
        lent = self.jitter.lend(self._kind, FRAME_8K)
        if lent is not None:
            stream, waiting = lent
            wanted = int(self.jitter.surplus > 0)
            most = self.jitter.most_slack
            law, ssrc = int(self._codec == "PCMU"), self.jitter.ssrc or 0
            to.arm((law, self._kind, ssrc, (*stream, most), waiting, self.frame, wanted, self._waits))

    def take_back(self, from_: Lane) -> Returned:
        """Go on from where the lane has got."""
        back = lane.disarmed(from_)
        self.jitter.take_back(self._kind, FRAME_8K, back)
        if back.frames:
            self._history.extend(back.frames)
            self.frame = back.frames[-1]
        self._waits = back.waits
        return back

    def _unheard(self) -> bool:
        """Whether 20 ms may be left out here: in a pause, or after none has come for ten seconds."""
        self._waits += 1
        if self._waits < PATIENCE and self.frame.translate(None, PAUSES[self._codec]):
            return False
        self._waits = 0
        return True

    def _sound(self, packet: RtpPacket) -> bytes:
        payload = packet.payload
        if self._noise is not None and sequence_delta(packet.sequence, self._noise_sequence) > 0:
            self._noise = None
        codec = self._codecs.get(packet.payload_type, self._codec)
        if codec != self._codec:
            payload = transcode(payload, self._codec)
        if len(payload) != self._size:
            self._size = len(payload)
            self._most = max(FRAME_8K, self._size) + (FRAME_8K if self._size % FRAME_8K else 0)
        self._playing = True
        if self._concealer.active:
            return encode(self._concealer.resume(decode(payload, self._codec)), self._codec)
        return payload

    def _conceal(self, count: int) -> bytes:
        self._concealed += count
        history = decode(b"".join(self._history) + self._pending, self._codec)
        made = self._concealer.conceal(history[-concealment.HISTORY :], count)
        return encode(made, self._codec)
