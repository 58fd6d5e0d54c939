"""Features, clustering, cutting and scoring of speakers, on numbers made for it."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.diarize import Piece, cut_out, smooth, split
from asr.errors import EngineFailed
from asr.speakers.checkpoint import read_checkpoint
from asr.speakers.clustering import cluster
from asr.speakers.features import log_mel
from asr.speakers.score import Turn, der

pytestmark = pytest.mark.unit


def voices(counts: tuple[int, ...], spread: float) -> NDArray[np.float32]:
    """Unit vectors about as many directions as there are counts, shuffled by the order of counting."""
    dice = np.random.default_rng(3)
    rows = [
        np.eye(192)[n] + spread * dice.normal(size=192) for n, many in enumerate(counts) for _ in range(many)
    ]
    return np.array([row / np.linalg.norm(row) for row in rows], np.float32)


def test_two_voices_are_told_apart_and_counted() -> None:
    vectors = voices((30, 20), 0.05)
    for asked in (2, None):
        assert cluster(vectors, asked).tolist() == [0] * 30 + [1] * 20


def test_three_voices_are_found_without_being_told() -> None:
    assert len(set(cluster(voices((20, 20, 20), 0.05)).tolist())) == 3


def test_many_windows_are_clustered_block_by_block() -> None:
    assert cluster(voices((900, 700), 0.04), 2).tolist() == [0] * 900 + [1] * 700


def test_nothing_and_one_are_no_trouble() -> None:
    assert cluster(np.zeros((0, 192), np.float32), 2).tolist() == []
    assert cluster(voices((1,), 0.0), 2).tolist() == [0]


def test_a_lone_window_between_two_of_one_voice_is_theirs() -> None:
    assert smooth([0, 1, 0, 1, 1, 0]) == [0, 0, 0, 1, 1, 0]


def test_an_utterance_is_cut_between_the_windows_that_differ() -> None:
    windows = [(0, 24_000), (12_000, 36_000), (24_000, 48_000)]
    assert split(0, 50_000, windows, [0, 0, 1]) == [Piece(0, 30_000, 0), Piece(30_000, 50_000, 1)]


def test_pieces_carry_their_own_audio() -> None:
    pcm = np.arange(60_000, dtype="<u2").tobytes()
    blocks = [pcm[at : at + 7_000] for at in range(0, len(pcm), 7_000)]
    pieces = [Piece(10, 500, 0), Piece(30_000, 41_000, 1), Piece(41_000, 60_000, 0)]
    for piece, segment in cut_out("a", blocks, pieces):
        assert segment.pcm == pcm[2 * piece.start : 2 * piece.end]


def test_a_tone_is_loudest_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000).astype(np.float32)
    found = log_mel(tone)
    assert found.shape == (98, 80)
    assert set(np.argmax(found, axis=1).tolist()) <= {27, 28}  # 1 kHz is 1000 of 2840 mel


TRUTH = [Turn(0, 10, "a"), Turn(10, 20, "b")]


def test_names_do_not_matter_for_the_error_rate() -> None:
    assert der(TRUTH, [Turn(0, 10, "x"), Turn(10, 20, "y")]).rate == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ([Turn(0, 20, "x")], (0, 0, 10)),
        ([Turn(0, 10, "x")], (10, 0, 0)),
        ([], (20, 0, 0)),
        ([*TRUTH, Turn(20, 25, "a")], (0, 5, 0)),
        ([Turn(0, 12, "x"), Turn(12, 20, "y")], (0, 0, 2)),
    ],
)
def test_each_kind_of_error_is_counted(found: list[Turn], wrong: tuple[float, float, float]) -> None:
    got = der(TRUTH, found, collar=0)
    assert (got.missed, got.false_alarm, got.confused) == pytest.approx(wrong, abs=0.03)
    assert got.speech == pytest.approx(20, abs=0.03)


def test_the_collar_forgives_a_border_a_little_off() -> None:
    assert der(TRUTH, [Turn(0, 10.2, "x"), Turn(10.2, 20, "y")]).rate == pytest.approx(0, abs=1e-9)


def test_a_checkpoint_that_would_run_something_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({"a": print}))
    with pytest.raises(EngineFailed, match="print"):
        read_checkpoint(tmp_path / "a.pt")
