"""Long recordings in stretches: cutting, who is who across them, one voice at a time, readable pieces."""

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE
from asr.diarize import Piece
from asr.segmenter import Endpointing
from asr.speakers.linking import Voice, link
from asr.speakers.stretches import Stretch, stretches, whole
from asr.speakers.turns import Loudness, readable, without_overlap

pytestmark = pytest.mark.unit

S = SAMPLE_RATE


def voice(number: int) -> NDArray[np.float32]:
    """Somebody's embedding: its own direction, of any length, a little noisy."""
    out = np.random.default_rng(number).normal(0, 0.05, 32)
    out[number % 32] += 3.0
    return out.astype(np.float32)


@pytest.mark.parametrize("length", [1, 900, 1_000, 1_001, 1_700, 4_321])
def test_stretches_hold_every_sample_and_overlap(length: int) -> None:
    pcm = np.arange(length, dtype="<u2").tobytes()
    found = list(stretches((pcm[at : at + 254] for at in range(0, len(pcm), 254)), 1_000, 200))
    for start, samples, alone in found:
        assert samples.astype("<u2").tolist() == list(range(start, start + len(samples)))
        assert alone == (length <= 1_000)
    assert found[0][0] == 0
    assert found[-1][0] + len(found[-1][1]) == length
    assert all(a[0] + len(a[1]) - b[0] >= 200 for a, b in pairwise(found))
    assert length <= 1_000 or all(len(samples) == 1_000 for _, samples, _ in found)


def test_an_hour_needs_the_memory_of_some_stretches() -> None:
    block, loudness = bytes(2 * S), Loudness()

    def hour() -> Iterator[bytes]:
        for _ in range(3_600):
            loudness.feed(block)
            yield block

    tracemalloc.start()
    count = sum(1 for _ in stretches(hour(), 60 * S, 6 * S))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 67
    assert peak < 5 * 60 * 2 * S  # two that are held, copies of the last and this one, the loudness


def test_nothing_has_no_stretches() -> None:
    assert list(stretches([], 1_000, 200)) == []
    assert whole([], 0.5, 2) == []


def test_voices_are_linked_by_what_they_sound_like() -> None:
    """Stretches call the same two by other numbers, and nobody speaks where they overlap."""
    voices = [
        Voice(0, ((0, 9 * S),), voice(1)),
        Voice(0, ((9 * S, 20 * S),), voice(2)),
        Voice(1, ((60 * S, 70 * S),), voice(2) * 7),
        Voice(1, ((70 * S, 80 * S),), voice(1) * 0.1),
        Voice(2, ((120 * S, 130 * S),), voice(3)),
    ]
    common = [(50 * S, 60 * S), (100 * S, 110 * S)]
    names = link(voices, common, 0.5)
    assert names[0] == names[3] != names[1] == names[2]
    assert names[4] not in names[:4]
    assert len(set(link(voices, common, 0.5, 2))) == 2


def test_two_of_one_stretch_are_never_one_unless_the_number_says_so() -> None:
    voices = [Voice(0, ((0, S),), voice(1)), Voice(0, ((S, 9 * S),), voice(1) + 0.01)]
    assert len(set(link(voices, [], 0.5))) == 2
    assert len(set(link(voices, [], 0.5, 1))) == 1


def test_who_speaks_at_the_same_moments_is_the_same_without_any_voice() -> None:
    gone = np.full(32, np.nan, np.float32)
    voices = [
        Voice(0, ((0, 50 * S), (52 * S, 56 * S)), gone),
        Voice(0, ((56 * S, 60 * S),), None),
        Voice(1, ((50 * S, 52 * S), (56 * S, 70 * S)), np.zeros(32, np.float32)),
        Voice(1, ((52 * S, 56 * S), (80 * S, 90 * S)), gone),
    ]
    names = link(voices, [(50 * S, 60 * S)], 0.5)
    assert names[0] == names[3] != names[1] == names[2]


def test_a_moment_of_somebody_is_no_new_speaker_of_the_recording() -> None:
    """Found once for a second, with an embedding that says little: whoever is nearest, of another stretch."""
    voices = [
        Voice(0, ((0, 20 * S),), voice(1)),
        Voice(1, ((60 * S, 70 * S),), voice(1)),
        Voice(1, ((71 * S, 72 * S),), voice(4)),
        Voice(2, ((120 * S, 130 * S),), voice(2)),
        Voice(3, ((180 * S, 183 * S),), voice(5)),
    ]
    names = link(voices, [(50 * S, 60 * S)] * 3, 0.5)
    assert names[0] == names[1]
    assert names[2] == names[3] != names[0]  # not with the other of its own stretch
    assert len(set(names)) == 3  # three seconds are somebody
    moments = [Voice(n, ((n * 60 * S, (n * 60 + 1) * S),), voice(n)) for n in range(4)]
    assert len(set(link(moments, [(0, 0)] * 3, 0.5))) == 2  # two seconds in all are somebody again
    assert len(set(link(voices[1:3], [], 0.5))) == 2  # a short recording is pyannote's own affair


