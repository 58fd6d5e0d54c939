"""Turns as a diarizer of whole recordings finds them → pieces that can be read one by one (pure).

Such turns overlap, stop in the middle of a breath and go on for minutes; a piece is one voice, long enough to
hold a word and short enough for the engine.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from asr.diarize import Piece
from asr.segmenter import Endpointing

STEP = SAMPLE_RATE // 50
"""Samples of which loudness is one number: 20 ms, so that an hour takes 360 kB."""


class Loudness:
    """How loud a recording is, every 20 ms, kept while its audio is let go."""

    def __init__(self) -> None:
        self._left = b""
        self._found = bytearray()

    def feed(self, pcm: bytes) -> None:
        """Take the next 16 kHz s16le audio."""
        pcm = self._left + pcm
        whole = len(pcm) // (STEP * BYTES_PER_SAMPLE)
        self._left = pcm[whole * STEP * BYTES_PER_SAMPLE :]
        frames = np.frombuffer(pcm, "<i2", whole * STEP).reshape(whole, STEP).astype(np.float32)
        self._found += np.log10(1.0 + np.mean(frames * frames, axis=1)).astype(np.float16).tobytes()

    def quietest(self, start: int, end: int) -> int:
        """The sample between two of them around which it is quietest for 100 ms."""
        first, last = -(-start // STEP), end // STEP
        part = np.frombuffer(self._found[2 * first : 2 * last], np.float16).astype(np.float32)
        if not len(part):
            return (start + end) // 2
        smooth = np.convolve(np.pad(part, 2, mode="edge"), np.ones(5), mode="valid")
        return (first + int(np.argmin(smooth))) * STEP + STEP // 2


def without_overlap(turns: Sequence[Piece]) -> list[Piece]:
    """At each moment one speaker: who began last has the word until they end, then who spoke before goes on.

    The sound of both stays in the piece, so what is said there may be read as either's.
    """
    times = sorted({at for turn in turns for at in (turn.start, turn.end)})
    order = sorted(range(len(turns)), key=lambda n: (turns[n].start, -turns[n].end))
    out: list[Piece] = []
    holding: list[int] = []
    for start, end in pairwise(times):
        while order and turns[order[0]].start <= start:
            holding.append(order.pop(0))
        holding = [n for n in holding if turns[n].end > start]
        if not holding:
            continue
        speaker = turns[holding[-1]].speaker
        if out and out[-1].end == start and out[-1].speaker == speaker:
            out[-1] = replace(out[-1], end=end)
        else:
            out.append(Piece(start, end, speaker))
    return out


def readable(turns: Sequence[Piece], rules: Endpointing, loudness: Loudness, length: int) -> list[Piece]:
    """Pieces for the engine, in order, without overlap, inside `length` samples, none over `rules.longest`.

    One speaker's turns are joined over pauses that end no utterance; what is then still shorter than
    `rules.shortest` is dropped; up to `rules.lead` of sound is kept around each where nobody else speaks;
    long ones are cut where they are quietest.
    """
    joined: list[Piece] = []
    for turn in without_overlap(turns):
        last = joined[-1] if joined else None
        if last and last.speaker == turn.speaker and turn.start - last.end < rules.silence:
            joined[-1] = replace(last, end=turn.end)
        else:
            joined.append(turn)
    kept = [each for each in joined if each.end - each.start >= rules.shortest]
    out: list[Piece] = []
    for n, each in enumerate(kept):
        before = kept[n - 1].end if n else 0
        after = kept[n + 1].start if n + 1 < len(kept) else length
        start = max(each.start - rules.lead, (before + each.start) // 2 if n else 0)
        end = min(each.end + rules.lead, (each.end + after) // 2 if n + 1 < len(kept) else length)
        out += _cut(Piece(max(0, start), min(end, length), each.speaker), rules.longest, loudness)
    return [each for each in out if each.end > each.start]


def _cut(piece: Piece, longest: int, loudness: Loudness) -> list[Piece]:
    """Parts of about the same length, none over `longest`."""
    out = []
    while piece.end - piece.start > longest:
        whole = piece.end - piece.start
        at = loudness.quietest(
            piece.start + min(longest // 2, whole // 3), piece.start + min(longest, whole * 2 // 3)
        )
        out.append(replace(piece, end=at))
        piece = replace(piece, start=at)
    return [*out, piece]
