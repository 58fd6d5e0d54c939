"""Syllable keys and terms found by sound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.intent.phonetic import keys, legal_terms

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("工资", "公职"),
        ("湖南", "福兰"),
        ("晓得", "笑得"),
        ("英雄", "因雄"),
        ("政", "正"),
        ("四", "是"),
        ("分", "昏"),
    ],
)
def test_sounds_that_fall_together(one: str, other: str) -> None:
    assert keys(one) == keys(other)


def test_other_sounds_stay_apart() -> None:
    assert keys("工资") != keys("公司")


@pytest.mark.parametrize(
    ("said", "term"), [("不给工子", "工资"), ("法律元助", "法律援助"), ("农名工", "农民工")]
)
def test_misspelt_terms(said: str, term: str) -> None:
    (found,) = legal_terms().find(said, keys(said))
    assert found.term == term
    assert len(said[found.start : found.end]) == len(term)


@pytest.mark.parametrize("said", ["工资", "考上公职", "其实", "法律援助"])
def test_right_spelling_and_other_words_are_left(said: str) -> None:
    assert legal_terms().find(said, keys(said)) == []


@given(st.text(max_size=30))
def test_one_key_a_character(text: str) -> None:
    assert len(keys(text)) == len(text)