def test_the_number_of_speakers_is_kept_where_links_run_into_each_other() -> None:
    """Three chains that each share a stretch with both others: none may join, yet two people are told."""
    voices = [
        Voice(n, ((n * 10 * S, (n * 10 + 5) * S),), voice(v)) for n, v in ((0, 1), (0, 2), (1, 2), (1, 3))
    ]
    voices += [Voice(2, ((20 * S, 22 * S),), voice(1)), Voice(2, ((23 * S, 24 * S),), voice(3))]
    assert len(set(link(voices, [(9 * S, 10 * S), (19 * S, 20 * S)], 0.5, None))) == 3
    assert len(set(link(voices, [(9 * S, 10 * S), (19 * S, 20 * S)], 0.5, 2))) == 2


def test_stretches_are_brought_together_without_saying_anything_twice() -> None:
    one = Stretch(
        0, 600 * S, [Piece(10 * S, 20 * S, 0), Piece(545 * S, 580 * S, 1)], {0: voice(1), 1: voice(2)}
    )
    other = Stretch(
        540 * S, 900 * S, [Piece(545 * S, 580 * S, 0), Piece(700 * S, 710 * S, 1)], {0: voice(2), 1: voice(1)}
    )
    assert whole([one, other], 0.5, None) == [
        Piece(10 * S, 20 * S, 0),
        Piece(545 * S, 570 * S, 1),
        Piece(570 * S, 580 * S, 1),
        Piece(700 * S, 710 * S, 0),
    ]


def test_whoever_began_last_has_the_word() -> None:
    turns = [Piece(0, 100, 0), Piece(40, 60, 1), Piece(90, 130, 1), Piece(130, 140, 1)]
    assert without_overlap(turns) == [Piece(0, 40, 0), Piece(40, 60, 1), Piece(60, 90, 0), Piece(90, 140, 1)]


TURNS = st.lists(
    st.tuples(st.integers(0, 60 * S), st.integers(1, 40 * S), st.integers(0, 3)).map(
        lambda t: Piece(t[0], t[0] + t[1], t[2])
    ),
    max_size=12,
)


@given(TURNS)
def test_pieces_never_overlap_and_can_be_read(turns: list[Piece]) -> None:
    rules, length = Endpointing(), 80 * S
    loudness = Loudness()
    loudness.feed(np.random.default_rng(1).integers(-9_000, 9_000, length).astype("<i2").tobytes())
    pieces = readable(turns, rules, loudness, length)
    assert all(a.end <= b.start for a, b in pairwise(pieces))
    assert all(0 <= each.start < each.end <= length for each in pieces)
    assert all(each.end - each.start <= rules.longest for each in pieces)
    said = [each for each in without_overlap(turns) if each.end - each.start >= rules.shortest]
    for turn in said:  # nothing that was said is lost
        covered = sum(max(0, min(p.end, turn.end) - max(p.start, turn.start)) for p in pieces)
        assert covered >= min(turn.end, length) - turn.start


def test_breaths_do_not_end_a_piece_and_short_noises_are_none() -> None:
    rules, loudness = Endpointing(), Loudness()
    loudness.feed(bytes(2 * 30 * S))
    turns = [Piece(S, 2 * S, 0), Piece(2 * S + 3_000, 4 * S, 0), Piece(10 * S, 10 * S + 500, 1)]
    assert readable(turns, rules, loudness, 30 * S) == [Piece(S - 4_000, 4 * S + 4_000, 0)]


def test_a_long_turn_is_cut_where_it_is_quietest() -> None:
    pcm = np.random.default_rng(1).integers(-9_000, 9_000, 28 * S).astype("<i2")
    pcm[int(12.3 * S) : int(12.7 * S)] = 0
    loudness = Loudness()
    for at in range(0, len(pcm), 7_001):
        loudness.feed(pcm[at : at + 7_001].tobytes())
    one, two = readable([Piece(0, 28 * S, 0)], Endpointing(longest=20 * S), loudness, 28 * S)
    assert one.end == two.start
    assert 12.3 < one.end / S < 12.7
