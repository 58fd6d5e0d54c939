"""Concealment: nearer to the lost vowel than silence is, fading, without clicks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.concealment import FADE_TO, HISTORY, Concealer

pytestmark = pytest.mark.unit


def vowel(pitch: float, samples: int) -> np.ndarray:
    """A synthetic "a": harmonics of `pitch` under formants at 750 and 1200 Hz."""
    time = np.arange(samples) / 8000
    sound = np.zeros(samples)
    for harmonic in range(1, int(3400 / pitch)):
        hertz = harmonic * pitch
        gain = np.exp(-(((hertz - 750) / 250) ** 2)) + 0.6 * np.exp(-(((hertz - 1200) / 300) ** 2)) + 0.02
        sound += gain * np.sin(2 * np.pi * hertz * time + harmonic)
    loud: np.ndarray = 6000 * sound / np.abs(sound).max()
    return loud.astype(np.int16)


def spectral_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square difference of log magnitude spectra, in dB."""
    window = np.hanning(len(one))
    spectra = [20 * np.log10(np.abs(np.fft.rfft(part * window)) + 100) for part in (one, other)]
    return float(np.sqrt(np.mean((spectra[0] - spectra[1]) ** 2)))


@pytest.mark.parametrize("pitch", [80, 110, 150, 200, 240, 310])
def test_a_lost_frame_of_a_vowel_sounds_nearer_than_silence(pitch: float) -> None:
    sound = vowel(pitch, HISTORY + 160)
    made = Concealer().conceal(sound[:HISTORY], 160)
    lost = sound[HISTORY:]
    assert spectral_distance(made, lost) < 0.5 * spectral_distance(np.zeros(160), lost)


def test_no_click_at_either_end() -> None:
    sound = vowel(120, HISTORY + 320)
    concealer = Concealer()
    made = concealer.conceal(sound[:HISTORY], 160)
    after = concealer.resume(sound[HISTORY + 160 :])
    steps = np.abs(np.diff(sound.astype(int))).max()
    seamed = np.concatenate((sound[:HISTORY], made, after)).astype(int)
    assert np.abs(np.diff(seamed)).max() < 1.5 * steps


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 240), min_size=1, max_size=12))
def test_fades_to_nothing_and_never_grows_louder(seed: int, cuts: list[int]) -> None:
    history = np.random.default_rng(seed).integers(-32768, 32767, HISTORY).astype(np.int16)
    concealer = Concealer()
    made = np.concatenate([concealer.conceal(history, cut) for cut in cuts])
    assert not made[FADE_TO:].any()
    assert np.abs(made.astype(int)).max() <= np.abs(history.astype(int)).max()
    assert concealer.faded == (sum(cuts) >= FADE_TO)


def test_after_a_loss_the_next_loss_starts_afresh() -> None:
    sound = vowel(120, HISTORY + 480)
    concealer = Concealer()
    concealer.conceal(sound[:HISTORY], 480)
    concealer.resume(sound[:160])
    assert not concealer.active
    again = concealer.conceal(sound[480:], 160)
    assert np.abs(again).max() > 1000


def test_without_a_loss_nothing_is_touched() -> None:
    sound = vowel(100, 160)
    assert Concealer().resume(sound) is sound
