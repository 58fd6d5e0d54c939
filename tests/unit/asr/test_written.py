"""Numbers become what a clerk would write: sums, times, shares, identity, case and plate numbers."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.edits import Edit
from asr.normalize import normalize, warm
from asr.numerals import find_days, find_numbers
from asr.written import find_money, find_written

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    warm()


def cases() -> list[tuple[str, str]]:
    text = Path(__file__).with_name("written_numbers.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [(raw, written) for raw, written in rows]


def test_there_are_enough_cases() -> None:
    assert len(cases()) >= 150


@pytest.mark.parametrize(("raw", "written"), cases())
def test_written_as_a_clerk_would(raw: str, written: str) -> None:
    assert normalize(raw).text == written


@pytest.mark.parametrize(("_", "written"), cases())
def test_what_is_written_stays(_: str, written: str) -> None:
    assert normalize(written).text == written


SPOKEN = st.text(
    alphabet=list("零一二三四五六七八九十百千万两点半刻分百之号年月川民初欠给块元叉XA0123456789的，。"),
    max_size=40,
)


@given(SPOKEN)
def test_edits_are_in_order_and_apart(text: str) -> None:
    for edits in (find_written(text), find_numbers(text), find_days(text), find_money(text)):
        assert all(edit.start < edit.end for edit in edits)
        assert all(one.end <= other.start for one, other in itertools.pairwise(edits))


def test_a_sum_is_the_number_and_its_currency() -> None:
    assert find_money("欠我15000") == [Edit(2, 7, "15000元")]
    assert find_money("我2019进厂") == []
