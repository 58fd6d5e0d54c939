"""Promised text only grows, and is promised only when two readings agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.stable import HOLD_BACK, Stabiliser

pytestmark = pytest.mark.unit


@given(st.lists(st.text("拖欠工资12.", max_size=12), max_size=12))
def test_stable_only_grows(texts: list[str]) -> None:
    stabiliser, before = Stabiliser(), ""
    for text in texts:
        stable, tail = stabiliser.update(text)
        assert stable.startswith(before)
        assert len(stable + tail) >= len(stable)
        if text.startswith(stable):
            assert stable + tail == text
        before = stable
    assert not stabiliser.broken_by(before + "了")
    if before:
        assert stabiliser.broken_by("另" + before)


def test_two_readings_must_agree_and_the_last_characters_are_held_back() -> None:
    stabiliser = Stabiliser()
    assert stabiliser.update("老板拖欠工资") == ("", "老板拖欠工资")
    assert stabiliser.update("老板拖欠工资三个月") == ("老板拖欠工资"[:-HOLD_BACK], "工资三个月")


def test_a_number_that_may_grow_is_not_promised() -> None:
    stabiliser = Stabiliser()
    stabiliser.update("欠我1.2万元")
    stable, _ = stabiliser.update("欠我1.2万元钱")
    assert stable == "欠我"
