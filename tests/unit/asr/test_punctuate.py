"""Marks of finals: where speakers pause, what they ask, and that nothing but marks is added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import SAMPLE_RATE
from asr.normalize import normalize, warm
from asr.punctuate import find_marks, pauses_of
from asr.transcript import Word

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    warm()


MS = SAMPLE_RATE // 1000


def words(text: str, pauses: dict[int, int] | None = None) -> tuple[Word, ...]:
    """A word a character of 150 ms each, with the given pauses (ms) behind some."""
    found, at = [], 0
    for place, char in enumerate(text):
        found.append(Word(char, at, at + 150 * MS))
        at += (150 + (pauses or {}).get(place, 0)) * MS
    return tuple(found)


@pytest.mark.parametrize(
    ("raw", "pauses", "text"),
    [
        ("老板不给工资", {}, "老板不给工资。"),
        ("老板不给工资怎么办", {}, "老板不给工资怎么办？"),
        ("我要咋个办", {}, "我要怎么办？"),
        ("你晓得不", {}, "你知道吗？"),
        ("我不知道怎么说", {}, "我不知道怎么说。"),
        ("我在工地上干活老板不给钱", {6: 300}, "我在工地上干活，老板不给钱。"),
        ("我在工地上干活三年老板不给钱", {8: 900}, "我在工地上干活3年。老板不给钱。"),
        ("我在工地上干活老板不给钱", {5: 300}, "我在工地上干活老板不给钱。"),
        ("我的钱都没有了", {1: 300}, "我的钱都没有了。"),
        ("我们在厂里干了三年但是老板没有签合同", {}, "我们在厂里干了3年，但是老板没有签合同。"),
        ("能不能去告他我们有十三个人", {5: 800}, "能不能去告他，我们有13个人？"),
        ("老板跑了，怎么办？", {}, "老板跑了，怎么办？"),
        ("老板跑了，怎么办", {}, "老板跑了，怎么办？"),
        ("hello", {}, "hello"),
        ("", {}, ""),
    ],
)
def test_marks(raw: str, pauses: dict[int, int], text: str) -> None:
    assert normalize(raw, words(raw, pauses)).text == text


def test_partials_get_no_marks() -> None:
    assert normalize("老板不给工资怎么办").text == "老板不给工资怎么办"


def test_a_mark_leads_back_to_the_character_before_it() -> None:
    raw = "我屋头莫得钱老板也不给"
    done = normalize(raw, words(raw, {5: 300}))
    assert done.text == "我家里没有钱，老板也不给。"
    assert done.spans.to_raw(6, 7) == (3, 6)
    assert [(change.step, change.new) for change in done.changes][-2:] == [("mark", "钱，"), ("mark", "给。")]


def test_words_that_are_not_in_the_text_are_passed_over() -> None:
    heard = words("工资", {0: 500})
    assert pauses_of("工资", (heard[0], Word("x", 0, 1), heard[1])) == {0: 500 * MS}
    assert pauses_of("", heard) == {}


RAW = st.text(alphabet=list("我们老板不给工资怎么办但是屋头莫得钱吗了的 ，。？a1三十"), max_size=40)


@given(RAW, st.dictionaries(st.integers(0, 40), st.integers(0, 2000), max_size=10))
def test_nothing_but_marks_is_added(raw: str, pauses: dict[int, int]) -> None:
    plain, marked = normalize(raw).text, normalize(raw, words(raw, pauses)).text
    rest = iter(marked)
    assert all(char in rest for char in plain)
    assert set(marked) <= {*plain, *"，。？"}
    assert [c for c in marked if c.isalnum()] == [c for c in plain if c.isalnum()]


@given(RAW)
def test_what_is_marked_stays(raw: str) -> None:
    once = normalize(raw, ()).text
    assert find_marks(once, {}) == [] or once[-1].isalnum()


@given(RAW, st.dictionaries(st.integers(0, 40), st.integers(0, 2000), max_size=10))
def test_the_map_still_covers_the_text(raw: str, pauses: dict[int, int]) -> None:
    done = normalize(raw, words(raw, pauses))
    at, raw_at = 0, 0
    for start, end, left, right in done.spans.runs:
        assert start == at < end
        assert raw_at <= left < right <= len(raw)
        at, raw_at = end, right
    assert at == len(done.text)
