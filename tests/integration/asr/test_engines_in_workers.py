"""Engines behind real worker processes: a tiny ONNX model, and servers that come and go."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from asr import wire
from asr.audio import Segment
from asr.engines.funasr_remote import FunasrOptions
from asr.engines.openai_remote import OpenAiOptions
from asr.engines.sherpa_batch import SherpaOptions
from asr.registry import EngineOptions
from asr.settings import AsrSettings
from tests.fakes import tiny_onnx
from tests.fakes.bench import ROOT, segment, speechlike
from tests.fakes.engines.sherpa_batch import REASON
from tests.fakes.funasr_server import funasr_server
from tests.fakes.openai_server import openai_server

pytestmark = pytest.mark.integration

SPOKEN = segment("a", 16_000, speechlike(1.5))
Worker = subprocess.Popen[bytes]


@contextmanager
def worker(options: EngineOptions, folder: Path) -> Iterator[Worker]:
    """A process as the pool starts it."""
    load = {
        "type": "recognise",
        "options": options.model_dump(mode="json"),
        "folder": str(folder),
        "threads": 1,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "asr.worker"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(wire.encode(load))
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def answer(process: Worker) -> dict[str, Any]:
    assert process.stdout is not None
    prefix = process.stdout.read(4)
    assert prefix, "the worker has died"
    return wire.decode(process.stdout.read(struct.unpack("<I", prefix)[0]))[0]


def ask(process: Worker, segments: list[Segment]) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write(wire.request(1, segments, quick=False))
    process.stdin.flush()
    return answer(process)


def test_a_sherpa_model_is_read_in_a_worker(tmp_path: Path) -> None:
    pytest.importorskip("sherpa_onnx", reason=REASON)
    pytest.importorskip("onnx", reason=REASON)
    options = SherpaOptions(hotwords=Path("unused.txt"))  # a path must cross the pipe too
    with worker(options, tiny_onnx.sense_voice(tmp_path)) as process:
        assert answer(process) == {"type": "ready"}
        (found,) = wire.hypotheses_of(ask(process, [SPOKEN]))
    assert found.text
    assert found.words[0].start >= 16_000


def test_a_model_that_cannot_be_loaded_is_told_and_not_died_of(tmp_path: Path) -> None:
    (tmp_path / "tokens.txt").write_text("<blk> 0\n")
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with worker(SherpaOptions(), tmp_path) as process:
        said = answer(process)
    assert (said["type"], said["code"]) == ("failed", "asr.engine_failed")
    assert "not an ONNX model" in said["reason"]


def test_a_worker_outlives_its_server(tmp_path: Path) -> None:
    with funasr_server() as server:
        options = FunasrOptions(url=server.url, tries=1, connect_s=1.0, ca=None)
        with worker(options, tmp_path) as process:
            assert answer(process) == {"type": "ready"}
            assert wire.hypotheses_of(ask(process, [SPOKEN]))[0].text == "老板拖欠工资老板"
            server.behaviours += ["", "drop"]
            said = ask(process, [SPOKEN])
            assert (said["type"], said["reason"]) == ("failed", "funasr: the connection was lost")
            assert wire.hypotheses_of(ask(process, [SPOKEN]))[0].text == "老板拖欠工资老板"


def test_the_key_never_crosses_the_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_ASR_KEY", "sk-test-9876543210")
    with openai_server(key="sk-test-9876543210") as server:
        options = OpenAiOptions(url=server.url)
        assert "sk-test" not in json.dumps(options.model_dump(mode="json"))
        with worker(options, tmp_path) as process:
            assert answer(process) == {"type": "ready"}
            assert wire.hypotheses_of(ask(process, [SPOKEN]))[0].text == "老板拖欠工资老板"


def test_an_engine_without_weights_needs_none_fetched() -> None:
    assert AsrSettings(engine=FunasrOptions()).models() == ("silero-vad",)
    assert AsrSettings(engine=OpenAiOptions()).models() == ("silero-vad",)
    assert AsrSettings(engine=SherpaOptions()).models() == ("silero-vad", "sense-voice-small")
