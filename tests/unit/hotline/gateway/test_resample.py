"""8 ↔ 16 kHz: pass band, stop band, delay, and no seam between frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.g711 import SILENCE, Codec, decode, encode
from hotline.gateway.resample import FRAME_8K, TAIL, Decimator, upsample_frames

pytestmark = pytest.mark.unit


def tone(hertz: float, rate: int, seconds: float = 0.4, level: float = 8000) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def up(coded: bytes, codec: Codec = "PCMA") -> np.ndarray:
    """A whole stream, frame by frame."""
    tail, out = SILENCE[codec] * TAIL, b""
    for at in range(0, len(coded), FRAME_8K):
        row = tail + coded[at : at + FRAME_8K]
        out += upsample_frames([row], codec)[0]
        tail = row[-TAIL:]
    return np.frombuffer(out, "<i2")


def level(samples: np.ndarray, hertz: float, rate: int) -> float:
    """Amplitude at a frequency."""
    middle = samples[len(samples) // 4 : -len(samples) // 4].astype(float)
    window = np.hanning(len(middle))
    carrier = np.exp(-2j * np.pi * hertz * np.arange(len(middle)) / rate)
    return float(2 * abs(np.sum(middle * window * carrier)) / window.sum())


@pytest.mark.parametrize("hertz", [100, 300, 1000, 2000, 3000, 3300])
def test_speech_band_passes_flat_and_its_image_does_not(hertz: int) -> None:
    out = up(encode(tone(hertz, 8000), "PCMA"))
    assert level(out, hertz, 16000) == pytest.approx(8000, rel=0.06)
    assert level(out, 8000 - hertz, 16000) < 8000 * 0.012


@pytest.mark.parametrize("hertz", [100, 1000, 3300])
def test_decimation_keeps_the_speech_band(hertz: int) -> None:
    assert level(Decimator().push(tone(hertz, 16000).tobytes()), hertz, 8000) == pytest.approx(8000, rel=0.06)


@pytest.mark.parametrize("hertz", [4700, 5500, 7000])
def test_decimation_keeps_out_what_would_fold(hertz: int) -> None:
    assert level(Decimator().push(tone(hertz, 16000).tobytes()), 8000 - hertz, 8000) < 8000 * 0.01


def test_upsampling_delays_by_twelve_samples() -> None:
    coded = encode(tone(700, 8000), "PCMU")
    out = up(coded, "PCMU")
    heard = decode(coded, "PCMU")
    assert out[24::2].tolist() == heard[: len(out) // 2 - 12].tolist()


def test_decimation_delays_by_twenty_three_samples() -> None:
    pulse = np.zeros(400, np.int16)
    pulse[101] = 20_000
    assert int(np.argmax(Decimator().push(pulse.tobytes()))) == (101 + 23) // 2


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_decimation_does_not_depend_on_how_sound_is_cut(cuts: list[int], seed: int) -> None:
    sound = np.random.default_rng(seed).integers(-30000, 30000, 2 * sum(cuts)).astype("<i2")
    decimator, at, pieces = Decimator(), 0, []
    for cut in cuts:
        pieces.append(decimator.push(sound[at : at + 2 * cut].tobytes()))
        at += 2 * cut
    whole = Decimator().push(sound.tobytes()).astype(int)
    assert np.abs(np.concatenate(pieces) - whole).max() <= 1  # the order of additions may differ


@pytest.mark.parametrize("calls", [1, 2, 20, 21, 73])
def test_each_call_gets_its_own_sound(calls: int) -> None:
    rng = np.random.default_rng(calls)
    rows = [rng.integers(0, 256, TAIL + FRAME_8K, dtype=np.uint8).tobytes() for _ in range(calls)]
    together = upsample_frames(rows, "PCMA")
    for row, frame in zip(rows, together, strict=True):
        alone = np.frombuffer(upsample_frames([row], "PCMA")[0], "<i2").astype(int)
        assert np.abs(np.frombuffer(frame, "<i2") - alone).max() <= 1


def test_loudest_sound_does_not_wrap() -> None:
    square = np.where(np.arange(1600) % 8 < 4, 32767, -32768).astype(np.int16)
    out = up(encode(square, "PCMA")).astype(int)
    assert np.abs(np.diff(out)).max() < 65_000
    assert out.max() > 30_000
