"""What changes when Sichuan syllables stand together: named words, and nothing lost of any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.finetune.connected import Spoken, connect
from asr.finetune.phonology import Accent, Speaker
from asr.finetune.rhotic import SUFFIX
from asr.finetune.rules import ALL, RULES, chosen
from asr.finetune.synthesis import readings
from asr.finetune.tables import BadPronunciation
from asr.wordscore import word_scorer

pytestmark = pytest.mark.unit
jyutping = pytest.importorskip("ToJyutping", reason="the extra `finetune` is not installed")

CHENGDU, CHONGQING = Accent(literary=0.0), Accent("chongqing", literary=0.0)


def said(text: str, accent: Accent = CHENGDU, rules: frozenset[str] = ALL, seed: int = 0) -> list[Spoken]:
    plain = Speaker(accent, seed).say(text, readings(text, sandhi=False))
    return connect(text, plain, accent, seed, rules)


def heard(text: str, accent: Accent = CHENGDU, rules: frozenset[str] = ALL, seed: int = 0) -> str:
    return " ".join(str(each.syllable) for each in said(text, accent, rules, seed))


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("今儿", "jier1"),
        ("一点儿", "i2 dier3"),
        ("老汉儿", "lao3 her4"),
        ("妹娃儿", "mei4 uer2"),
        ("这儿", "zer4"),
        ("哪儿", "ler3"),
        ("柜儿", "guer4"),
        ("院儿", "ver4"),
        ("卷儿", "jver3"),
        ("虫儿", "cuer2"),
        ("子儿", "zer3"),  # the apical vowel is no front one
        ("辣呼呼儿", "la2 fu1 fer1"),  # no medial behind lips
        ("事儿", "ser4"),
        ("幺儿", "iao1 er2"),  # there it means child
        ("儿子", "er2 zi3"),
        ("女儿", "nv3 er2"),
        ("孙女儿", "sen1 nv3 er2"),
        ("幼儿园", "iou4 er2 van2"),
        ("正儿八经", "zen4 er2 ba2 jin1"),
    ],
)
def test_suffix(word: str, syllables: str) -> None:
    assert heard(word, rules=ALL - {"unwritten"}) == syllables


@pytest.mark.parametrize(
    ("word", "chengdu", "chongqing"),
    [
        ("坝坝", "ba4 ba1", "ba4 ba1"),
        ("杯杯", "bei1 bei1", "bei1 bei1"),
        ("娃娃", "ua2 ua1", "ua2 ua1"),
        ("桶桶", "tong3 tong2", "tong3 tong3"),  # Chengdu alone
        ("姐姐", "jie3 jie2", "jie3 jie3"),
        ("妹妹", "mei4 mei1", "mei4 mei1"),
        ("婆婆", "po2 po1", "po2 po1"),
        ("爸爸", "ba2 ba1", "ba2 ba1"),
        ("盘盘儿", "pan2 per1", "pan2 per1"),
        ("担担面", "dan4 dan1 mian4", "dan4 dan1 mian4"),
        ("看看", "kan4 kan4", "kan4 kan4"),  # a verb
        ("慢慢", "man4 man4", "man4 man4"),
        ("来来来", "lai2 lai2 lai2", "lai2 lai2 lai2"),
    ],
)
def test_doubled_nouns(word: str, chengdu: str, chongqing: str) -> None:
    assert heard(word) == chengdu
    assert heard(word, CHONGQING) == chongqing


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("一个", "i2 go4"),
        ("一天", "i2 tian1"),
        ("第一", "di4 i2"),
        ("不对", "bu2 duei4"),
        ("不行", "bu2 xin2"),
    ],
)
def test_one_and_not_keep_their_tones(text: str, syllables: str) -> None:
    assert heard(text) == syllables


def test_some_second_syllables_rise() -> None:
    assert heard("婆娘") == "po2 niang1"
    assert heard("婆娘", rules=ALL - {"raised"}) == "po2 niang2"


def test_particles_have_their_tones_at_the_end_alone() -> None:
    assert heard("来噻").split()[-1] == "sai1"
    assert heard("来哈").split()[-1] == "ha3"
    assert heard("来喃").split()[-1] == "lan1"
    assert heard("哈了来") == "ha4 lo2 lai2"
    assert said("来噻")[-1].levels == (4.0, 4.0, 3.8)


def test_pairs_lose_the_rise() -> None:
    first, second = said("电话")
    assert first.levels == (3.0, 2.0, 4.0)
    assert second.levels == (3.0, 2.5, 2.0)
    assert said("电话", CHONGQING)[1].levels is None  # only Chengdu was measured


def test_words_written_without_the_suffix_get_it_from_some_speakers() -> None:
    assert {heard("公园", seed=seed) for seed in range(20)} == {"gong1 van2", "gong1 ver2"}
    assert {heard("公园", rules=ALL - {"unwritten"}, seed=seed) for seed in range(20)} == {"gong1 van2"}
    assert heard("公园儿", seed=1) == "gong1 ver2"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("erhua", "点儿"), ("unwritten", "猫"), ("doubling", "坝坝"),
        ("raised", "婆娘"), ("particles", "来哈"), ("pairs", "电话"),
    ],
)  # fmt: skip
def test_each_rule_can_be_left_out(rule: str, text: str) -> None:
    assert any(said(text, seed=seed) != said(text, rules=chosen([rule]), seed=seed) for seed in range(10))
    others = said(text, rules=frozenset({rule}), seed=1)
    assert "".join(each.text for each in others) == text


def test_unknown_rules_are_told() -> None:
    assert chosen([]) == frozenset(RULES)
    with pytest.raises(BadPronunciation, match="no such rules: rain"):
        chosen(["rain"])


CHARS = "儿子女点今娃坝桶慢来哈噻嘛我的公园婆娘一不担面电话八汉老"
HAN_TEXT = st.text(alphabet=st.sampled_from(CHARS), min_size=1, max_size=14)


@given(text=HAN_TEXT, off=st.sets(st.sampled_from(sorted(RULES))), seed=st.integers(0, 50))
def test_nothing_is_lost(text: str, off: set[str], seed: int) -> None:
    found = said(text, rules=chosen(off), seed=seed)
    assert "".join(each.text for each in found) == text
    merged = sum(len(each.text) - 1 for each in found)
    assert len(found) == len(text) - merged
    assert all(set(each.text[1:]) <= {SUFFIX} for each in found)
    if "erhua" in off:
        assert merged == 0
    assert all(1 <= each.syllable.tone <= 5 for each in found)


@given(text=HAN_TEXT)
def test_division_covers_the_text(text: str) -> None:
    borders = word_scorer().divide(text)
    assert "".join(text[start:end] for start, end in borders) == text
    assert all(start < end for start, end in borders)
