"""Whisper through CTranslate2: reads whole utterances, with the encoder cut to the audio.

Whisper pads everything to 30 s; `ctranslate2.models.Whisper` takes shorter features, which makes a short
utterance about four times cheaper (BENCHMARKS.md).
"""

import math
import zlib
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from asr.audio import SAMPLE_RATE, Segment
from asr.errors import EngineFailed
from asr.registry import EngineOptions
from asr.transcript import Hypothesis, Word

LEXICON = Path(__file__).parents[1] / "lexicon"
FRAME = 160
"""Samples of a mel frame: 10 ms."""
TOKEN_FRAMES = 2
"""Mel frames of an alignment step: 20 ms."""
LONGEST = 3_000
"""Mel frames of the model's window."""
REPETITIVE = 2.4
"""Text that compresses better than this repeats itself (Whisper's own threshold)."""
SKETCH_BEAM = 1
"""Beam of partials: greedy, and not tried again when it goes wrong, for the next one comes soon."""
SKETCH_MARGIN = 50
"""Silent mel frames behind the audio of partials, at most: quicker is better there."""
HUSH, HUSH_BLOCK = 16.0, 320
"""RMS of 16-bit samples (-66 dB of full scale) under which 20 ms are silence: twice A-law's idle noise."""
ECHO = 0.5
"""Text this much like the prompt is the prompt."""
CHARACTERS_A_SECOND = 11.0
"""Nobody speaks faster; a longer text was made up."""
SLOWEST = SAMPLE_RATE * 6 // 10
"""Samples a character can last; the rest of what alignment gives it is silence beside it."""
_PUNCTUATION = " \t,.?!;:，。？！；：、…—“”《》（）()-"


class WhisperOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["whisper_batch"] = "whisper_batch"
    model: str = "whisper-base-sichuan"
    """Entry of models/manifest.toml."""
    compute_type: Literal["int8", "int8_float32", "float32", "float16", "auto"] = "int8"
    language: str = "zh"
    beam: int = Field(default=5, ge=1, le=10)
    """Beam of finals; partials are read greedily."""
    margin_frames: int = Field(default=500, ge=0, le=LONGEST)
    """Silent mel frames (10 ms) behind the audio of finals; 3000 gives the stock 30 s padding.

    500 reads as well as the stock padding at half to a third of its cost; 50 loses words (BENCHMARKS.md).
    """
    times: bool = True
    """Find each character's place in the audio by cross-attention."""


