"""Cutting texts and queries into pairs: whatever stands together is found, nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.store.search import MAX_WORD_CHARACTERS, MAX_WORDS, phrases, split

pytestmark = pytest.mark.unit

CHINESE = st.text(alphabet="工资离婚借条老板拖欠了三个月的，。 ab12", max_size=40)


def found(query: str, stored: str) -> bool:
    """What both databases do with a phrase: its tokens stand in the stored ones, side by side."""
    tokens = stored.split()
    return all(
        any(
            tokens[at : at + len(wanted)] == wanted
            for wanted in [phrase.split()]
            for at in range(len(tokens))
        )
        for phrase in phrases(query)
    )


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("abc, de", "ab bc c de e a b d"),
        ("工资", "工资 资 工"),
        ("离", "离"),
        ("", ""),
        ("，。！", ""),
        ("３月", "3月 月 3"),
        ("ABC", "ab bc c a b"),
    ],
)
def test_splits(text: str, tokens: str) -> None:
    assert split(text) == tokens


def test_equal_texts_are_stored_once() -> None:
    assert split("工资", "工资") == split("工资")


@pytest.mark.parametrize("query", ["工资", "离婚", "工", "拖欠工资", "欠工", "工资 离婚", "三个月"])
def test_finds_what_was_said(query: str) -> None:
    assert found(query, split("老板拖欠工资三个月，我还想离婚"))


@pytest.mark.parametrize("query", ["资三月", "月我", "工伤", "资离", "婚离"])
def test_does_not_find_what_was_not(query: str) -> None:
    assert not found(query, split("老板拖欠工资三个月，我还想离婚"))


@given(before=CHINESE, word=st.text(alphabet="工资离婚借条ab1", min_size=1, max_size=8), after=CHINESE)
def test_finds_every_run_inside_any_text(before: str, word: str, after: str) -> None:
    assert found(word, split(before + word + after))


@given(text=CHINESE, word=st.text(alphabet="工资离婚借条ab1", min_size=1, max_size=5))
def test_finds_nothing_that_is_not_there(text: str, word: str) -> None:
    assert found(word, split(text)) == (word in text)


@given(st.text())
def test_phrases_hold_no_query_syntax(query: str) -> None:
    for phrase in phrases(query):
        assert phrase
        assert all(character.isalnum() or character == " " for character in phrase)


def test_long_queries_are_cut() -> None:
    assert len(phrases(" ".join(["工资"] * 50))) == MAX_WORDS
    assert len(phrases("工" * 500)[0].split()) == MAX_WORD_CHARACTERS - 1
