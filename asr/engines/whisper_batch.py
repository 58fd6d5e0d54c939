"""Whisper through CTranslate2: reads whole utterances, with the encoder cut to the audio.

Whisper pads everything to 30 s and weighs every token of a hundred languages; short features and a Chinese
vocabulary make a short utterance many times cheaper (BENCHMARKS.md). What it makes up is dropped by
`asr.guards`; which of its readings is believed, `asr.rescoring` says.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from asr.audio import SAMPLE_RATE, Segment
from asr.confidence import Platt, calibration
from asr.errors import EngineFailed
from asr.guards import CHARACTERS_A_SECOND, Evidence, Guards
from asr.lm import Scorer
from asr.lm.ngram import packaged
from asr.registry import EngineOptions
from asr.rescoring import Candidate, Rescorer, Weights
from asr.transcript import Hypothesis
from asr.whisper.characters import words
from asr.whisper.model import FRAME, LONGEST, Aligned, Decoded, Encoded, Reading, Search, WhisperModel
from asr.whisper.prefixes import Prefixes
from asr.whisper.trim import read_model

LEXICON = Path(__file__).parents[1] / "lexicon"
BLOCK = SAMPLE_RATE // 50
SKETCH_MARGIN = 50
"""Silent mel frames behind the audio of partials, at most: quicker is better there."""
BUSY = 3
"""So many finals that wait at once are read with the shorter margin."""
SKETCH = Search(beam=1, unlike=5)
"""Partials are read greedily, and not tried again when they go wrong, for the next one comes soon."""


class WhisperOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["whisper_batch"] = "whisper_batch"
    model: str = "whisper-base-sichuan"
    """Entry of models/manifest.toml."""
    compute_type: Literal["int8", "int8_float32", "float32", "float16", "auto"] = "int8"
    language: str = "zh"
    vocabulary: Literal["chinese", "full"] = "chinese"
    """Tokens the model may write: those Chinese needs (half the decoding time), or all."""
    beam: int = Field(default=5, ge=1, le=10)
    """Beam of finals; partials are read greedily."""
    margin_frames: int = Field(default=500, ge=0, le=LONGEST)
    """Silent mel frames (10 ms) behind the audio of finals; 3000 gives the stock 30 s padding.

    500 reads as well as the stock padding at half to a third of its cost; 50 loses words (BENCHMARKS.md).
    """
    margin_busy_frames: int = Field(default=100, ge=0, le=LONGEST)
    """The same behind finals of which `BUSY` or more are read at once: then the line is short of time."""
    times: bool = True
    """Find each character's place in the audio and its confidence, by cross-attention."""
    lm_weight: float = Field(default=0.0, ge=0, le=5)
    """How much the language model counts when one of the beam's readings is chosen; 0: not at all."""
    hot_weight: float = Field(default=0.0, ge=0, le=5)
    """How much a text of nothing but hot words gains; 0: nothing."""
    hot_words: tuple[str, ...] = ()
    """Words that are likely to be said."""


