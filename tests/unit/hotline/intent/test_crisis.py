"""Signs of an emergency: recall first."""

from functools import cache
from pathlib import Path

import pytest

from asr.normalize import normalize
from hotline.intent.crisis import alerts
from hotline.intent.policy import Policy, read_policy
from hotline.yaml_file import read_yaml

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


RECALL_FLOOR, FALSE_CEILING = 0.94, 0.05


def test_the_invented_set_is_recalled_with_few_false_alarms() -> None:
    crisis = read_yaml(Path(__file__).parents[4] / "tests/data/crisis.yaml")
    told = [said for group in crisis["crisis"].values() for said in group]
    assert sum(bool(codes(said)) for said in told) / len(told) >= RECALL_FLOOR
    false = [said for said in crisis["harmless"] if codes(said)]
    assert len(false) / len(crisis["harmless"]) <= FALSE_CEILING, false


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("我们两百多个工人把大门堵了", "mass"),
        ("大家约好去堵高速", "mass"),
        ("我爬到塔吊上了", "self_harm"),
        ("我把门反锁了的煤气打开了", "self_harm"),
    ],
)
def test_patterns_reach_over_words_between(said: str, code: str) -> None:
    assert code in codes(said)


def test_an_excuse_covers_only_the_hit_it_holds() -> None:
    assert codes("自杀险赔不赔") == set()
    assert codes("自杀险赔不赔，我想自杀") == {"self_harm"}
