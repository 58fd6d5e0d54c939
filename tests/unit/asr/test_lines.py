"""Telephone lines made of numbers, good and bad."""

import numpy as np
import pytest

from asr.audio import SAMPLE_RATE
from asr.lines import PACKET, PLAIN, Line

pytestmark = pytest.mark.unit


def tone(seconds: float = 1.0) -> bytes:
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (8_000 * np.sin(2 * np.pi * 440 * at)).astype("<i2").tobytes()


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").astype(float)


def test_names_say_what_is_in_the_way() -> None:
    assert [each.name for each in PLAIN] == ["16 kHz", "A-law 8 kHz"]
    assert Line(telephone=True, loss=0.03).name == "A-law 8 kHz, 3% lost"
    assert Line(telephone=True, noise_db=12.5).name == "A-law 8 kHz, noise 12.5 dB"


@pytest.mark.parametrize("line", [*PLAIN, Line(True, 0.1), Line(True, 0.0, 10.0), Line(True, 0.2, 5.0)])
def test_it_stays_as_long_and_is_alike_for_one_seed(line: Line) -> None:
    for pcm in (tone(), tone(0.0303), b""):
        assert len(line.heard(pcm, "a")) == len(pcm)
        assert line.heard(pcm, "a") == line.heard(pcm, "a")


def test_without_a_telephone_nothing_changes() -> None:
    assert Line().heard(tone(), "a") == tone()


def test_noise_lies_as_far_below_the_speech_as_asked() -> None:
    clean, noisy = (samples(Line(True, 0.0, below).heard(tone(4), "a")) for below in (None, 20.0))
    found = 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))
    assert 20 <= found < 26  # the line itself cuts off what lies above 4 kHz


def test_the_share_of_packets_is_lost_and_others_are_left_alone() -> None:
    whole, torn = (samples(Line(True, loss).heard(tone(20), "a")).reshape(-1, PACKET) for loss in (0.0, 0.1))
    changed = (whole != torn).any(axis=1)
    assert 0.06 < changed.mean() < 0.14
    assert np.abs(torn[changed]).max() < np.abs(whole).max() * 0.6


def test_seeds_lose_different_packets() -> None:
    line = Line(True, 0.1)
    assert line.heard(tone(), "a") != line.heard(tone(), "b")
