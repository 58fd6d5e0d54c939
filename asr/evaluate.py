"""Character error rates on named clips, at 16 kHz and behind an 8 kHz A-law line."""

import csv
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from asr.channel import through_alaw
from asr.detectors import SileroDetectors
from asr.errors import AsrError
from asr.files import endpointing, read_blocks, utterances
from asr.numerals import find_numbers, numerals
from asr.protocols import BatchEngine
from asr.settings import AsrSettings

CONDITIONS = ("16 kHz", "A-law 8 kHz")
RESAMPLES = 1_000
"""Draws of the bootstrap; its seed is fixed, so that a figure can be had again."""


class BadManifest(AsrError):
    """A list of clips that cannot be read."""

    code = "asr.bad_manifest"


def fold(text: str) -> str:
    """A text as it is compared.

    1. Unicode NFKC, lower case; 2. simplified characters (OpenCC t2s); 3. spoken numbers as digits, by the
    line's own rules, then every digit character that is left, one by one ("two" and "a pair" are the same);
    4. only letters and digits stay: no punctuation, no blanks.
    """
    text = _to_simplified()(unicodedata.normalize("NFKC", text).lower())
    for edit in sorted(find_numbers(text), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    digits = {ord(char): str(value) for char, value in numerals().digits.items()}
    return "".join(c for c in text.translate(digits) if unicodedata.category(c)[0] in "LN")


def errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Edits from hypothesis to reference (Levenshtein), and characters of the reference, both folded."""
    wanted, heard = fold(reference), fold(hypothesis)
    row = list(range(len(heard) + 1))
    for number, char in enumerate(wanted, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (char != other)),
            )
    return row[-1], len(wanted)


def cer(reference: str, hypothesis: str) -> float:
    """Edits for each character of the reference; of an empty reference: 0 for nothing heard, else 1."""
    wrong, length = errors(reference, hypothesis)
    return wrong / length if length else float(wrong > 0)


@dataclass(frozen=True, slots=True)
class Clip:
    """A line of the manifest."""

    id: str
    file: Path
    reference: str
    kind: str


def load_clips(manifest: Path, split: str = "") -> list[Clip]:
    """Clips that have a transcript: TSV with columns id, file, transcript, and perhaps kind and split.

    Files are found beside the manifest. Raises `BadManifest`.
    """
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadManifest(f"{manifest}: cannot be read as UTF-8 TSV") from error
    if missing := {"id", "file", "transcript"} - set(rows[0] if rows else ()):
        raise BadManifest(f"{manifest}: no column {', '.join(sorted(missing))}")
    clips = [
        Clip(row["id"], manifest.parent / row["file"], row["transcript"] or "", row.get("kind") or "all")
        for row in rows
        if fold(row["transcript"] or "") and (not split or row.get("split") == split)
    ]
    if not clips:
        raise BadManifest(f"{manifest}: no clip with a transcript" + (f" in split {split}" if split else ""))
    return clips


@dataclass(frozen=True, slots=True)
class Score:
    """One clip under one condition."""

    id: str
    kind: str
    condition: str
    wrong: int
    characters: int
    audio_seconds: float
    seconds: float
    """Computing time: detector and engine."""
    heard: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Clips of one kind, or all."""

    kind: str
    condition: str
    clips: int
    characters: int
    cer: float
    low: float
    """Bootstrap 95 % interval over clips."""
    high: float
    rtf: float
    """Computing seconds for each second of audio."""


def score_clips(
    engine: BatchEngine,
    detectors: SileroDetectors,
    settings: AsrSettings,
    clips: Sequence[Clip],
    step: Callable[[], None],
) -> Iterator[Score]:
    """Read every clip as the line would: cut into utterances, each read by itself. `step` counts."""
    rules = endpointing(settings)
    for clip in clips:
        clean = b"".join(read_blocks(clip.file))
        for condition in CONDITIONS:
            pcm = clean if condition == CONDITIONS[0] else through_alaw(clean)
            began = perf_counter()
            heard = "".join(
                found.text
                for segment in utterances(clip.id, [pcm], detectors, rules)
                for found in engine.transcribe([segment])
            )
            took = perf_counter() - began
            wrong, length = errors(clip.reference, heard)
            audio = len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE
            yield Score(clip.id, clip.kind, condition, wrong, length, audio, took, heard)
            step()


def summarise(scores: Sequence[Score]) -> list[Summary]:
    """For each condition, every kind and all together."""
    found = []
    for condition in CONDITIONS:
        here = [each for each in scores if each.condition == condition]
        kinds = sorted({each.kind for each in here})
        found += [_summary(kind, condition, [e for e in here if e.kind == kind]) for kind in kinds]
        if len(kinds) > 1:
            found.append(_summary("total", condition, here))
    return found


def _summary(kind: str, condition: str, scores: Sequence[Score]) -> Summary:
    wrong = np.array([each.wrong for each in scores])
    length = np.array([each.characters for each in scores])
    drawn = np.random.default_rng(12348).integers(0, len(scores), (RESAMPLES, len(scores)))
    low, high = np.percentile(wrong[drawn].sum(axis=1) / length[drawn].sum(axis=1), [2.5, 97.5])
    return Summary(
        kind,
        condition,
        len(scores),
        int(length.sum()),
        float(wrong.sum() / length.sum()),
        float(low),
        float(high),
        sum(each.seconds for each in scores) / max(1e-9, sum(each.audio_seconds for each in scores)),
    )


def as_table(model: str, scores: Sequence[Score]) -> str:
    """The summaries as text."""
    lines = [
        f"{model}: CER by character, 95 % bootstrap interval over clips",
        f"{'condition':<12} {'kind':<36} {'clips':>5} {'chars':>6} {'CER':>6} {'interval':>14} {'RTF':>6}",
    ]
    lines += [
        f"{each.condition:<12} {each.kind:<36} {each.clips:>5} {each.characters:>6} {each.cer:>6.1%} "
        f"{f'{each.low:.1%}-{each.high:.1%}':>14} {each.rtf:>6.3f}"
        for each in summarise(scores)
    ]
    return "\n".join(lines)


def as_json(model: str, scores: Sequence[Score]) -> str:
    """Summaries and every clip."""
    content: dict[str, Any] = {
        "model": model,
        "summaries": [asdict(each) for each in summarise(scores)],
        "clips": [asdict(each) for each in scores],
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


@cache
def _to_simplified() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert
