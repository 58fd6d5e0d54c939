"""faster-whisper as it comes: the peer that our own Whisper engine is measured beside.

Thirty seconds for every utterance, all languages, time stamps, a beam of five, Silero before it; second tries
at higher temperatures are left out, for they draw by chance and no figure could be had again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from asr.audio import SAMPLE_RATE, Segment
from asr.errors import EngineFailed
from asr.registry import EngineOptions
from asr.transcript import Hypothesis


class StockOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["whisper_stock"] = "whisper_stock"
    model: str = "whisper-base"
    """Entry of models/manifest.toml."""
    compute_type: Literal["int8", "int8_float32", "float32", "float16", "auto"] = "int8"
    language: str = "zh"


class StockWhisper:
    """A loaded faster-whisper. Not thread-safe."""

    def __init__(self, options: StockOptions, folder: Path, threads: int) -> None:
        """Load the weights in `folder`. Raises `EngineFailed`."""
        from faster_whisper import WhisperModel

        self._language = options.language
        try:
            self._model: Any = WhisperModel(
                str(folder),
                device="cpu",
                compute_type=options.compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
        except Exception as error:  # the libraries beneath raise what they like
            raise EngineFailed(f"faster-whisper: {type(error).__name__}") from error

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """One after the other; times are not taken over."""
        return [self._one(each) for each in segments]

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """The same: it has no quicker way."""
        return self.transcribe(segments)

    def _one(self, segment: Segment) -> Hypothesis:
        samples = np.frombuffer(segment.pcm, "<i2").astype(np.float32) / 32768.0
        if len(samples) < SAMPLE_RATE // 10:
            return Hypothesis("")
        found, _ = self._model.transcribe(samples, language=self._language, temperature=0.0, vad_filter=True)
        return Hypothesis("".join(part.text for part in found).strip())


OPTIONS = StockOptions


def make(options: StockOptions, folder: Path, threads: int) -> StockWhisper:
    """The weights in `folder`, loaded. Raises `EngineFailed`."""
    return StockWhisper(options, folder, threads)
