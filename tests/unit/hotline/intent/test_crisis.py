"""Signs of an emergency: recall first."""

from functools import cache
from pathlib import Path

import pytest

from asr.normalize import normalize
from hotline.intent.crisis import alerts
from hotline.intent.policy import Policy, read_policy

pytestmark = pytest.mark.unit


@cache
def policy() -> Policy:
    return read_policy(Path(__file__).parents[4] / "ivr_flows")


def codes(said: str) -> set[str]:
    return {alert.code for alert in alerts(normalize(said).text, policy().crisis)}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("我不想活了", "self_harm"),
        ("活起莫得意思", "self_harm"),
        ("我要去跳楼", "self_harm"),
        ("她说要吃闹药", "self_harm"),
        ("想去吊颈算了", "self_harm"),
        ("我只有寻短路", "self_harm"),
        ("他正在打我", "violence"),
        ("他拿起刀追我", "violence"),
        ("老板把我们关起来不让走", "violence"),
        ("他掐我脖子", "violence"),
        ("救命啊", "violence"),
        ("娃儿遭他虐待孩子身上有伤", "child"),
        ("有人猥亵我女儿", "child"),
        ("我娃儿孩子不见了", "child"),
        ("我要跟他同归于尽", "threat"),
        ("不给钱我就放火烧了他的店", "threat"),
        ("我要弄死他", "threat"),
        ("大家提起汽油去", "threat"),
    ],
)
def test_recall(said: str, code: str) -> None:
    assert code in codes(said)


@pytest.mark.parametrize(
    "said", ["老板不给工资", "我想离婚", "他打我电话我没接", "汽油费谁出", "我开了个炸鸡店", "电话打得通"]
)
def test_harmless_wording(said: str) -> None:
    assert codes(said) == set()


def test_an_alert_points_at_its_words_and_the_number_to_offer() -> None:
    (alert,) = alerts("老板不给钱，我不想活了", policy().crisis)
    assert (alert.start, alert.end, alert.text, alert.hand_off) == (7, 10, "不想活", "12356")
