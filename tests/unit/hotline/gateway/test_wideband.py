"""G.722 and Opus: what goes in comes out, whatever is lost on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hotline.gateway import opus, wideband
from hotline.gateway.media import Codec, Direction, MediaPlan
from hotline.gateway.rtp import RtpPacket
from hotline.gateway.wide_receive import WideReceiver
from hotline.gateway.wideband import FRAME_BYTES

pytestmark = pytest.mark.unit

CODECS: tuple[Codec, ...] = ("G722", "OPUS")


def tone(hertz: float, seconds: float) -> bytes:
    at = np.arange(int(seconds * 16_000)) / 16_000
    return (8000 * np.sin(2 * np.pi * hertz * at)).astype("<i2").tobytes()


def strongest(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 16_000 / len(samples))


def coded(codec: Codec, pcm: bytes) -> list[bytes]:
    made = wideband.encoder(codec)
    return [made.encode(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]


def signal_to_noise(pcm: bytes, hertz: float) -> float:
    """dB of the tone over all else, phase fitted."""
    samples: NDArray[np.float64] = np.frombuffer(pcm, "<i2").astype(float)
    at = 2 * np.pi * hertz * np.arange(len(samples)) / 16_000
    basis = np.stack([np.sin(at), np.cos(at)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, samples, rcond=None)[0]
    return float(10 * np.log10(np.sum(fit**2) / np.sum((samples - fit) ** 2)))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("hertz", [440, 3_000, 6_000])
def test_wide_tones_come_through(codec: Codec, hertz: float) -> None:
    decoder = wideband.decoder(codec)
    heard = b"".join(decoder.decode(payload) for payload in coded(codec, tone(hertz, 1.0)))
    assert len(heard) == len(tone(hertz, 1.0))
    assert strongest(heard[-16_000:]) == pytest.approx(hertz, abs=5)
    assert signal_to_noise(heard[-16_000:], hertz) > (20 if codec == "G722" else 10)


@pytest.mark.parametrize("codec", CODECS)
def test_a_payload_lasts_20_ms(codec: Codec) -> None:
    payload = coded(codec, tone(440, 0.02))[0]
    assert wideband.duration(codec, payload) == wideband.clock(codec) // 50


@given(st.binary(max_size=30))
def test_lengths_of_opus_packets_are_what_libopus_says(payload: bytes) -> None:
    said = opus.samples_of(payload)
    lib = opus.library()
    assert lib is not None
    known = lib.opus_packet_get_nb_samples(payload, len(payload), 16_000) if payload else 0
    assert said == max(0, known)


@given(st.binary(max_size=200))
def test_rubbish_is_an_error_of_ours_or_sound(payload: bytes) -> None:
    decoder = opus.OpusDecoder()
    try:
        assert len(decoder.decode(payload)) <= 2 * 1920
    except opus.OpusSyntaxError:
        return


def receive(codec: Codec, payloads: list[bytes], lost: set[int]) -> tuple[bytes, WideReceiver]:
    plan = MediaPlan(("127.0.0.1", 4000), codec, 96, 110, Direction.SENDRECV)
    receiver, heard = WideReceiver(0.06, plan), b""
    step = wideband.clock(codec) // 50
    for tick in range(len(payloads) + 10):
        now = tick * 0.02
        if tick < len(payloads) and tick not in lost:
            receiver.push(RtpPacket(96, tick, tick * step, 7, payloads[tick]), now)
        heard += receiver.pull(now + 0.001)[0]
    return heard, receiver


@pytest.mark.parametrize("codec", CODECS)
def test_losses_are_made_up_and_counted(codec: Codec) -> None:
    payloads = coded(codec, tone(440, 1.0))
    whole, clean = receive(codec, payloads, set())
    torn, receiver = receive(codec, payloads, {20, 21, 33})
    assert len(whole) == len(torn) == 60 * FRAME_BYTES
    assert clean.facts.lost == 0
    assert (receiver.facts.lost, receiver.jitter.runs) == (3, 2)
    assert receiver.facts.codec == codec
    # Louder than silence where it was lost, and the tone goes on.
    hole = np.frombuffer(torn[23 * FRAME_BYTES : 24 * FRAME_BYTES], "<i2").astype(float)
    assert np.sqrt(np.mean(hole**2)) > 2000
    assert strongest(torn[10 * FRAME_BYTES : 45 * FRAME_BYTES]) == pytest.approx(440, abs=5)


@pytest.mark.parametrize("codec", CODECS)
def test_other_payload_types_are_ignored_and_keys_told(codec: Codec) -> None:
    plan = MediaPlan(("127.0.0.1", 4000), codec, 96, 110, Direction.SENDRECV)
    receiver = WideReceiver(0.06, plan)
    assert receiver.push(RtpPacket(0, 1, 1, 7, b"x"), 0.0) is None
    assert receiver.ignored == 1
    assert receiver.push(RtpPacket(110, 2, 1, 7, bytes([5, 10, 0, 160]), True), 0.0) == "5"


def test_a_stream_that_breaks_off_fades() -> None:
    heard, _ = receive("G722", coded("G722", tone(440, 0.2)), set())
    assert not any(heard[-FRAME_BYTES:])


def test_opus_at_rest_is_quiet_and_no_loss() -> None:
    """A real encoder's DTX: after some silence its packets need not be sent, and most are not."""
    plan = MediaPlan(("127.0.0.1", 4000), "OPUS", 111, 101, Direction.SENDRECV)
    made, one = wideband.encoder("OPUS", dtx=True), WideReceiver(0.06, plan)
    one.configure(plan, anew=True)
    sound, sequence, sent, rows = tone(440, 0.4), 0, 0, []
    for tick in range(200):
        speaking = tick < 20 or tick >= 150
        at = tick % 20 * FRAME_BYTES
        payload = made.encode(sound[at : at + FRAME_BYTES]) if speaking else made.silence()
        if not wideband.resting("OPUS", payload) or tick % 20 == 0:
            one.push(RtpPacket(111, sequence, 960 * tick, 1, payload), 0.02 * tick)
            sequence, sent = sequence + 1, sent + (not speaking)
        rows.append(one.pull(0.02 * tick + 0.001))
    assert sent < 40
    assert not any(made_up for _, made_up in rows[60:190])
    loud = [np.abs(np.frombuffer(row, "<i2")).max() > 2_000 for row, _ in rows]
    assert all(loud[156:200])
    assert not any(loud[30:150])
    assert one.facts.lost == 0


@pytest.mark.parametrize("codec", CODECS)
def test_comfort_noise_beside_a_wide_codec(codec: Codec) -> None:
    plan = MediaPlan(("127.0.0.1", 4000), codec, 9, 101, Direction.SENDRECV, cn_payload_type=13)
    one = WideReceiver(0.06, plan)
    one.configure(plan, anew=True)
    step = wideband.clock(codec) // 50
    for n, payload in enumerate(coded(codec, tone(440, 0.2))):
        one.push(RtpPacket(9, n, step * n, 1, payload), 0.02 * n)
    one.push(RtpPacket(13, 10, step * 10, 1, bytes([50])), 0.2)
    rows = [one.pull(0.02 * n + 0.001) for n in range(40)]
    noise = np.frombuffer(b"".join(row for row, _ in rows[15:]), "<i2").astype(float)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(32_768 * 10 ** (-50 / 20), rel=0.2)
    assert not any(made_up for _, made_up in rows[14:])
