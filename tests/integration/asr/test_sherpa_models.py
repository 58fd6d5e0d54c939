"""Models that sherpa-onnx would end the process over are refused with an error that names what is wrong."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.engines import sherpa_batch, sherpa_streaming
from asr.engines.sherpa_batch import SherpaEngine, SherpaOptions
from asr.engines.sherpa_streaming import SherpaStreamingEngine, SherpaStreamingOptions
from asr.errors import EngineFailed
from asr.onnx_meta import read_metadata
from tests.fakes import tiny_onnx
from tests.fakes.bench import segment, speechlike

pytestmark = pytest.mark.integration

pytest.importorskip("onnx", reason="onnx, which builds the models, is not installed")
pytest.importorskip("sherpa_onnx", reason="the extra `sherpa` is not installed")


def test_metadata_is_read_past_the_weights(tmp_path: Path) -> None:
    said = read_metadata(tiny_onnx.sense_voice(tmp_path) / "model.onnx")
    assert (said["model_type"], said["lfr_window_size"], len(said["neg_mean"].split(","))) == (
        "sense_voice_ctc",
        "7",
        560,
    )


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\xff" * 40, b"\x72\xff\xff\xff\xff\x0f", b"\x3a\x20abc"]
)
def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(EngineFailed, match=r"model\.onnx: not an ONNX model"):
        read_metadata(tmp_path / "model.onnx")


def test_a_model_cut_short_is_named(tmp_path: Path) -> None:
    tiny_onnx.sense_voice(tmp_path)
    whole = (tmp_path / "model.onnx").read_bytes()
    for length in (1, 30, len(whole) // 2, len(whole) - 700):
        (tmp_path / "model.onnx").write_bytes(whole[:length])
        with pytest.raises(EngineFailed):
            SherpaEngine(SherpaOptions(), tmp_path, 1)


@pytest.mark.parametrize(
    ("build", "family"),
    [
        (tiny_onnx.sense_voice, "sense_voice"),
        (tiny_onnx.paraformer, "paraformer"),
        (tiny_onnx.transducer, "transducer"),
        (tiny_onnx.zipformer_ctc, "zipformer_ctc"),
        (tiny_onnx.fire_red, "fire_red_asr"),
    ],
)
def test_the_family_is_told_by_the_files(tmp_path: Path, build: Callable[[Path], Path], family: str) -> None:
    assert sherpa_batch.family_of(build(tmp_path)) == family


def test_the_family_of_a_streaming_model_is_told_by_the_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert sherpa_streaming.family_of(tiny_onnx.streaming_transducer(tmp_path / "a")) == "transducer"
    assert sherpa_streaming.family_of(tiny_onnx.streaming_paraformer(tmp_path / "b")) == "paraformer"
    with pytest.raises(EngineFailed, match="no streaming model"):
        sherpa_streaming.family_of(tiny_onnx.sense_voice(tmp_path))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"no tokens\.txt"):
        SherpaEngine(SherpaOptions(), tmp_path, 1)
    with pytest.raises(EngineFailed, match=r"no tokens\.txt"):
        SherpaStreamingEngine(
            SherpaStreamingOptions(family="transducer"), tiny_onnx_without_tokens(tmp_path), 1
        )
    (tmp_path / "tokens.txt").write_text("<blk> 0\n")
    with pytest.raises(EngineFailed, match=r"no model\.onnx|no encoder|is no"):
        SherpaEngine(SherpaOptions(family="paraformer"), tmp_path, 1)


def tiny_onnx_without_tokens(folder: Path) -> Path:
    tiny_onnx.streaming_transducer(folder)
    (folder / "tokens.txt").unlink()
    return folder


def test_a_model_of_another_family_is_refused_before_the_library_sees_it(tmp_path: Path) -> None:
    """sherpa-onnx would call exit(): this test would end the whole run."""
    tiny_onnx.paraformer(tmp_path)
    with pytest.raises(EngineFailed, match="is no sense_voice model: it has no with_itn"):
        SherpaEngine(SherpaOptions(family="sense_voice"), tmp_path, 1)
    for part in ("encoder", "decoder", "joiner"):
        shutil.copy(tmp_path / "model.int8.onnx", tmp_path / f"{part}.onnx")
    with pytest.raises(EngineFailed, match=r"encoder\.onnx is no streaming transducer model: it has no T"):
        SherpaStreamingEngine(SherpaStreamingOptions(), tmp_path, 1)
    with pytest.raises(EngineFailed, match=r"decoder\.onnx is no transducer's decoder"):
        SherpaEngine(SherpaOptions(), tmp_path, 1)


def test_a_quantised_model_goes_before_the_whole_one(tmp_path: Path) -> None:
    tiny_onnx.paraformer(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"not looked at")
    (found,) = SherpaEngine(SherpaOptions(), tmp_path, 1).transcribe([segment("a", 0, speechlike(1.0))])
    assert found.text


def test_a_missing_file_of_hot_words_is_told(tmp_path: Path) -> None:
    tiny_onnx.transducer(tmp_path)
    with pytest.raises(EngineFailed, match="hot words"):
        SherpaEngine(SherpaOptions(hotwords=tmp_path / "absent.txt"), tmp_path, 1)


def test_hot_words_are_taken_and_odd_ones_passed_over(tmp_path: Path) -> None:
    (tmp_path / "hot.txt").write_text("拖欠\n\n不在词表里\n", encoding="utf-8")
    options = SherpaOptions(hotwords=tmp_path / "hot.txt")
    engine = SherpaEngine(options, tiny_onnx.transducer(tmp_path), 1)
    assert "拖欠" in engine.transcribe([segment("a", 0, speechlike(1.5))])[0].text


def test_partials_grow_and_are_told_once(tmp_path: Path) -> None:
    engine = SherpaStreamingEngine(SherpaStreamingOptions(), tiny_onnx.streaming_transducer(tmp_path), 1)
    session, pcm = engine.open(), speechlike(2.0)
    partials = [session.feed(pcm[at : at + 6_400]) for at in range(0, len(pcm), 6_400)]
    texts = [each.text for each in partials if each is not None]
    assert len(texts) >= 4
    assert all(after.startswith(before) for before, after in itertools.pairwise(texts))
    assert len(set(texts)) == len(texts)
    assert session.finish().text.startswith(texts[-1])


def test_quick_speech_is_not_cut_by_fire_red(tmp_path: Path) -> None:
    """sherpa-onnx lets FireRedASR write six characters a whole second; ours has room for eight."""
    engine = SherpaEngine(SherpaOptions(), tiny_onnx.fire_red(tmp_path), 1)
    (found,) = engine.transcribe([segment("a", 0, speechlike(1.9))])
    assert len(found.text) > 6
