"""The detector that needs no worker: energy above the noise."""

import numpy as np
import pytest

from asr.detectors import WINDOW, EnergyDetector

pytestmark = pytest.mark.unit


def noise(level: float, windows: int, seed: int = 1) -> list[bytes]:
    samples = np.random.default_rng(seed).normal(0, level, (windows, WINDOW))
    return [row.clip(-32768, 32767).astype("<i2").tobytes() for row in samples]


def test_silence_and_steady_noise_are_not_speech() -> None:
    detector = EnergyDetector()
    assert max(detector.probability(bytes(2 * WINDOW)) for _ in range(100)) == 0.0
    heard = [detector.probability(each) for each in noise(300, 600)]
    assert max(heard[-100:]) < 0.35


def test_a_voice_over_noise_is_speech_and_stays_it_for_seconds() -> None:
    detector = EnergyDetector()
    for each in noise(60, 100):
        detector.probability(each)
    heard = [detector.probability(each) for each in noise(2_000, 90)]
    assert min(heard) > 0.5
    after = [detector.probability(each) for each in noise(60, 20)]
    assert max(after) < 0.35


def test_loudest_and_odd_samples_stay_in_bounds() -> None:
    detector = EnergyDetector()
    full = np.full(WINDOW, -32768, "<i2").tobytes()
    assert all(0.0 <= detector.probability(full) <= 1.0 for _ in range(10))
