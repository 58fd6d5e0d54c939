"""What a leg says: prompts coded once for all who hear them, silence in between."""

import numpy as np
import pytest

from asr.audio import AudioFrame, LegId
from hotline.gateway import coded_prompt, wideband
from hotline.gateway.g711 import SILENCE, decode, transcode
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


def live(value: int, law: str = "", coded: bytes = b"") -> AudioFrame:
    return AudioFrame(LegId("other"), 0, np.full(320, value, "<i2").tobytes(), False, coded, law)


def test_another_party_is_copied_in_our_law_and_translated_from_the_other() -> None:
    leg, sound = Leg("PCMA"), bytes(range(160))
    leg.voice.tap = leg.tapped.append
    leg.voice.speak(live(0, "PCMA", sound))
    leg.voice.speak(live(0, "PCMU", transcode(sound, "PCMU")))
    first, second, rest = leg.ticks(3)
    assert first == sound
    assert np.abs(decode(second, "PCMA").astype(int) - decode(sound, "PCMA")).max() <= 1_100
    assert rest == SILENCE["PCMA"] * 160
    assert [frame.start for frame in leg.tapped] == [0, 1]
    assert leg.tapped[0].coded == sound


@pytest.mark.parametrize("codec", ["PCMU", "OPUS", "G722"])
def test_another_party_in_16_khz_is_coded(codec: Codec) -> None:
    leg = Leg(codec)
    at = np.arange(32_000) / 16_000
    tone = (8_000 * np.sin(2 * np.pi * 500 * at)).astype("<i2").tobytes()
    payloads = []
    for number in range(100):
        pcm = tone[number * 640 : (number + 1) * 640]
        leg.voice.speak(AudioFrame(LegId("other"), number * 320, pcm))
        payloads += leg.ticks(1)
    if codec == "PCMU":
        heard = np.repeat(decode(b"".join(payloads), "PCMU"), 2)
    else:
        decoder = wideband.decoder(codec)
        heard = np.frombuffer(b"".join(decoder.decode(payload) for payload in payloads), "<i2")
    spectrum = np.abs(np.fft.rfft(heard[16_000:].astype(float)))[:4_000]
    assert np.argmax(spectrum) == pytest.approx(500, abs=2)


def test_a_faster_clock_loses_the_oldest_frame_and_no_more_than_60_ms_wait() -> None:
    leg = Leg("PCMA")
    for value in range(5):
        leg.voice.speak(live(0, "PCMA", bytes([value]) * 160))
    assert [payload[0] for payload in leg.ticks(4)] == [2, 3, 4, SILENCE["PCMA"][0]]
    assert leg.voice.dropped == 2


def test_a_prompt_is_heard_alone_and_leaves_nothing_late_behind() -> None:
    leg = Leg("PCMA")
    leg.voice.speak(live(0, "PCMA", b"\x01" * 160))
    leg.play(prompt(1)[:640])
    first, second = leg.ticks(2)
    assert first != b"\x01" * 160
    assert second == SILENCE["PCMA"] * 160
