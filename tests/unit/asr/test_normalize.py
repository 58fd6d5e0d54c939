"""Dialect and spoken numerals become standard wording, and each word is found again in the raw text."""

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.dialect import sichuan
from asr.normalize import normalize, warm
from asr.numerals import cardinal, rows_of

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    warm()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("屋头莫得钱", "家里没有钱"),
        ("我老汉儿晓得", "我父亲知道"),
        ("咋个办嘛", "怎么办嘛"),
        ("我要跟他打脱离", "我要跟他离婚"),
        ("包包头没得钱", "口袋里没有钱"),
        ("在工地做活路", "在工地干活"),
        ("遭车撞了", "被车撞了"),
        ("一万五", "15000"),
        ("三千二百块", "3200块"),
        ("十三个人", "13个人"),
        ("幺三八零零幺三八零零零", "13800138000"),
        ("二零二六年三月五号", "2026年3月5日"),
        ("一百二", "120"),
        ("两万三千五", "23500"),
        ("三点五万", "3.5万"),
        ("百分之三十", "30%"),
        ("今年二月到五月", "今年2月到5月"),
        ("我們沒有錢", "我们没有钱"),
        ("手機摔坏了", "手机摔坏了"),
        ("頭打坏了，乾等", "头打坏了，干等"),
        ("没得到一分钱", "没得到一分钱"),
        ("他好久给钱", "他什么时候给钱"),
        ("等了好久给的", "等了好久给的"),
        ("是不是嘎", "是不是吧"),
        ("昨天晚夕黑了", "昨天晚上黑了"),
        ("１３个，ＡＢ", "13个，AB"),
        ("138 0013 8000", "13800138000"),
        ("你好,我 是 王", "你好，我是王"),
        ("十级伤残", "10级伤残"),
        ("打幺幺零", "打110"),
        ("", ""),
    ],
)
def test_standard_wording(raw: str, text: str) -> None:
    assert normalize(raw).text == text


# fmt: off
ORDINARY = [
    "万一一起一定三轮车千万别", "五一劳动节", "三四十个人", "十几万", "四川", "第三者",
    "十分困难", "一五一十", "三天两头", "两口子", "赶紧到医院", "然后首先",
    "人家公司", "国家公务员", "房屋基础", "网上工作", "应该起诉", "汽车车主",
    "取得行政许可", "美好生活", "有关起诉", "钟点工", "拉黑了", "不要得罪",
    "报社上班", "需要账号", "遭遇车祸", "着急", "我急着要", "目前儿子归我",
    "摔倒后头痛", "做活动", "把我关起来", "一点水", "王老汉",
]
# fmt: on


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_stay(text: str) -> None:
    assert normalize(text).text == text


def test_words_are_found_again_in_the_raw_text() -> None:
    raw = "我们十三个人，屋头莫得钱，欠一万五"
    done = normalize(raw)
    at = done.text.index("15000")
    left, right = done.spans.to_raw(at, at + 5)
    assert raw[left:right] == "一万五"
    at = done.text.index("家里")
    left, right = done.spans.to_raw(at, at + 2)
    assert raw[left:right] == "屋头"


CALLERS = st.text(
    alphabet=st.sampled_from(
        list("我们的工资一二三四五六七八九十百千万亿零两幺点年月号日个块人，。 、啥子莫得晓屋头没有錢發")
        + list("0123456789ABa,.?")
    ),
    max_size=40,
)


@given(st.one_of(CALLERS, st.text(max_size=40)))
def test_the_map_covers_the_text_and_never_goes_back(raw: str) -> None:
    done = normalize(raw)
    at, raw_at = 0, 0
    for normal_start, normal_end, raw_start, raw_end in done.spans.runs:
        assert normal_start == at < normal_end
        assert raw_at <= raw_start < raw_end <= len(raw)
        at, raw_at = normal_end, raw_end
    assert at == len(done.text)
    ranges = [done.spans.to_raw(place, place + 1) for place in range(len(done.text))]
    assert ranges == sorted(ranges)


@given(CALLERS)
def test_the_same_every_time(raw: str) -> None:
    assert normalize(raw) == normalize(raw)


def test_characters_copied_unchanged_are_their_own_origin() -> None:
    raw = "工资，老板"
    assert normalize(raw).spans.runs == ((0, 5, 0, 5),)


def test_the_lexicon_is_large_and_clean() -> None:
    rows = rows_of("sichuan.tsv")
    assert sum(row[0] != row[1] for row in rows) >= 1500
    assert len({(row[0], *row[4:]) for row in rows}) == len(rows)
    for source, standard, note, example, *_ in rows:
        assert source in example, source
        assert note
        assert all(edit.text == standard[edit.start : edit.end] for edit in sichuan().find(standard)), (
            standard
        )


def test_a_second_pass_changes_nothing() -> None:
    for _, _, _, example, *_ in rows_of("sichuan.tsv"):
        once = normalize(example).text
        assert normalize(once).text == once


@given(st.integers(1, 99_999_999))
def test_every_written_numeral_is_read(number: int) -> None:
    assert cardinal(cn2an.an2cn(number)) == number


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("五洞洞洞洞", "50000"),
        ("我的号码幺三八洞洞洞洞幺二三四", "我的号码13800001234"),
        ("那是没有活路了", "那是没有活路了"),
    ],
)
def test_no_digit_is_lost_and_no_way_out_is_no_job(said: str, written: str) -> None:
    assert normalize(said).text == written
