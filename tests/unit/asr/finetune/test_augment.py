"""What training does to clean speech, and features as the engine makes them."""

import numpy as np
import pytest

from asr.audio import SAMPLE_RATE
from asr.finetune.augment import (
    WARPS,
    Augment,
    Samples,
    features,
    filters,
    masked,
    spoil,
    telephone,
    wordless,
)

pytestmark = pytest.mark.unit


def tone(hertz: float = 500.0, seconds: float = 1.0) -> Samples:
    wave = 0.4 * np.sin(2 * np.pi * hertz * np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE)
    return wave.astype(np.float32)


def test_features_are_the_engines_own() -> None:
    from faster_whisper.feature_extractor import FeatureExtractor

    noise = 0.01 * np.random.default_rng(1).standard_normal(SAMPLE_RATE)
    audio = (tone() + noise).astype(np.float32)
    wanted = FeatureExtractor()(audio, padding=0)
    got = features(audio)
    assert got.shape == (80, 100)
    assert np.abs(got - wanted[:, : got.shape[1]]).max() < 1e-3


@pytest.mark.parametrize("warp", WARPS)
def test_warped_features_are_numbers(warp: float) -> None:
    assert np.isfinite(features(tone(), warp)).all()
    assert np.isfinite(filters(warp)).all()


def test_warping_moves_a_tone() -> None:
    still, up, down = (int(features(tone(1500), warp).mean(axis=1).argmax()) for warp in (1.0, 0.86, 1.14))
    assert up > still > down


def test_the_telephone_takes_what_is_above_4_khz() -> None:
    draw = np.random.default_rng(1)
    assert np.abs(telephone(tone(6000), draw, 0.0)[800:-800]).max() < 0.02
    assert np.abs(telephone(tone(1000), draw, 0.0)[800:-800]).max() > 0.35


def test_lost_packets_are_heard() -> None:
    whole, broken = (telephone(tone(), np.random.default_rng(1), loss) for loss in (0.0, 0.2))
    assert np.abs(whole - broken).max() > 0.1
    assert len(whole) == len(broken) == SAMPLE_RATE


def test_spoiling_is_the_same_for_the_same_seed_and_stays_in_range() -> None:
    def once(seed: int) -> np.ndarray:
        return spoil(tone(), tone(300), Augment(), np.random.default_rng(seed))

    assert np.array_equal(once(5), once(5))
    for seed in range(30):
        out = once(seed)
        assert len(out) == SAMPLE_RATE
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= 1


def test_nothing_asked_for_is_nothing_done_but_loudness() -> None:
    out = spoil(tone(), tone(), Augment(0, 0, 0, 0, 0, 0), np.random.default_rng(1))
    assert np.allclose(out / np.abs(out).max(), tone() / np.abs(tone()).max(), atol=1e-4)


def test_wordless_sounds_are_many_and_none_is_the_speech_of_another() -> None:
    sounds = [wordless(tone(), np.random.default_rng(seed)) for seed in range(40)]
    levels = [20 * np.log10(np.sqrt(np.mean(each**2)) + 1e-12) for each in sounds]
    assert min(levels) < -60
    assert max(levels) > -30
    for each in sounds:
        assert SAMPLE_RATE <= len(each) <= 12 * SAMPLE_RATE
        assert np.isfinite(features(each)).all()
    assert np.array_equal(sounds[3], wordless(tone(), np.random.default_rng(3)))


def test_masks_leave_most() -> None:
    mel = features(tone(seconds=3))
    out = masked(mel, np.random.default_rng(2))
    assert 0.4 < (out == mel).mean() < 1.0
