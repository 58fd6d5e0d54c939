"""Terms written with other characters of the same sound are mended, ordinary words are left alone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.edits import Edit
from asr.normalize import normalize, warm
from asr.repair import find_misheard, repairs
from asr.syllables import merged, sound, sounds
from asr.wordscore import word_scorer

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    warm()


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("我不笑得咋个办", "我不晓得咋个办"),
        ("老板不发工子", "老板不发工资"),
        ("申请劳动种裁", "申请劳动仲裁"),
        ("托欠工人工资", "拖欠工人工资"),
        ("他要跟我理婚", "他要跟我离婚"),
        ("要求取保后审", "要求取保候审"),
        ("去法院起述", "去法院起诉"),
        ("检查院已经起诉了", "检察院已经起诉了"),
        ("他就是一个炸骗公司", "他就是一个诈骗公司"),
    ],
)
def test_mended(heard: str, meant: str) -> None:
    text = heard
    for edit in reversed(find_misheard(heard)):
        text = text[: edit.start] + edit.text + text[edit.end :]
    assert text == meant


# fmt: off
ORDINARY = [
    "她笑得很开心", "公司的公职人员", "退回订金", "父亲早逝", "三胎罚多少钱", "我们直接诉讼会怎么样",
    "社会扶养费", "旷工自离", "双方结清了", "工商局去过", "调节气氛", "历史遗留问题", "梨花开了", "他的前妻",
    "机场接人", "医嘱上写的", "条件不好", "家伙什", "歧视我", "花园小区", "一般人", "发言", "小的时候",
]
# fmt: on


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_stay(text: str) -> None:
    assert find_misheard(text) == []


@pytest.mark.parametrize("term", sorted(repairs().group))
def test_terms_stay_what_they_are(term: str) -> None:
    assert find_misheard(f"我要{term}，") == []


def test_no_context_no_repair() -> None:
    assert find_misheard("那个工子") == []


class Unwilling:
    """A scorer that likes nothing better than what was heard."""

    def score(self, text: str) -> float:
        return 0.0


def test_the_scorer_has_the_last_word() -> None:
    assert find_misheard("老板不发工子", Unwilling()) == []
    assert find_misheard("老板不发工子") == [Edit(4, 6, "工资")]


@given(st.text(alphabet=list("我要工资子公老板不发法院画离梨婚晓笑得钱a1，"), max_size=30))
def test_repairs_keep_length_sound_and_order(text: str) -> None:
    edits = find_misheard(text)
    assert all(sounds(edit.text) == sounds(text[edit.start : edit.end]) for edit in edits)
    assert all(one.end <= other.start for one, other in itertools.pairwise(edits))
    done = text
    for edit in reversed(edits):
        done = done[: edit.start] + edit.text + done[edit.end :]
    assert len(done) == len(text)


def test_the_record_says_what_was_mended() -> None:
    done = normalize("我不笑得")
    assert done.text == "我不知道"
    assert [(change.step, change.old, change.new) for change in done.changes] == [
        ("repair", "不笑得", "不晓得"),
        ("dialect", "不晓得", "不知道"),
    ]
    assert done.spans.to_raw(1, 4) == (1, 4)


@pytest.mark.parametrize(
    ("one", "other"), [("zhong", "zong"), ("ning", "lin"), ("hua", "fa"), ("sheng", "sen")]
)
def test_mergers(one: str, other: str) -> None:
    assert merged(one) == merged(other)


def test_sounds_of_no_characters() -> None:
    assert sound("a") == "a"
    assert sounds("离梨") == ("li", "li")


def test_words_are_likelier_than_their_characters_apart() -> None:
    score = word_scorer().score
    assert score("劳动仲裁") > score("劳动种裁")
    assert score("") == 0
