"""The pieces of an order's words: whatever a text has in it is found, and nothing else where it says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workorders.words import DIGITS, is_number, pieces, sought

pytestmark = pytest.mark.unit

ALPHABET = "工资欠薪款ab1234é𠮷，-. \n"
TEXTS = st.text(ALPHABET, max_size=40)
CONTACTS = st.text("0123+@a.", max_size=14)
WORDS = st.text(ALPHABET.replace(" ", "").replace("\n", ""), min_size=1, max_size=8)


def has(found: list[str], phrase: tuple[str, ...]) -> bool:
    return any(tuple(found[at : at + len(phrase)]) == phrase for at in range(len(found)))


def is_in(word: str, text: str, contact: str) -> bool:
    return word in text or (is_number(word) and word in contact)


@given(TEXTS, CONTACTS, WORDS)
def test_what_has_the_word_has_its_phrases_and_the_other_way_round(
    text: str, contact: str, word: str
) -> None:
    found, how = pieces(text, contact), sought(word)
    hit = all(has(found, phrase) for phrase in how.phrases)
    if is_in(word, text, contact):
        assert hit
    if how.exact:
        assert hit == is_in(word, text, contact)


@given(TEXTS, CONTACTS, st.data())
def test_every_part_of_a_text_is_found(text: str, contact: str, data: st.DataObject) -> None:
    for word in text.split():
        start = data.draw(st.integers(0, len(word) - 1))
        part = word[start : data.draw(st.integers(start + 1, len(word)))]
        assert all(has(pieces(text, contact), phrase) for phrase in sought(part).phrases)


def test_numbers_are_cut_in_fours_and_kept_apart() -> None:
    found = pieces("", "+8613800001234")
    assert found[:3] == ["8613", "6138", "1380"]
    assert not has(pieces("12 34567", "8912"), sought("5678").phrases[0])
    assert not has(pieces("1234 5678", ""), sought("12345").phrases[0])


def test_a_caller_s_short_number_is_not_looked_for() -> None:
    assert pieces("", "123") == []
    assert not has(pieces("", "13800001234"), sought("138").phrases[0])
    assert len("138") < DIGITS


def test_long_runs_and_signs_are_to_be_looked_at_again() -> None:
    assert not sought("工" * 65).exact
    assert not sought("1" * 65).exact
    assert not sought("工资,欠薪").exact
    assert sought("，") == sought("%")
    assert sought("，").phrases == ()
