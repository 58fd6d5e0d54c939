"""A long recording in stretches that overlap, and the turns found in each brought together (pure)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from asr.audio import BYTES_PER_SAMPLE
from asr.diarize import Piece
from asr.speakers.linking import Voice, link


@dataclass(slots=True)
class Stretch:
    """What is kept of a stretch once its audio is gone."""

    start: int
    end: int
    turns: list[Piece] = field(default_factory=list)
    """In samples of the recording, speakers numbered inside the stretch."""
    embeddings: dict[int, NDArray[np.float32]] = field(default_factory=dict)


def stretches(
    blocks: Iterable[bytes], length: int, overlap: int
) -> Iterator[tuple[int, NDArray[np.int16], bool]]:
    """(first sample, samples, whether it is all) of a recording in parts of `length` samples.

    The last begins early enough to be as long as the others.
    """
    held, first, begin = bytearray(), 0, 0
    for block in blocks:
        held += block
        while first + len(held) // BYTES_PER_SAMPLE > begin + length:
            del held[: (begin - first) * BYTES_PER_SAMPLE]
            first = begin
            yield begin, np.frombuffer(held, "<i2", length).copy(), False
            begin += length - overlap
    end = first + len(held) // BYTES_PER_SAMPLE
    start = max(first, end - length)
    if end > start:
        yield start, np.frombuffer(held, "<i2", offset=(start - first) * BYTES_PER_SAMPLE).copy(), begin == 0


def whole(found: Sequence[Stretch], same: float, speakers: int | None) -> list[Piece]:
    """The turns of all stretches, speakers numbered in the whole recording as they are first heard.

    Each stretch counts to the middle of what it shares with the next. `same` as for `link`.
    """
    keys = [(n, local) for n, each in enumerate(found) for local in sorted({t.speaker for t in each.turns})]
    voices = [
        Voice(
            n,
            tuple((t.start, t.end) for t in found[n].turns if t.speaker == local),
            found[n].embeddings.get(local),
        )
        for n, local in keys
    ]
    common = [(after.start, before.end) for before, after in pairwise(found)]
    names = dict(zip(keys, link(voices, common, same, speakers), strict=True))
    cuts = [0, *((start + end) // 2 for start, end in common), found[-1].end if found else 0]
    turns = []
    for n, each in enumerate(found):
        for turn in each.turns:
            begin, end = max(turn.start, cuts[n]), min(turn.end, cuts[n + 1])
            if end > begin:
                turns.append(Piece(begin, end, names[n, turn.speaker]))
    return _in_order(turns)


def _in_order(turns: list[Piece]) -> list[Piece]:
    """By time; speakers numbered as they are first heard."""
    turns = sorted(turns, key=lambda each: (each.start, each.end))
    names: dict[int, int] = {}
    return [Piece(t.start, t.end, names.setdefault(t.speaker, len(names))) for t in turns]
