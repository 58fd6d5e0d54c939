"""Whole utterances through sherpa-onnx: SenseVoice, Paraformer, FireRedASR, Zipformer and other ONNX models.

The family is told by the files and their metadata, so any folder that sherpa-onnx publishes works as it is
(https://k2-fsa.github.io/sherpa/onnx/pretrained_models/index.html). Needs the extra `sherpa`.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from asr.audio import SAMPLE_RATE, Segment
from asr.errors import EngineFailed
from asr.onnx_meta import read_metadata
from asr.registry import EngineOptions
from asr.token_times import hypothesis_of
from asr.transcript import Hypothesis

SHORTEST = SAMPLE_RATE * 4 // 10
"""Samples that every model can take: shorter audio is padded with silence, or stacked frames run out."""

Family = Literal[
    "auto",
    "sense_voice",
    "paraformer",
    "fire_red_asr",
    "fire_red_asr_ctc",
    "transducer",
    "zipformer_ctc",
    "wenet_ctc",
    "telespeech_ctc",
]

_NEEDED = {
    "sense_voice": ("vocab_size", "lfr_window_size", "lfr_window_shift", "with_itn", "lang_zh", "neg_mean"),
    "paraformer": ("vocab_size", "lfr_window_size", "lfr_window_shift", "neg_mean", "inv_stddev"),
    "fire_red_asr": ("num_decoder_layers", "num_head", "head_dim", "sos", "eos", "max_len", "cmvn_mean"),
    "wenet_ctc": ("model_type", "vocab_size", "subsampling_factor"),
    "zipformer_ctc": ("model_type",),
    "telespeech_ctc": ("model_type",),
}
"""Metadata without which sherpa-onnx would end the process (its `csrc/offline-*-model.cc`)."""


class SherpaOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["sherpa_batch"] = "sherpa_batch"
    model: str = "sense-voice-small"
    """Entry of models/manifest.toml; a folder entry takes any of these models."""
    family: Family = "auto"
    """What kind of model it is; `auto` looks at the files."""
    language: Literal["auto", "zh", "yue", "en", "ja", "ko"] = "zh"
    """SenseVoice only."""
    itn: bool = True
    """SenseVoice only: punctuation, and numbers as digits."""
    hotwords: Path | None = None
    """Transducers whose tokens are characters: a file with a hot word a line."""
    hotwords_score: float = Field(default=1.5, ge=0, le=10)


class SherpaEngine:
    """A loaded model. Utterances are read one by one, so that none depends on its neighbours."""

    def __init__(self, options: SherpaOptions, folder: Path, threads: int) -> None:
        """Load the model in `folder`. Raises `EngineFailed` naming the file that is missing or wrong."""
        tokens = _one(folder, "*tokens*.txt", "tokens.txt")
        family = family_of(folder) if options.family == "auto" else options.family
        arguments = _files(family, folder)
        self._counts_tokens = family == "fire_red_asr"
        try:
            self._recognizer = _load(
                family, options, {**arguments, "tokens": str(tokens), "num_threads": threads}
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineFailed(f"sherpa: the {family} model cannot be loaded") from error

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """Read ended utterances. Raises `EngineFailed`."""
        return [self._one(each) for each in segments]

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """The same: these models are greedy and quick."""
        return self.transcribe(segments)

    def _one(self, segment: Segment) -> Hypothesis:
        samples = np.frombuffer(segment.pcm, "<i2").astype(np.float32) / 32768.0
        if not samples.size:
            return Hypothesis("")
        wanted = max(SHORTEST, _room(samples.size) if self._counts_tokens else 0)
        samples = np.pad(samples, (0, max(0, wanted - samples.size)))
        try:
            stream = self._recognizer.create_stream()
            stream.accept_waveform(SAMPLE_RATE, samples)
            self._recognizer.decode_stream(stream)
            found = stream.result
            return hypothesis_of(
                found.text, found.tokens, found.timestamps, getattr(found, "ys_log_probs", ()), segment
            )
        except (RuntimeError, ValueError, UnicodeDecodeError) as error:
            # `from None`: a library's message may hold what was said
            raise EngineFailed(f"sherpa: {type(error).__name__} while decoding") from None


def _room(samples: int) -> int:
    """Samples with which FireRedASR may write eight characters a second and one more.

    sherpa-onnx lets it write six for each whole second of audio, which cuts quick speech and anything short
    (its `csrc/offline-fire-red-asr-greedy-search-decoder.cc`); silence behind the audio makes room.
    """
    return math.ceil((8 * samples / SAMPLE_RATE + 1) / 6) * SAMPLE_RATE + SAMPLE_RATE // 10


def family_of(folder: Path) -> str:
    """What kind of model a folder holds. Raises `EngineFailed` when that cannot be told."""
    if any(folder.glob("*joiner*.onnx")):
        return "transducer"
    if any(folder.glob("*encoder*.onnx")) and any(folder.glob("*decoder*.onnx")):
        return "fire_red_asr"
    said = read_metadata(_one(folder, "*.onnx", "model.onnx"))
    kind = f"{said.get('model_type', '')} {said.get('comment', '')} {said.get('model_name', '')}".lower()
    marks = {
        "sense_voice": "lang_zh" in said and "with_itn" in said,
        "fire_red_asr_ctc": "fire" in kind and "red" in kind,
        "telespeech_ctc": "telespeech" in kind,
        "wenet_ctc": "wenet" in kind,
        "zipformer_ctc": "zipformer" in kind,
        "paraformer": "lfr_window_size" in said and "neg_mean" in said,
    }
    for family, fits in marks.items():
        if fits:
            return family
    raise EngineFailed("sherpa: what kind of model this is cannot be told from its files; set `family`")


def _one(folder: Path, pattern: str, name: str) -> Path:
    """The file of that pattern; the quantised one when there are both."""
    found = sorted(folder.glob(pattern), key=lambda path: (".int8." not in path.name, path.name))
    if not found:
        raise EngineFailed(f"sherpa: the model has no {name}")
    return found[0]


def _files(family: str, folder: Path) -> dict[str, str]:
    """Arguments that name the model's files, each looked at first."""
    parts = {"transducer": ("encoder", "decoder", "joiner"), "fire_red_asr": ("encoder", "decoder")}
    if family in parts:
        found = {part: _one(folder, f"*{part}*.onnx", f"{part}.onnx") for part in parts[family]}
    else:
        found = {"paraformer" if family == "paraformer" else "model": _one(folder, "*.onnx", "model.onnx")}
    for part, path in found.items():
        said = read_metadata(path)
        if part in {"encoder", "model", "paraformer"}:
            missing = [key for key in _NEEDED.get(family, ()) if key not in said]
            if missing:
                raise EngineFailed(f"sherpa: {path.name} is no {family} model: it has no {missing[0]}")
        if part == "decoder" and family == "transducer" and "context_size" not in said:
            raise EngineFailed(f"sherpa: {path.name} is no transducer's decoder: it has no context_size")
    return {part: str(path) for part, path in found.items()}


def _load(family: str, options: SherpaOptions, arguments: dict[str, Any]) -> Any:
    import sherpa_onnx

    recognizer: Any = sherpa_onnx.OfflineRecognizer
    if family == "sense_voice":
        return recognizer.from_sense_voice(**arguments, language=options.language, use_itn=options.itn)
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


OPTIONS = SherpaOptions


def make(options: SherpaOptions, folder: Path, threads: int) -> SherpaEngine:
    """The model in `folder`, loaded. Raises `EngineFailed`."""
    return SherpaEngine(options, folder, threads)
