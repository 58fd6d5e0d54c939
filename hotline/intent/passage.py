"""The caller's turns as one text, and the way back from any place in it to the utterance (pure)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from asr.audio import UtteranceId
from hotline.conversation import Span, Speaker, Turn

BREAK = "\n"
"""Stands between turns: no pattern reaches across it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One utterance's place in the passage."""

    utterance: UtteranceId
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """What the caller has said so far."""

    text: str
    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, turns: Sequence[Turn]) -> "Passage":
        """The caller's turns, in order; other speakers' are left out."""
        parts: list[str] = []
        pieces: list[Piece] = []
        at = 0
        for turn in turns:
            if turn.speaker is not Speaker.CALLER or not turn.text:
                continue
            offsets = turn.offsets or (0,) * len(turn.utterances)
            for number, utterance in enumerate(turn.utterances):
                last = number + 1 >= len(offsets)
                # between two utterances of a turn stands one joining mark, which belongs to neither
                end = len(turn.text) if last else max(offsets[number], offsets[number + 1] - 1)
                pieces.append(Piece(utterance, at + offsets[number], at + end))
            parts.append(turn.text)
            at += len(turn.text) + len(BREAK)
        return cls(BREAK.join(parts), tuple(pieces))

    def spans(self, start: int, end: int) -> tuple[Span, ...]:
        """The words between two places of the text, one span for each utterance they were said in."""
        found = []
        first = max(0, bisect_right([piece.start for piece in self.pieces], start) - 1)
        for piece in self.pieces[first:]:
            if piece.start >= end:
                break
            left, right = max(start, piece.start), min(end, piece.end)
            if left < right:
                found.append(
                    Span(piece.utterance, left - piece.start, right - piece.start, self.text[left:right])
                )
        return tuple(found)
