"""The span map from normalised text back to raw text."""

import pytest

from asr.transcript import SpanMap

pytestmark = pytest.mark.unit

#        raw:  屋头欠我一万五   (0..7)
# normalised:  家里欠我15000   (0..9)
SPANS = SpanMap(((0, 2, 0, 2), (2, 4, 2, 4), (4, 9, 4, 7)))


@pytest.mark.parametrize(
    ("normal", "raw"),
    [
        ((0, 2), (0, 2)),
        ((2, 3), (2, 3)),
        ((4, 9), (4, 7)),
        ((5, 6), (4, 7)),
        ((3, 5), (3, 7)),
        ((0, 9), (0, 7)),
    ],
)
def test_ranges_come_back_whole_where_runs_differ_in_length(
    normal: tuple[int, int], raw: tuple[int, int]
) -> None:
    assert SPANS.to_raw(*normal) == raw


def test_nothing_maps_to_nothing() -> None:
    assert SpanMap().to_raw(0, 5) == (0, 0)
