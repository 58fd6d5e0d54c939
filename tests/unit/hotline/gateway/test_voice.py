"""What a leg says: prompts coded once for all who hear them, silence in between."""

import numpy as np
import pytest

from asr.audio import AudioFrame, LegId
from hotline.gateway import coded_prompt, wideband
from hotline.gateway.media import Codec, Direction, MediaPlan
from hotline.gateway.playout import Playing, Playout
from hotline.gateway.rtp import parse
from hotline.gateway.rtp_send import Sender
from hotline.gateway.voice import Voice

pytestmark = pytest.mark.unit


def plan(codec: Codec) -> MediaPlan:
    return MediaPlan(("127.0.0.1", 4000), codec, 96, 101, Direction.SENDRECV)


def prompt(seed: int) -> bytes:
    at = np.arange(16_000) / 16_000
    return (8_000 * np.sin(2 * np.pi * (300 + seed) * at)).astype("<i2").tobytes()


class Leg:
    def __init__(self, codec: Codec) -> None:
        self.plan, self.voice, self.sender = plan(codec), Voice(LegId("leg")), Sender()
        self.sender.configure(self.plan)
        self.voice.tune(None, self.plan)
        self.tapped: list[AudioFrame] = []

    def play(self, pcm: bytes) -> None:
        self.voice.playing = Playing(Playout(pcm, self.plan.codec), self.tapped.append)

    def ticks(self, count: int) -> list[bytes]:
        return [
            parse(data).payload for n in range(count) for data in self.voice.tick(self.sender, self.plan, n)
        ]


@pytest.mark.parametrize("codec", ["OPUS", "G722"])
def test_a_prompt_is_coded_once_and_heard_by_all(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    coded_prompt.coded.cache_clear()
    one, two, sound = Leg(codec), Leg(codec), prompt(1)
    one.play(sound)
    first = one.ticks(50)
    two.play(sound)

    def nobody_encodes(encoder: wideband.WideEncoder, pcm: bytes) -> bytes:
        raise AssertionError(encoder, pcm)

    monkeypatch.setattr(wideband.WideEncoder, "encode", nobody_encodes)
    assert two.ticks(50) == first
    assert b"".join(frame.pcm for frame in two.tapped) == sound
    decoder = wideband.decoder(codec)
    heard = np.frombuffer(b"".join(decoder.decode(payload) for payload in first), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(heard[4_000:12_000]))
    assert np.argmax(spectrum) * 2 == pytest.approx(301, abs=3)


def test_who_gets_further_than_the_one_before_goes_on_alone() -> None:
    coded_prompt.coded.cache_clear()
    one, two, sound = Leg("OPUS"), Leg("OPUS"), prompt(2)
    one.play(sound)
    part = one.ticks(20)  # interrupted
    two.play(sound)
    whole = two.ticks(50)
    assert whole[:20] == part
    assert len(whole) == 50
    three = Leg("OPUS")
    three.play(sound)
    assert three.ticks(50) == whole


def test_another_prompt_of_the_same_leg_is_another() -> None:
    coded_prompt.coded.cache_clear()
    leg = Leg("OPUS")
    leg.play(prompt(3))
    first = leg.ticks(50)
    leg.play(prompt(900))
    assert leg.ticks(50) != first
    assert leg.voice.playing is not None
    assert leg.voice.playing.over.is_set()
    assert len(leg.ticks(3)) == 3  # silence
