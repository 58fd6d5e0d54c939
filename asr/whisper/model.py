"""A loaded Whisper: audio → encoded audio → readings with scores, and each token's place and probability.

Nothing here judges or chooses; see `asr/engines/whisper_batch.py`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.audio import Segment
from asr.errors import EngineFailed
from asr.whisper.trim import ModelFiles
from asr.whisper.vocabulary import Vocabulary

FRAME = 160
"""Samples of a mel frame: 10 ms."""
STEP = 320
"""Samples of an alignment step: 20 ms."""
LONGEST = 3_000
"""Mel frames of the model's window."""
POSITIONS = 448
"""Tokens the decoder has places for, prompt included."""

Extract = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Samples, -1..1 at 16 kHz → [mel bands, frames]."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read an utterance."""

    tokens: tuple[int, ...]
    """Text only."""
    score: float
    """Natural logarithm of its probability, divided by its number of tokens (the end counts as one)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decoder says of one utterance."""

    readings: tuple[Reading, ...]
    """Best first; at least one."""
    no_speech: float
    """Probability that nobody speaks."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """Where the tokens of a reading are."""

    starts: tuple[int, ...]
    """First sample of each token, from the utterance's first; rising."""
    probabilities: tuple[float, ...]
    """Of each token, given those before it."""


@dataclass(frozen=True, slots=True)
class Search:
    """How to decode."""

    beam: int
    readings: int = 1
    most: int = POSITIONS
    """Longest text in tokens."""
    unlike: int = 0
    """Runs of so many tokens are not written twice; 0 allows them."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Encoded audio of several utterances."""

    view: Any
    frames: tuple[int, ...]
    """Mel frames of each, margin not counted."""


class WhisperModel:
    """CTranslate2's Whisper with its own tokens. Not thread-safe."""

    def __init__(self, files: ModelFiles, extract: Extract, compute_type: str, threads: int) -> None:
        """Load. Raises `EngineFailed`."""
        import ctranslate2

        self._extract = extract
        try:
            self.vocabulary = Vocabulary(files.vocabulary)
            self._model: Any = ctranslate2.models.Whisper(
                "whisper",
                device="cpu",
                compute_type=compute_type,
                intra_threads=threads,
                files=dict(files.files),
            )
        except (RuntimeError, ValueError, KeyError) as error:
            raise EngineFailed(f"whisper: {type(error).__name__}") from error

    def start(self, language: str, spoken: Sequence[int] = ()) -> list[int]:
        """The prompt: what was said before, if anything, and what to do. Raises `EngineFailed`."""
        number = self.vocabulary.number
        try:
            before = [number("<|startofprev|>"), *spoken] if spoken else []
            names = ("startoftranscript", language, "transcribe", "notimestamps")
            return [*before, *(number(f"<|{name}|>") for name in names)]
        except KeyError as error:
            raise EngineFailed(f"whisper: the model has no {error.args[0]}") from error

    def encode(self, segments: Sequence[Segment], margin: int) -> Encoded:
        """Encode utterances together, with at least `margin` silent frames behind each."""
        import ctranslate2

        frames = tuple(math.ceil((each.end - each.start) / FRAME) for each in segments)
        width = min(LONGEST, max(frames) + margin)
        width += width % 2
        rows = [self._features(each, width) for each in segments]
        return Encoded(self._model.encode(ctranslate2.StorageView.from_array(np.stack(rows))), frames)

    def decode(self, encoded: Encoded, prompts: Sequence[Sequence[int]], search: Search) -> list[Decoded]:
        """Read them. What a prompt has behind its control tokens is the beginning of the text."""
        found = self._model.generate(
            encoded.view,
            [list(prompt) for prompt in prompts],
            beam_size=search.beam,
            num_hypotheses=search.readings,
            max_length=min(POSITIONS, max(map(len, prompts)) + search.most),
            no_repeat_ngram_size=search.unlike,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=[-1],
        )
        return [self._decoded(each) for each in found]

    def align(self, encoded: Encoded, start: Sequence[int], texts: Sequence[Sequence[int]]) -> list[Aligned]:
        """Each token's place, by cross-attention, and its probability. `start` without the last token."""
        found = self._model.align(
            encoded.view,
            list(start),
            [list(text) for text in texts],
            list(encoded.frames),
            median_filter_width=7,
        )
        return [_aligned(each, len(text)) for each, text in zip(found, texts, strict=True)]

    def _features(self, segment: Segment, width: int) -> NDArray[np.float32]:
        samples = np.frombuffer(segment.pcm, "<i2").astype(np.float32) / 32768.0
        # Whisper takes the log against the clip's own maximum: silence is padded before, not after
        padded = np.pad(samples, (0, max(0, width * FRAME - len(samples))))[: width * FRAME]
        features = self._extract(padded)[:, :width]
        return np.pad(features, ((0, 0), (0, width - features.shape[1])))

    def _decoded(self, result: Any) -> Decoded:
        readings = tuple(
            Reading(self.vocabulary.text_tokens(tokens), min(0.0, float(score)))
            for tokens, score in zip(result.sequences_ids, result.scores, strict=True)
        )
        return Decoded(readings, float(result.no_speech_prob))


def _aligned(result: Any, tokens: int) -> Aligned:
    began: dict[int, int] = {}
    for token, step in result.alignments:
        began.setdefault(token, step)
    starts, at = [], 0
    for token in range(tokens):
        at = max(at, began.get(token, at))
        starts.append(at * STEP)
    chances = [float(each) for each in result.text_token_probs][:tokens]
    chances += [0.0] * (tokens - len(chances))
    return Aligned(tuple(starts), tuple(chances))
