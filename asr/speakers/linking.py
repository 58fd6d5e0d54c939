"""Speakers of one stretch of a recording and of the next: who is who in all of it (pure).

A recording of hours is diarised in long stretches that overlap; in each, speakers have their own numbers. Two
are one person when they speak at the same moments where stretches overlap, or else by their voices: the
nearest first, by the cosine of their embeddings, and never two of the same stretch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE

SHORT = 2 * SAMPLE_RATE
"""Less speech than this says nothing about who it is."""
AGREED = 0.5
"""Share of what either says in the common part that must be at the same moments."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker of one stretch: when they speak (samples of the recording), and how they sound."""

    stretch: int
    turns: tuple[tuple[int, int], ...]
    embedding: NDArray[np.float32] | None = None
    """Any length; None, zero or not a number when the network heard too little."""

    @property
    def spoken(self) -> int:
        """Samples in which they speak."""
        return sum(end - start for start, end in self.turns)


@dataclass(slots=True, eq=False)
class _Group:
    """Voices taken for one person."""

    members: list[int]
    stretches: set[int]
    sum: NDArray[np.float64] | None = field(default=None)
    """Unit embeddings, each weighed by how long it speaks."""


def link(
    voices: Sequence[Voice], common: Sequence[tuple[int, int]], same: float, speakers: int | None = None
) -> list[int]:
    """A number for each voice: the same for those of one person.

    `common[n]` are the samples that stretches n and n + 1 both hold; `same` is the cosine over which two
    voices are one person's. With `speakers`, so many are left if there are as many voices; where that cannot
    be had without joining two of one stretch, they are joined all the same.
    """
    groups = _by_time(voices, common)
    while len(groups) > (speakers or 1):
        pair = _nearest(groups, same if speakers is None else -2.0)
        if pair is None:
            break
        groups = _joined(groups, *pair)
    if speakers is None and common:
        groups = _without_moments(groups, voices)
    while speakers is not None and len(groups) > speakers:
        groups = _joined(groups, *_forced(groups, voices))
    names = {n: name for name, group in enumerate(groups) for n in group.members}
    return [names[n] for n in range(len(voices))]


def shared(
    one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]], span: tuple[int, int]
) -> tuple[int, int, int]:
    """Inside a span: samples where both speak, where the one does, and where the other does."""
    mine, theirs = (
        [(max(s, span[0]), min(e, span[1])) for s, e in turns if s < span[1] and e > span[0]]
        for turns in (one, other)
    )
    both = sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in mine for b in theirs)
    return both, sum(e - s for s, e in mine), sum(e - s for s, e in theirs)


def _by_time(voices: Sequence[Voice], common: Sequence[tuple[int, int]]) -> list[_Group]:
    """Groups of voices that speak at the same moments where their stretches overlap."""
    groups = [_Group([n], {voice.stretch}, _weighed(voice)) for n, voice in enumerate(voices)]
    for stretch, span in enumerate(common):
        here = [n for n, voice in enumerate(voices) if voice.stretch == stretch]
        there = [n for n, voice in enumerate(voices) if voice.stretch == stretch + 1]
        found = []
        for a in here:
            for b in there:
                both, one, other = shared(voices[a].turns, voices[b].turns, span)
                if both >= SHORT and both >= AGREED * max(one, other):
                    found.append((both, a, b))
        taken: set[int] = set()
        for _, a, b in sorted(found, reverse=True):
            if not taken & {a, b}:
                taken |= {a, b}
                mine, other_group = (next(g for g in groups if n in g.members) for n in (a, b))
                groups = _joined(groups, groups.index(mine), groups.index(other_group))
    return groups


def _weighed(voice: Voice) -> NDArray[np.float64] | None:
    if voice.embedding is None:
        return None
    raw = np.asarray(voice.embedding, np.float64)
    norm = float(np.linalg.norm(raw))
    if not np.isfinite(norm) or norm == 0.0:
        return None
    unit: NDArray[np.float64] = raw / norm * max(1, voice.spoken)
    return unit


def _joined(groups: list[_Group], a: int, b: int) -> list[_Group]:
    one, other = groups[a], groups[b]
    sums = [each.sum for each in (one, other) if each.sum is not None]
    both = _Group(one.members + other.members, one.stretches | other.stretches, sum(sums) if sums else None)  # type: ignore[arg-type]
    return [*(each for n, each in enumerate(groups) if n not in {a, b}), both]


def _cosines(groups: list[_Group]) -> NDArray[np.float64]:
    """Of all pairs; -1 where one of them has no voice."""
    width = max((len(each.sum) for each in groups if each.sum is not None), default=1)
    rows = np.array([np.zeros(width) if each.sum is None else each.sum for each in groups])
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    near: NDArray[np.float64] = unit @ unit.T
    mute = norms[:, 0] == 0
    near[mute, :] = near[:, mute] = -1.0
    return near


def _nearest(groups: list[_Group], least: float) -> tuple[int, int] | None:
    """The two that sound most alike, over `least`, of those that share no stretch."""
    near = _cosines(groups)
    holds = np.zeros((len(groups), 1 + max(max(each.stretches) for each in groups)))
    for n, each in enumerate(groups):
        holds[n, list(each.stretches)] = 1.0
    near[(holds @ holds.T > 0) | (near < least)] = -3.0
    a, b = divmod(int(np.argmax(near)), len(groups))
    return (a, b) if near[a, b] > -3.0 else None


def _without_moments(groups: list[_Group], voices: Sequence[Voice]) -> list[_Group]:
    """Whoever is heard for but a moment is no speaker of the recording: they join who sounds nearest."""
    for n in range(len(voices)):
        group = next(each for each in groups if n in each.members)
        if sum(voices[member].spoken for member in group.members) >= SHORT:
            continue
        at = groups.index(group)
        near = _cosines(groups)[at]
        near[[other for other, each in enumerate(groups) if each.stretches & group.stretches]] = -3.0
        if near.max() > -3.0:
            groups = _joined(groups, at, int(np.argmax(near)))
    return groups


def _forced(groups: list[_Group], voices: Sequence[Voice]) -> tuple[int, int]:
    """Who says least, and whom they sound most like."""
    spoken = [sum(voices[n].spoken for n in group.members) for group in groups]
    least = int(np.argmin(spoken))
    near = _cosines(groups)[least]
    near[least] = -3.0
    return least, int(np.argmax(near))
