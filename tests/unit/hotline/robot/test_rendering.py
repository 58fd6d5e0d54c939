"""Trimming and loudness of speech, on signals whose levels are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import SAMPLE_RATE
from hotline.robot.rendering import EDGE_SECONDS, LOUDNESS_DBFS, PEAK_DBFS, levels, normalise, trim

pytestmark = pytest.mark.unit


def _tone(seconds: float, amplitude: float) -> np.ndarray:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (amplitude * np.sin(2 * np.pi * 300 * at)).astype(np.float32)


def _quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def _rms_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2)))


def test_levels_are_decibels_of_full_scale() -> None:
    assert levels(_tone(1, 1.0))[5] == pytest.approx(-3.01, abs=0.2)


def test_trim_keeps_the_speech_and_a_short_edge() -> None:
    audio = np.concatenate([_quiet(0.5), _tone(0.4, 0.3), _quiet(0.7)])
    assert len(trim(audio)) / SAMPLE_RATE == pytest.approx(0.4 + 2 * EDGE_SECONDS, abs=0.04)


def test_trim_of_silence_is_nothing() -> None:
    assert len(trim(_quiet(1))) == 0
    assert len(trim(_quiet(0))) == 0


def test_the_cut_ends_are_faded() -> None:
    cut = trim(_tone(0.3, 0.5))
    assert abs(cut[0]) < 1e-3
    assert abs(cut[-1]) < 1e-3


@pytest.mark.parametrize("amplitude", [0.02, 0.1, 0.9])
def test_loudness_is_the_same_whatever_came_in(amplitude: float) -> None:
    audio = np.concatenate([_tone(0.5, amplitude), _quiet(0.5), _tone(0.5, amplitude)])
    speech = normalise(audio)[: SAMPLE_RATE // 2]
    assert _rms_db(speech) == pytest.approx(LOUDNESS_DBFS, abs=0.3)


def test_a_spike_does_not_clip() -> None:
    audio = _tone(1, 0.01)
    audio[SAMPLE_RATE // 2] = 0.9
    assert np.abs(normalise(audio)).max() <= 10 ** (PEAK_DBFS / 20) + 1e-6


def test_silence_is_not_blown_up() -> None:
    assert np.abs(normalise(_quiet(1))).max() == 0


@given(st.lists(st.floats(-1, 1, width=32), max_size=2_000))
def test_any_sound_stays_within_full_scale(samples: list[float]) -> None:
    even = normalise(trim(np.array(samples, np.float32)))
    assert np.isfinite(even).all()
    assert not len(even) or np.abs(even).max() <= 1