class WhisperEngine:
    """A loaded Whisper. Not thread-safe: one worker, one engine."""

    def __init__(self, options: WhisperOptions, folder: Path, threads: int) -> None:
        """Load the weights in `folder`. Raises `EngineFailed`."""
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer

        self._options = options
        try:
            self._whisper = WhisperModel(
                str(folder), device="cpu", compute_type=options.compute_type, cpu_threads=threads
            )
            self._tokenizer = Tokenizer(
                self._whisper.hf_tokenizer, True, task="transcribe", language=options.language
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineFailed(f"whisper: {type(error).__name__}") from error
        self._spoken_prompt = (LEXICON / "whisper_prompt.txt").read_text(encoding="utf-8").strip()
        self._bare_prompt = [*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]
        self._prompt = [
            self._tokenizer.sot_prev,
            *self._tokenizer.encode(" " + self._spoken_prompt),
            *self._bare_prompt,
        ]
        self._phantoms = _phantoms()

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """Read ended utterances as well as the model can."""
        return self._read(segments, quick=False)

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """Read utterances that are still going on, quickly."""
        return self._read(segments, quick=True)

    def _read(self, segments: Sequence[Segment], *, quick: bool) -> list[Hypothesis]:
        if not segments:
            return []
        beam = SKETCH_BEAM if quick else self._options.beam
        frames = [math.ceil((each.end - each.start) / FRAME) for each in segments]
        margin = self._options.margin_frames
        margin = min(margin, SKETCH_MARGIN) if quick else margin
        encoded = self._encode(segments, frames, margin)
        results = self._generate(encoded, beam, max(frames), quick=quick)
        hypotheses = []
        for index, (segment, result) in enumerate(zip(segments, results, strict=True)):
            tokens = self._text_tokens(result)
            if not quick and (self._runaway(tokens, segment) or self._echoes(tokens)):
                alone = encoded if len(segments) == 1 else self._encode([segment], [frames[index]], margin)
                result = self._generate(alone, beam, frames[index], quick=False, again=True)[0]  # noqa: PLW2901
                tokens = self._text_tokens(result)
            hypotheses.append(self._hypothesis(segment, result, tokens))
        if self._options.times and not quick:
            self._add_times(encoded, segments, frames, results, hypotheses)
        return hypotheses

    def _encode(self, segments: Sequence[Segment], frames: Sequence[int], margin: int) -> Any:
        import ctranslate2

        width = min(LONGEST, max(frames) + margin)
        width += width % 2
        batch = np.zeros(
            (len(segments), self._whisper.feature_extractor.mel_filters.shape[0], width), np.float32
        )
        for row, segment in enumerate(segments):
            samples = np.frombuffer(segment.pcm, "<i2").astype(np.float32) / 32768.0
            # Whisper takes the log against the clip's own maximum: silence is padded before, not after
            padded = np.pad(samples, (0, max(0, width * FRAME - len(samples))))[: width * FRAME]
            features: NDArray[np.float32] = self._whisper.feature_extractor(padded, padding=0)
            batch[row, :, : features.shape[1]] = features[:, :width]
        return self._whisper.model.encode(ctranslate2.StorageView.from_array(batch))

    def _generate(
        self, encoded: Any, beam: int, frames: int, *, quick: bool, again: bool = False
    ) -> list[Any]:
        """Decode; `again` is a second try after a bad one: without the prompt, and without repeats."""
        prompt = self._bare_prompt if again else self._prompt
        most = int(frames / 100 * CHARACTERS_A_SECOND * 1.2) + 12
        results: list[Any] = self._whisper.model.generate(
            encoded,
            [prompt] * encoded.shape[0],
            beam_size=beam,
            max_length=min(448, len(prompt) + most),
            no_repeat_ngram_size=3 if again else 5 if quick else 0,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=[-1],
        )
        return results

    def _text_tokens(self, result: Any) -> list[int]:
        return [token for token in result.sequences_ids[0] if token < self._tokenizer.eot]

    def _runaway(self, tokens: list[int], segment: Segment) -> bool:
        """The decoder repeats itself or says more than anybody can in that time."""
        text = self._tokenizer.decode(tokens).strip()
        seconds = (segment.end - segment.start) / SAMPLE_RATE
        if len(text) > seconds * CHARACTERS_A_SECOND + 4:
            return True
        data = text.encode()
        return len(data) > 30 and len(data) / len(zlib.compress(data)) > REPETITIVE

    def _echoes(self, tokens: list[int]) -> bool:
        """The decoder has read its prompt back instead of the audio."""
        text = self._tokenizer.decode(tokens).strip()
        return bool(text) and SequenceMatcher(None, text, self._spoken_prompt).ratio() > ECHO

    def _hypothesis(self, segment: Segment, result: Any, tokens: list[int]) -> Hypothesis:
        confidence = math.exp(min(0.0, float(result.scores[0])))
        silent = result.no_speech_prob > 0.6 and confidence < 0.5
        text = self._tokenizer.decode(tokens).replace("\ufffd", "").strip()
        silent = silent or _hushed(segment)
        if silent or self._runaway(tokens, segment) or self._echoes(tokens) or self._is_phantom(text):
            return Hypothesis("", confidence=confidence)
        return Hypothesis(text, confidence=confidence)

    def _is_phantom(self, text: str) -> bool:
        """Nothing is left of the text once what Whisper makes up in silence is taken out."""
        bare = text.strip(_PUNCTUATION)
        for phantom in self._phantoms:
            bare = bare.replace(phantom, "")
        return not bare.strip(_PUNCTUATION)

    def _add_times(
        self,
        encoded: Any,
        segments: Sequence[Segment],
        frames: Sequence[int],
        results: Sequence[Any],
        hypotheses: list[Hypothesis],
    ) -> None:
        """Put words with times into the hypotheses, one reading of the decoder for the whole batch."""
        texts = [self._text_tokens(result) for result in results]
        if not any(texts):
            return
        alignments = self._whisper.model.align(
            encoded, self._tokenizer.sot_sequence, texts, list(frames), median_filter_width=7
        )
        for index, (segment, tokens, alignment) in enumerate(zip(segments, texts, alignments, strict=True)):
            hypothesis = hypotheses[index]
            if not hypothesis.text or self._tokenizer.decode(tokens).strip() != hypothesis.text:
                continue  # silence, or read again: no times rather than wrong ones
            words = self._words(segment, tokens, alignment.alignments)
            hypotheses[index] = Hypothesis(hypothesis.text, words, hypothesis.confidence)

    def _words(
        self, segment: Segment, tokens: list[int], pairs: Sequence[tuple[int, int]]
    ) -> tuple[Word, ...]:
        began: dict[int, int] = {}
        for token, step in pairs:
            began.setdefault(token, step)
        texts, groups = self._tokenizer.split_to_word_tokens(tokens)
        words: list[Word] = []
        at, length = 0, segment.end - segment.start
        for text, group in zip(texts, groups, strict=True):
            start = began.get(at, 0) * TOKEN_FRAMES * FRAME
            at += len(group)
            end = began.get(at, math.inf) * TOKEN_FRAMES * FRAME
            if text.strip():
                first, last = min(start, length), int(min(end, length))
                first, last = _fitted(first, max(first, last), SLOWEST * len(text.strip()), leads=not words)
                words.append(Word(text.strip(), segment.start + first, segment.start + last))
        return tuple(words)


def _hushed(segment: Segment) -> bool:
    """Whether nowhere in it is more than a quiet line's hiss: words in such audio are made up."""
    samples = np.frombuffer(segment.pcm, "<i2").astype(np.float32)
    blocks = np.array_split(samples, max(1, len(samples) // HUSH_BLOCK))
    return all(float(np.square(each).mean()) < HUSH**2 for each in blocks if each.size)


def _fitted(first: int, last: int, most: int, *, leads: bool) -> tuple[int, int]:
    """A word's place without the silence that alignment adds: before the first word, behind the others."""
    if last - first <= most:
        return first, last
    return (last - most, last) if leads else (first, first + most)


def _phantoms() -> tuple[str, ...]:
    lines = (LEXICON / "phantoms.txt").read_text(encoding="utf-8").splitlines()
    listed = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return tuple(sorted(listed, key=len, reverse=True))


OPTIONS = WhisperOptions


def make(options: WhisperOptions, folder: Path, threads: int) -> WhisperEngine:
    """The weights in `folder`, loaded. Raises `EngineFailed`."""
    return WhisperEngine(options, folder, threads)
