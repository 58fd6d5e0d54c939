"""Comfort noise: as loud and of the colour that is asked for, and never loud."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.comfort_noise import ComfortNoise, describe

pytestmark = pytest.mark.unit


def rms_db(sound: np.ndarray) -> float:
    """In dB below overload."""
    return float(-20 * np.log10(np.sqrt(np.mean(sound.astype(float) ** 2)) / 32_768))


@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("level", [35, 50, 65])
def test_level(level: int, rate: int) -> None:
    assert rms_db(ComfortNoise(describe(level), rate).take(rate)) == pytest.approx(level, abs=0.5)


def test_nobody_makes_us_loud() -> None:
    assert rms_db(ComfortNoise(describe(0)).take(8_000)) == pytest.approx(30, abs=0.5)


def test_colour() -> None:
    """One reflection coefficient of -0.9 is a one-pole low pass: the noise of a room, not of a fan."""
    sound = ComfortNoise(bytes([40, 127 - 115])).take(8_000).astype(float)
    power = np.abs(np.fft.rfft(sound)) ** 2
    assert power[:1_000].sum() > 20 * power[3_000:].sum()


def test_nothing_above_the_telephone_s_band() -> None:
    power = np.abs(np.fft.rfft(ComfortNoise(describe(40), 16_000).take(16_384).astype(float))) ** 2
    assert power[: len(power) // 2].sum() > 1_000 * power[len(power) // 2 + 50 :].sum()


@given(st.binary(max_size=40), st.lists(st.integers(0, 700), max_size=30))
def test_any_payload_gives_faint_sound_without_a_seam(payload: bytes, counts: list[int]) -> None:
    noise = ComfortNoise(payload)
    pieces = [noise.take(count) for count in counts]
    assert [len(piece) for piece in pieces] == counts
    whole = ComfortNoise(payload).take(sum(counts))
    assert (np.concatenate(pieces or [whole]) == whole).all()
    assert rms_db(ComfortNoise(payload).take(8_192)) > 29
