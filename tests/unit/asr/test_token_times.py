"""Tokens become words on the leg's clock, or none."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.audio import LegId, Segment, UtteranceId
from asr.token_times import LONGEST, hypothesis_of, words_of

pytestmark = pytest.mark.unit

SEGMENT = Segment(UtteranceId("u"), LegId("leg"), 16_000, 48_000, b"")


def spelled(tokens: list[str], starts: list[float], text: str) -> list[tuple[str, int, int]]:
    return [(word.text, word.start, word.end) for word in words_of(tokens, starts, SEGMENT, text)]


def test_each_character_lasts_until_the_next_but_not_for_ever() -> None:
    assert spelled(["工", "资"], [0.1, 0.3], "工资") == [
        ("工", 17_600, 20_800),
        ("资", 20_800, 20_800 + LONGEST),
    ]


def test_pieces_of_latin_words_are_joined() -> None:
    assert [w[0] for w in spelled(["▁HEL", "LO", "▁WORLD"], [0, 0.1, 0.2], "HELLO WORLD")] == [
        "HELLO",
        "WORLD",
    ]
    assert [w[0] for w in spelled(["hel@@", "lo", "我"], [0, 0.1, 0.2], "hello 我")] == ["hello", "我"]
    assert [w[0] for w in spelled(["▁", "我", "们"], [0, 0.1, 0.2], "我们")] == ["我", "们"]


def test_no_words_rather_than_wrong_ones() -> None:
    assert spelled(["五", "十"], [0.1, 0.2], "50") == []
    assert spelled(["ƌ", "ŋ"], [0.1, 0.2], "工") == []
    assert spelled(["工", "资"], [0.1], "工资") == []
    assert spelled(["工"], [math.nan], "工") == []
    assert spelled([], [], "") == []


def test_what_models_write_for_silence_is_nothing() -> None:
    for nothing in ("", " ", "。", "，。", ". ", "…"):
        assert hypothesis_of(nothing, [nothing], [0.0], [-0.1], SEGMENT).text == ""


def test_confidence_is_the_mean_of_log_probabilities() -> None:
    found = hypothesis_of("工资", ["工", "资"], [0.0, 0.1], [-0.2, -0.4], SEGMENT)
    assert found.confidence == pytest.approx(math.exp(-0.3))
    assert hypothesis_of("工资", ["工", "资"], [], [], SEGMENT).confidence is None
    assert hypothesis_of("工", ["工"], [0.0], [3.0], SEGMENT).confidence == 1.0


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
            st.floats(allow_nan=True, allow_infinity=True),
        ),
        max_size=30,
    )
)
def test_times_stay_inside_and_in_order(pairs: list[tuple[str, float]]) -> None:
    tokens, starts = [token for token, _ in pairs], [start for _, start in pairs]
    before = SEGMENT.start
    for word in words_of(tokens, starts, SEGMENT, "".join(tokens)):
        assert word.text
        assert before <= word.start <= word.end <= SEGMENT.end
        before = word.start
