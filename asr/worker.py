"""A child process that loads one engine, or the speech detector, and answers requests until its input ends.

Run by the pool as `python -m asr.worker`; speaks `asr.wire` on stdin and stdout. Whatever a library prints
goes to stderr, which the pool throws away: it could quote callers.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from asr import wire
from asr.audio import Segment
from asr.errors import AsrError, EngineFailed, WireError
from asr.protocols import BatchEngine, StreamingEngine
from asr.registry import EngineOptions, make_engine, read_options
from asr.transcript import Hypothesis

CHUNK = 16_000
"""Bytes of audio a streaming engine is fed at a time: half a second."""


class Streamed:
    """A streaming engine that is given whole utterances."""

    def __init__(self, engine: StreamingEngine) -> None:
        self._engine = engine

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """Feed each from beginning to end."""
        return [self._one(each) for each in segments]

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """The same: streaming is quick anyway."""
        return self.transcribe(segments)

    def _one(self, segment: Segment) -> Hypothesis:
        session = self._engine.open()
        for at in range(0, len(segment.pcm), CHUNK):
            session.feed(segment.pcm[at : at + CHUNK])
        found = session.finish()
        shift = segment.start
        words = tuple(replace(word, start=word.start + shift, end=word.end + shift) for word in found.words)
        return replace(found, words=words)


def load_engine(options: EngineOptions, folder: Path, threads: int) -> BatchEngine:
    """The engine the options ask for, able to read whole utterances. Raises `EngineFailed`."""
    engine: Any = make_engine(options, folder, threads)
    reads: BatchEngine = engine if hasattr(engine, "transcribe") else Streamed(engine)
    return reads


def main() -> None:
    """Load what the first message asks for, say that we are ready, answer the rest."""
    # Ctrl-C and a service manager's SIGTERM reach us too, but are the parent's to handle: calls are still
    # closing. We end with our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    inputs, outputs = _take_pipes()
    head, _ = _read(inputs)
    try:
        answer = _prepare(head)
    except AsrError as error:
        _write(outputs, wire.encode({"type": "failed", "code": error.code, "reason": str(error)}))
        return
    _write(outputs, wire.encode({"type": "ready"}))
    while True:
        try:
            head, body = _read(inputs)
        except EOFError:
            return
        try:
            reply = answer(head, body)
        except EngineFailed as error:
            reply = wire.encode({"type": "failed", "code": error.code, "reason": str(error)})
        _write(outputs, reply)


def _prepare(head: dict[str, Any]) -> Callable[[dict[str, Any], bytes], bytes]:
    if head["type"] == "detect":
        from asr.detectors import SileroDetectors

        detectors = SileroDetectors(Path(head["folder"]))
        return lambda request, body: _detect(detectors, request, body)
    engine = load_engine(read_options(head["options"]), Path(head["folder"]), int(head["threads"]))
    return lambda request, body: _recognise(engine, request, body)


def _recognise(engine: BatchEngine, head: dict[str, Any], body: bytes) -> bytes:
    segments = wire.segments_of(head, body)
    found = engine.sketch(segments) if head["quick"] else engine.transcribe(segments)
    return wire.answer(int(head["id"]), found)


def _detect(detectors: Any, head: dict[str, Any], body: bytes) -> bytes:
    windows, at = [], 0
    for leg, length in head["legs"]:
        windows.append((str(leg), body[at : at + length]))
        at += length
    probabilities = detectors.probabilities(windows)
    for leg in head["ended"]:
        detectors.forget(str(leg))
    return wire.encode({"type": "speech", "id": head["id"], "probabilities": probabilities})


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Our own copies of stdin and stdout; what libraries print to stdout goes to stderr from here on."""
    inputs, outputs = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return inputs, outputs


def _read(inputs: BinaryIO) -> wire.Message:
    prefix = inputs.read(4)
    if not prefix:
        raise EOFError
    content = inputs.read(wire.content_length(prefix))
    return wire.decode(content)


def _write(outputs: BinaryIO, message: bytes) -> None:
    outputs.write(message)
    outputs.flush()


if __name__ == "__main__":
    try:
        main()
    except (EOFError, BrokenPipeError, WireError):
        sys.exit(1)
