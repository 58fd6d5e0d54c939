"""Keys heard in the sound: all of them, off their frequency, in noise, over A-law; and never in speech."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from hotline.gateway import g711, inband_dtmf
from hotline.gateway.inband_dtmf import COLUMNS, ROWS, InbandKeys

pytestmark = pytest.mark.unit

KEYS = "123A456B789C*0#D"


def tones(
    key: str, seconds: float, *, off: float = 1.0, level: float = 6_000, twist: float = 1.0
) -> NDArray[np.float64]:
    at = np.arange(int(seconds * 16_000)) / 16_000
    index = KEYS.index(key)
    low, high = ROWS[index // 4] * off, COLUMNS[index % 4] * off
    return level * (np.sin(2 * np.pi * low * at) + twist * np.sin(2 * np.pi * high * at + 0.7))


def heard(sound: NDArray[np.float64]) -> str:
    pcm = np.clip(np.rint(sound), -32_768, 32_767).astype("<i2").tobytes()
    keys = InbandKeys()
    return "".join(keys.hear(pcm[at : at + 640]) or "" for at in range(0, len(pcm), 640))


def silence(seconds: float) -> NDArray[np.float64]:
    return np.zeros(int(seconds * 16_000))


@pytest.mark.parametrize("off", [0.985, 0.992, 1.0, 1.008, 1.015])
@pytest.mark.parametrize("phase", [0, 70, 160, 250])
def test_every_key_once_wherever_it_begins(off: float, phase: int) -> None:
    sound = np.concatenate([np.concatenate([tones(key, 0.08, off=off), silence(0.08)]) for key in KEYS])
    assert heard(np.concatenate([np.zeros(phase), sound])) == KEYS


def test_a_key_held_is_one_press_and_two_are_two() -> None:
    assert heard(np.concatenate([tones("5", 2.0), silence(0.1), tones("5", 0.1), silence(0.1)])) == "55"


@pytest.mark.parametrize("key", "15#D")
def test_in_noise_quiet_and_twisted(key: str) -> None:
    chance = np.random.default_rng(7)
    for level, twist in ((300, 1.0), (8_000, 1.0), (4_000, 0.5), (4_000, 1.9)):
        sound = tones(key, 0.1, level=level, twist=twist)
        noise = chance.normal(0, np.sqrt(np.mean(sound**2)) / 10, len(sound))  # 20 dB below
        assert heard(np.concatenate([silence(0.06), sound + noise, silence(0.06)])) == key


def test_over_a_law() -> None:
    sound = np.concatenate([np.concatenate([tones(key, 0.08), silence(0.08)]) for key in KEYS])
    narrow = np.rint(sound[::2]).astype(np.int16)
    through = g711.decode(g711.encode(narrow, "PCMA"), "PCMA").astype(float)
    wide = np.interp(np.arange(2 * len(through)) / 2, np.arange(len(through)), through)
    assert heard(wide) == KEYS


@pytest.mark.parametrize("hertz", [(697,), (1209,), (697, 770), (1209, 1477), (350, 440), (697, 1209, 1000)])
def test_other_tones_are_no_keys(hertz: tuple[int, ...]) -> None:
    at = np.arange(16_000) / 16_000
    assert heard(sum((5_000 * np.sin(2 * np.pi * each * at) for each in hertz), start=silence(1.0))) == ""


@pytest.mark.parametrize("off", [0.96, 1.04])
def test_tones_far_off_are_no_keys(off: float) -> None:
    assert heard(tones("5", 0.3, off=off)) == ""


def test_speech_is_no_keys(shared_data: Path) -> None:
    """Talk-off: all the speech there is, some of it over the channel's 8 kHz."""
    seconds, found = 0.0, ""
    for path in sorted((shared_data / "speech").rglob("*.flac")):
        samples, rate = soundfile.read(str(path), dtype="int16", always_2d=True)
        sound = samples[:, 0].astype(float)
        if rate != 16_000:
            sound = soxr.resample(sound, rate, 16_000)
        seconds += len(sound) / 16_000
        found += heard(sound)
    if not seconds:
        pytest.skip("no speech of a telephone's rate")
    assert len(found) <= seconds / 600, f"{len(found)} in {seconds:.0f} s"


def test_no_product_is_large_enough_to_wake_another_thread() -> None:
    assert max(inband_dtmf._COSINES.size, inband_dtmf._SINES.size) < 4 * 2304  # OpenBLAS's own threshold
