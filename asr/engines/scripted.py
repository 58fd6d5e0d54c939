"""An engine that says what a test wrote down. For unit and contract tests only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from asr.audio import Segment
from asr.registry import EngineOptions
from asr.transcript import Hypothesis, Word


class ScriptedOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["scripted"] = "scripted"
    characters: str = ""
    """Spoken one every 200 ms, over and over."""
    crash_after: int = -1
    """The worker dies at its n-th request (from 0); -1: never."""
    seconds: float = 0.0
    """How long each request takes."""


class ScriptedEngine:
    """Reads the length of the audio and says as many characters."""

    def __init__(self, options: ScriptedOptions) -> None:
        self._options = options
        self._requests = 0

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """One character for each 200 ms of audio."""
        import os
        import time

        if self._requests == self._options.crash_after:
            os._exit(9)
        self._requests += 1
        time.sleep(self._options.seconds)
        return [self._one(segment) for segment in segments]

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """The same."""
        return self.transcribe(segments)

    def _one(self, segment: Segment) -> Hypothesis:
        said, step = self._options.characters, 3_200
        if not said:
            return Hypothesis("")
        count = (segment.end - segment.start) // step
        words = tuple(
            Word(said[n % len(said)], segment.start + n * step, segment.start + (n + 1) * step)
            for n in range(count)
        )
        return Hypothesis("".join(word.text for word in words), words, 1.0)


OPTIONS = ScriptedOptions


def make(options: ScriptedOptions, folder: Path, threads: int) -> ScriptedEngine:
    """The engine; it loads nothing."""
    del folder, threads
    return ScriptedEngine(options)
