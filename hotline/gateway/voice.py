"""What a leg says at each tick: the prompt that is played, else whoever is joined to it, else silence."""

from asr.audio import AudioFrame, LegId
from hotline.gateway import comfort_noise
from hotline.gateway.coded_prompt import CodedPrompt, coded
from hotline.gateway.g711 import SILENCE, encode, law_of, transcode
from hotline.gateway.lane import make_frame
from hotline.gateway.live import LiveQueue
from hotline.gateway.media import MediaPlan, Sink
from hotline.gateway.playout import Playing
from hotline.gateway.resample import FRAME_8K, Decimator
from hotline.gateway.rtp_send import Sender
from hotline.gateway.wideband import WideEncoder, encoder, is_wide, resting

_SILENCE = {codec: byte * FRAME_8K for codec, byte in SILENCE.items()}
_NOISE = comfort_noise.describe(78)
"""Our silence: as faint as G.711's smallest steps."""


class Voice:
    """One leg's outgoing sound."""

    def __init__(self, leg: LegId) -> None:
        self.playing: Playing | None = None
        self.dtx = False
        """Send next to nothing while there is nothing to say; set before `tune`."""
        self._leg = leg
        self._encoder: WideEncoder | None = None
        self._prompt: tuple[Playing, CodedPrompt] | None = None
        """Of what is played now."""
        self.tap: Sink | None = None
        """Gets what is said of others."""
        self._live = LiveQueue()
        self._decimator = Decimator()

    def tune(self, before: MediaPlan | None, plan: MediaPlan) -> None:
        """Go on in the plan's codec."""
        if before is None or before.codec != plan.codec:
            self._encoder = encoder(plan.codec, dtx=self.dtx) if is_wide(plan.codec) else None
            self._prompt = None
        if self.playing is not None:
            self.playing.playout.codec(plan.codec)

    def speak(self, frame: AudioFrame) -> None:
        """Say this when it is its turn."""
        self._live.push(frame)

    @property
    def dropped(self) -> int:
        """Frames of others that came faster than they could be said."""
        return self._live.dropped

    def hush(self) -> None:
        """Forget what waits: nothing may be said now, and later it would be late."""
        self._live.clear()

    def tick(self, sender: Sender, plan: MediaPlan, clock: int) -> list[bytes]:
        """The datagrams of 20 ms; `clock`: the leg's, for the one who taps what is said."""
        playing = self.playing
        if playing is None or playing.over.is_set():
            frame = self._live.take()
            if frame is not None:
                return self._say_live(frame, sender, plan, clock)
            return self._quiet(sender, plan)
        self._live.clear()
        sound, pcm = playing.take()
        if playing.tap is not None:
            playing.tap(make_frame(self._leg, clock, pcm, False, sound, law_of(plan.codec)))
        return sender.tick(sound if self._encoder is None else self._coded(self._encoder, playing, plan, pcm))

    def _say_live(self, frame: AudioFrame, sender: Sender, plan: MediaPlan, clock: int) -> list[bytes]:
        """Somebody else's frame, copied where it is in our law already."""
        law, sound = law_of(plan.codec), frame.coded
        if self._encoder is None:
            if len(sound) != FRAME_8K:
                sound = encode(self._decimator.push(frame.pcm), law)
            elif frame.law != law:
                sound = transcode(sound, law)
            packets = sender.tick(sound)
        else:
            packets = sender.tick(self._encoder.encode(frame.pcm))
            sound = b""
        if self.tap is not None:
            self.tap(make_frame(self._leg, clock, frame.pcm, frame.lost, sound, law))
        return packets

    def _coded(self, encoder: WideEncoder, playing: Playing, plan: MediaPlan, pcm: bytes) -> bytes:
        """The packet of the frame just taken: somebody else's, when the prompt has been heard before."""
        if self._prompt is None or self._prompt[0] is not playing:
            self._prompt = (playing, coded(plan.codec, playing.playout.pcm))
        prompt, number = self._prompt[1], playing.playout.taken - 1
        packet = prompt.at(number)
        if packet is None:
            packet = encoder.encode(pcm)
            prompt.put(number, packet)
        return packet

    def _quiet(self, sender: Sender, plan: MediaPlan) -> list[bytes]:
        """A tick of silence; few datagrams where the peer knows what that means (DTX)."""
        encoder = self._encoder
        silence = _SILENCE[law_of(plan.codec)] if encoder is None else encoder.silence()
        if self.dtx:
            if plan.cn_payload_type is not None:
                return sender.rest(plan.cn_payload_type, _NOISE, silence)
            if resting(plan.codec, silence):
                return sender.rest(plan.payload_type, silence, silence)
        return sender.tick(silence)