class WhisperEngine:
    """A loaded Whisper. Not thread-safe: one worker, one engine."""

    def __init__(
        self,
        options: WhisperOptions,
        folder: Path,
        threads: int,
        scorer: Scorer | None = None,
        calibrate: Platt | None = None,
    ) -> None:
        """Load the weights in `folder`; `calibrate`: in place of what is known of them.

        Raises `EngineFailed`.
        """
        from faster_whisper.feature_extractor import FeatureExtractor

        self._options = options
        chinese = options.vocabulary == "chinese" and options.language == "zh"
        files = read_model(folder, chinese_only=chinese)
        mels = 128 if b'"num_mel_bins": 128' in files.files["config.json"] else 80
        extractor = FeatureExtractor(feature_size=mels)
        self._model = WhisperModel(
            files, lambda samples: extractor(samples, padding=0), options.compute_type, threads
        )
        spoken = (LEXICON / "whisper_prompt.txt").read_text(encoding="utf-8").strip()
        self._bare = self._model.start(options.language)
        self._prompt = self._model.start(options.language, self._spelled(folder, " " + spoken))
        self._guards = Guards(_listed("phantoms.txt"), spoken)
        weights = Weights(options.lm_weight, options.hot_weight)
        self._rescorer = Rescorer(weights, scorer, options.hot_words)
        self._confidence = calibrate or calibration(options.model)
        self._prefixes = Prefixes()

    def _spelled(self, folder: Path, text: str) -> list[int]:
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises Exception itself
            raise EngineFailed("whisper: no tokenizer.json that can be read") from error
        return self._model.vocabulary.encode(tokenizer.encode(text, add_special_tokens=False).tokens)

    # -- finals -------------------------------------------------------------------------------------------

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """Read ended utterances as well as the model can."""
        if not segments:
            return []
        for segment in segments:
            self._prefixes.forget(segment.utterance)
        encoded = self._model.encode(segments, self._margin(segments))
        readings = self._options.beam if self._rescorer.active else 1
        search = Search(self._options.beam, readings, _most(segments))
        decoded = self._model.decode(encoded, [self._prompt] * len(segments), search)
        chosen = [self._chosen(each) for each in decoded]
        for index, segment in enumerate(segments):
            if self._suspicious(segment, chosen[index]):
                alone = encoded if len(segments) == 1 else None
                decoded[index] = self._again(segment, alone)
                chosen[index] = decoded[index].readings[0]
        reasons = [
            self._guards.judge(self._evidence(segment, reading, each.no_speech))
            for segment, reading, each in zip(segments, chosen, decoded, strict=True)
        ]
        rows = [() if reason else reading.tokens for reading, reason in zip(chosen, reasons, strict=True)]
        aligned = self._aligned(encoded, rows)
        return [
            self._hypothesis(segment, row, reading, place) if not reason else _dropped(reading, reason)
            for segment, row, reading, place, reason in zip(
                segments, rows, chosen, aligned, reasons, strict=True
            )
        ]

    def readings(self, segments: Sequence[Segment]) -> list[tuple[Candidate, ...]]:
        """All the beam's readings of each, best first: what `asr.rescoring` is tuned on."""
        encoded = self._model.encode(segments, self._margin(segments))
        search = Search(self._options.beam, self._options.beam, _most(segments))
        decoded = self._model.decode(encoded, [self._prompt] * len(segments), search)
        return [tuple(self._candidate(reading) for reading in each.readings) for each in decoded]

    def _margin(self, segments: Sequence[Segment]) -> int:
        options = self._options
        if len(segments) < BUSY:
            return options.margin_frames
        return min(options.margin_frames, options.margin_busy_frames)

    def _candidate(self, reading: Reading) -> Candidate:
        return Candidate(self._text(reading.tokens), reading.score)

    def _chosen(self, decoded: Decoded) -> Reading:
        if len(decoded.readings) == 1:
            return decoded.readings[0]
        candidates = [self._candidate(each) for each in decoded.readings]
        return decoded.readings[self._rescorer.best(candidates)]

    def _suspicious(self, segment: Segment, reading: Reading) -> bool:
        return self._guards.judge_text(self._text(reading.tokens), _seconds(segment)) not in (None, "phantom")

    def _again(self, segment: Segment, encoded: Encoded | None) -> Decoded:
        """A second try after a bad one: without the prompt, and without repeats."""
        alone = encoded or self._model.encode([segment], self._options.margin_frames)
        search = Search(self._options.beam, 1, _most([segment]), unlike=3)
        return self._model.decode(alone, [self._bare], search)[0]

    def _aligned(self, encoded: Encoded, rows: Sequence[tuple[int, ...]]) -> list[Aligned | None]:
        """One reading of the decoder for the whole batch; None where there is nothing to align."""
        if not self._options.times or not any(rows):
            return [None] * len(rows)
        found = self._model.align(encoded, self._bare[:-1], rows)
        return [each if row else None for each, row in zip(found, rows, strict=True)]

    def _hypothesis(
        self, segment: Segment, tokens: tuple[int, ...], reading: Reading, aligned: Aligned | None
    ) -> Hypothesis:
        text = self._text(tokens)
        if aligned is None or not text:
            return Hypothesis(text, confidence=math.exp(reading.score))
        found = words(segment, self._model.vocabulary.characters(tokens), aligned, self._confidence)
        sure = [each.confidence for each in found if each.confidence is not None]
        return Hypothesis(text, found, sum(sure) / len(sure) if sure else None)

    # -- partials -----------------------------------------------------------------------------------------

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """Read utterances that are still going on: greedily, and on from where two readings agreed."""
        if not segments:
            return []
        encoded = self._model.encode(segments, min(self._options.margin_frames, SKETCH_MARGIN))
        prompts = [[*self._prompt, *self._prefixes.of(each.utterance)] for each in segments]
        search = replace(SKETCH, most=_most(segments))
        decoded = self._model.decode(encoded, prompts, search)
        return [self._sketched(segment, each) for segment, each in zip(segments, decoded, strict=True)]

    def _sketched(self, segment: Segment, decoded: Decoded) -> Hypothesis:
        reading = decoded.readings[0]  # with what the prompt gave of it
        if reason := self._guards.judge(self._evidence(segment, reading, decoded.no_speech)):
            self._prefixes.forget(segment.utterance)
            return _dropped(reading, reason)
        self._prefixes.note(segment.utterance, reading.tokens)
        return Hypothesis(self._text(reading.tokens), confidence=math.exp(reading.score))

    # -- both ---------------------------------------------------------------------------------------------

    def _text(self, tokens: Sequence[int]) -> str:
        return self._model.vocabulary.decode(tokens)

    def _evidence(self, segment: Segment, reading: Reading, no_speech: float) -> Evidence:
        return Evidence(
            self._text(reading.tokens), _seconds(segment), reading.score, no_speech, loudest(segment.pcm)
        )


def loudest(pcm: bytes) -> float:
    """Level of the loudest fiftieth of a second, dB against full scale; -120 for silence or nothing."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768.0
    whole = len(samples) // BLOCK * BLOCK
    power = (samples[:whole].reshape(-1, BLOCK) ** 2).mean(axis=1) if whole else (samples**2)
    most = float(power.max()) if len(power) else 0.0
    return 10.0 * math.log10(max(most, 1e-12))


def _dropped(reading: Reading, reason: str) -> Hypothesis:
    return Hypothesis("", confidence=math.exp(reading.score), guard=reason)


def _seconds(segment: Segment) -> float:
    return (segment.end - segment.start) / SAMPLE_RATE


def _most(segments: Sequence[Segment]) -> int:
    """Tokens that the longest of them can take at most."""
    frames = max(math.ceil((each.end - each.start) / FRAME) for each in segments)
    return int(frames / 100 * CHARACTERS_A_SECOND * 1.2) + 12


def _listed(name: str) -> tuple[str, ...]:
    """Lines of a list in the lexicon, without comments."""
    lines = (LEXICON / name).read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


OPTIONS = WhisperOptions


def make(options: WhisperOptions, folder: Path, threads: int) -> WhisperEngine:
    """The weights in `folder`, loaded. Raises `EngineFailed`."""
    return WhisperEngine(options, folder, threads, packaged() if options.lm_weight > 0 else None)
