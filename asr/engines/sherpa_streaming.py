"""Utterances followed as they come, through sherpa-onnx: streaming Zipformer and Conformer transducers,
streaming Paraformer, streaming CTC.

The family is told by the files and their metadata. Needs the extra `sherpa`.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.errors import EngineFailed
from asr.onnx_meta import read_metadata
from asr.registry import EngineOptions
from asr.token_times import hypothesis_of
from asr.transcript import Hypothesis

TAIL = SAMPLE_RATE * 8 // 10
"""Silent samples behind an utterance, so that a model with look-ahead lets go of its last characters."""

Family = Literal["auto", "transducer", "paraformer", "zipformer2_ctc", "wenet_ctc"]

_NEEDED = {
    "paraformer": (
        "vocab_size",
        "lfr_window_size",
        "encoder_output_size",
        "decoder_num_blocks",
        "decoder_kernel_size",
        "neg_mean",
        "inv_stddev",
    ),
    "transducer": ("model_type", "T", "decode_chunk_len"),
    "zipformer2_ctc": ("encoder_dims", "query_head_dims", "T", "decode_chunk_len"),
    "wenet_ctc": ("head", "num_blocks", "chunk_size", "left_chunks"),
}
"""Metadata without which sherpa-onnx would end the process (its `csrc/online-*-model.cc`)."""


class SherpaStreamingOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["sherpa_streaming"] = "sherpa_streaming"
    model: str = "streaming-zipformer-zh"
    """Entry of models/manifest.toml; a folder entry takes any streaming model."""
    family: Family = "auto"
    """What kind of model it is; `auto` looks at the files."""
    hotwords: Path | None = None
    """Transducers whose tokens are characters: a file with a hot word a line."""
    hotwords_score: float = Field(default=1.5, ge=0, le=10)


class SherpaStreamingEngine:
    """A loaded model; utterances share it."""

    def __init__(self, options: SherpaStreamingOptions, folder: Path, threads: int) -> None:
        """Load the model in `folder`. Raises `EngineFailed` naming the file that is missing or wrong."""
        family = family_of(folder) if options.family == "auto" else options.family
        arguments: dict[str, Any] = _files(family, folder)
        arguments |= {"tokens": str(_one(folder, "*tokens*.txt", "tokens.txt")), "num_threads": threads}
        try:
            self._recognizer = _load(family, options, arguments)
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineFailed(f"sherpa: the {family} model cannot be loaded") from error

    def open(self) -> "SherpaSession":
        """Start an utterance."""
        return SherpaSession(self._recognizer)


class SherpaSession:
    """One utterance; its end is ours to tell, so the library's own endpointing is off."""

    def __init__(self, recognizer: Any) -> None:
        self._recognizer = recognizer
        self._stream = recognizer.create_stream()
        self._samples = 0
        self._last = ""

    def feed(self, pcm: bytes) -> Hypothesis | None:
        """Take audio; the hypothesis for the utterance so far, or None when unchanged.

        Raises `EngineFailed`.
        """
        self._samples += len(pcm) // BYTES_PER_SAMPLE
        self._decode(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768.0)
        text = self._recognizer.get_result(self._stream)
        if text == self._last:
            return None
        self._last = text
        return Hypothesis(text)

    def finish(self) -> Hypothesis:
        """The last hypothesis, with words and their times from the utterance's first sample.

        Raises `EngineFailed`.
        """
        if not self._samples:
            return Hypothesis("")
        self._decode(np.zeros(TAIL, np.float32), last=True)
        found = self._recognizer.get_result_all(self._stream)
        whole = Segment(UtteranceId(""), LegId(""), 0, self._samples, b"")
        starts = [found.start_time + each for each in found.timestamps]
        return hypothesis_of(found.text, found.tokens, starts, found.ys_probs, whole)

    def _decode(self, samples: Any, *, last: bool = False) -> None:
        if not samples.size:
            return
        try:
            self._stream.accept_waveform(SAMPLE_RATE, samples)
            if last:
                self._stream.input_finished()
            while self._recognizer.is_ready(self._stream):
                self._recognizer.decode_stream(self._stream)
        except (RuntimeError, ValueError, UnicodeDecodeError) as error:
            # `from None`: a library's message may hold what was said
            raise EngineFailed(f"sherpa: {type(error).__name__} while decoding") from None


def family_of(folder: Path) -> str:
    """What kind of streaming model a folder holds. Raises `EngineFailed` when that cannot be told."""
    if any(folder.glob("*joiner*.onnx")):
        return "transducer"
    if any(folder.glob("*encoder*.onnx")) and any(folder.glob("*decoder*.onnx")):
        return "paraformer"
    said = read_metadata(_one(folder, "*.onnx", "model.onnx"))
    if "query_head_dims" in said and "decode_chunk_len" in said:
        return "zipformer2_ctc"
    if "left_chunks" in said and "chunk_size" in said:
        return "wenet_ctc"
    raise EngineFailed("sherpa: this is no streaming model, as far as its files tell; set `family`")


def _one(folder: Path, pattern: str, name: str) -> Path:
    """The file of that pattern; the quantised one when there are both."""
    found = sorted(folder.glob(pattern), key=lambda path: (".int8." not in path.name, path.name))
    if not found:
        raise EngineFailed(f"sherpa: the model has no {name}")
    return found[0]


def _files(family: str, folder: Path) -> dict[str, str]:
    """Arguments that name the model's files, each looked at first."""
    parts = {"transducer": ("encoder", "decoder", "joiner"), "paraformer": ("encoder", "decoder")}
    if family in parts:
        found = {part: _one(folder, f"*{part}*.onnx", f"{part}.onnx") for part in parts[family]}
    else:
        found = {"model": _one(folder, "*.onnx", "model.onnx")}
    for part, path in found.items():
        said = read_metadata(path)
        needed = _NEEDED[family] if part in {"encoder", "model"} else ()
        if part == "decoder" and family == "transducer":
            needed = ("vocab_size", "context_size")
        missing = [key for key in needed if key not in said]
        if missing:
            raise EngineFailed(f"sherpa: {path.name} is no streaming {family} model: it has no {missing[0]}")
    return {part: str(path) for part, path in found.items()}


def _load(family: str, options: SherpaStreamingOptions, arguments: dict[str, Any]) -> Any:
    import sherpa_onnx

    recognizer: Any = sherpa_onnx.OnlineRecognizer
    if family == "transducer" and options.hotwords is not None:
        if not options.hotwords.is_file():
            raise EngineFailed("sherpa: the file of hot words is not there")
        return recognizer.from_transducer(
            **arguments,
            decoding_method="modified_beam_search",
            hotwords_file=str(options.hotwords),
            hotwords_score=options.hotwords_score,
        )
    return getattr(recognizer, f"from_{family}")(**arguments)


OPTIONS = SherpaStreamingOptions


def make(options: SherpaStreamingOptions, folder: Path, threads: int) -> SherpaStreamingEngine:
    """The model in `folder`, loaded. Raises `EngineFailed`."""
    return SherpaStreamingEngine(options, folder, threads)
