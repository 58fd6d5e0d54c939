"""When each character of a normalised utterance was said, so that a click can play it."""

from collections.abc import Sequence
from typing import NamedTuple

from asr.transcript import SpanMap, Word


class Piece(NamedTuple):
    """A run of the normalised text and its place in the audio."""

    start: int
    """First character."""
    end: int
    at: int
    """First sample at 16 kHz on the leg's clock."""
    until: int


def pieces(text: str, raw: str, spans: SpanMap, words: Sequence[Word], audio: tuple[int, int]) -> list[Piece]:
    """Runs covering the whole text in order; characters one by one where the map copies one to one.

    Where the recogniser gave no times, the utterance's own are divided evenly.
    """
    times = _raw_times(raw, words, audio)
    found = []
    for start, end in _runs(text, spans):
        low, high = spans.to_raw(start, end) if spans.runs else (start, end)
        inside = times[low:high] or times[-1:] or [audio]
        found.append(Piece(start, end, inside[0][0], max(inside[-1][1], inside[0][0])))
    return found


def _runs(text: str, spans: SpanMap) -> list[tuple[int, int]]:
    if not spans.runs:
        return [(at, at + 1) for at in range(len(text))]
    runs = []
    for start, end, raw_start, raw_end in spans.runs:
        last = min(end, len(text))
        if end - start == raw_end - raw_start:
            runs += [(at, at + 1) for at in range(start, last)]
        elif last > start:
            runs.append((start, last))
    return runs


def _raw_times(raw: str, words: Sequence[Word], audio: tuple[int, int]) -> list[tuple[int, int]]:
    """Sample range of each raw character; what no word covers takes the place between its neighbours."""
    begin, finish = audio
    known: list[tuple[int, int] | None] = [None] * len(raw)
    position = 0
    for word in words:
        spoken = word.text.strip()
        at = raw.find(spoken, position) if spoken else -1
        if at < 0:
            continue
        step = (word.end - word.start) / len(spoken)
        for index in range(len(spoken)):
            first = word.start + round(step * index)
            known[at + index] = (first, word.start + round(step * (index + 1)))
        position = at + len(spoken)
    if not any(known):
        step = (finish - begin) / max(1, len(raw))
        return [(begin + round(step * at), begin + round(step * (at + 1))) for at in range(len(raw))]
    times, last = [], begin
    for place in known:
        times.append(place if place is not None else (last, last))
        last = times[-1][1]
    return times
