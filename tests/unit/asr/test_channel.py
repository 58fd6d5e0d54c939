"""G.711 A-law against its known points, and the channel's band."""

import numpy as np
import pytest

from asr.channel import DECODED, decode_alaw, encode_alaw, through_alaw

pytestmark = pytest.mark.unit


def test_every_code_comes_back() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert (encode_alaw(decode_alaw(codes)) == codes).all()


@pytest.mark.parametrize(
    ("code", "sample"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xC5, 264)]
)
def test_known_points(code: int, sample: int) -> None:
    assert DECODED[code] == sample


def test_error_is_small_against_the_sample() -> None:
    samples = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
    error = np.abs(decode_alaw(encode_alaw(samples)).astype(int) - samples)
    assert (error <= np.maximum(8, np.abs(samples.astype(int)) / 31)).all()


def test_the_band_ends_at_four_kilohertz() -> None:
    time = np.arange(16_000) / 16_000

    def level(hertz: float) -> float:
        tone = (8_000 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()
        heard = np.frombuffer(through_alaw(tone), "<i2").astype(float)
        assert len(heard) == 16_000
        return float(np.sqrt(np.mean(heard[2_000:-2_000] ** 2)))

    assert level(1_000) == pytest.approx(8_000 / 2**0.5, rel=0.03)
    assert level(5_000) < 20


def test_nothing_stays_nothing() -> None:
    assert through_alaw(b"") == b""
