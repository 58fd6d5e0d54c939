"""Edits of a text that remember where every character came from: applied in steps, composable (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from asr.transcript import SpanMap

Origin = tuple[int, int]


class Edit(NamedTuple):
    """Put `text` in place of the characters `start` to `end` (half-open; `end` > `start`)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One edit that was made, as a reader of the record wants to see it."""

    step: str
    """Which step made it: width, script, repair, dialect, number, written, mark."""
    start: int
    """First raw character it rests on."""
    end: int
    """One past the last."""
    old: str
    """What stood there before this step."""
    new: str


class Tracked:
    """A text whose every character remembers the range of raw characters it came from."""

    def __init__(self, raw: str) -> None:
        self.text = raw
        self.changes: list[Change] = []
        self._origins: list[Origin] = [(at, at + 1) for at in range(len(raw))]

    def apply(self, step: str, edits: Iterable[Edit]) -> None:
        """Make edits that are in order and do not overlap; those that change nothing are passed over."""
        text: list[str] = []
        origins: list[Origin] = []
        at = 0
        for start, end, new in edits:
            old = self.text[start:end]
            if old == new or end <= start:
                continue
            first, last = self._origins[start][0], self._origins[end - 1][1]
            text.append(self.text[at:start] + new)
            origins += self._origins[at:start]
            origins += [(first, last)] * len(new)
            self.changes.append(Change(step, first, last, old, new))
            at = end
        if at:
            self.text = "".join(text) + self.text[at:]
            self._origins = origins + self._origins[at:]

    def placed(self, raw: dict[int, int]) -> dict[int, int]:
        """What belongs to raw characters, by the last character of this text that came from each."""
        last = {right - 1: at for at, (_, right) in enumerate(self._origins)}
        return {last[at]: value for at, value in raw.items() if at in last}

    def spans(self) -> SpanMap:
        """The map: neighbours copied one to one make one run, every replacement a run of its own."""
        runs: list[tuple[int, int, int, int]] = []
        at = 0
        while at < len(self._origins):
            left, right = self._origins[at]
            end = at + 1
            while end < len(self._origins) and self._origins[end] == (left, right):
                end += 1
            runs.append((at, end, left, right))
            at = end
        return SpanMap(tuple(_merged(runs)))


def _merged(runs: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    merged: list[tuple[int, int, int, int]] = []
    growing = False
    for run in runs:
        single = run[1] - run[0] == 1 == run[3] - run[2]
        if single and growing and merged[-1][3] == run[2]:
            merged[-1] = (merged[-1][0], run[1], merged[-1][2], run[3])
        else:
            merged.append(run)
        growing = single
    return merged


def composed(outer: SpanMap, inner: SpanMap) -> SpanMap:
    """The map of two steps in one: `outer` leads from the newest text to the middle one, `inner` on to raw.

    A run of `outer` that replaced text keeps its borders; one copied one to one is cut where `inner` is.
    """
    runs: list[tuple[int, int, int, int]] = []
    for start, end, left, right in outer.runs:
        if end - start != right - left:
            runs.append((start, end, *inner.to_raw(left, right)))
            continue
        runs += [
            (start + at, start + at + 1, *inner.to_raw(left + at, left + at + 1)) for at in range(end - start)
        ]
    joined: list[tuple[int, int, int, int]] = []
    for run in runs:
        if joined and joined[-1][2:] == run[2:]:
            joined[-1] = (joined[-1][0], run[1], *run[2:])
        else:
            joined.append(run)
    return SpanMap(tuple(_merged(joined)))
