"""Signs of an emergency: recall first."""

from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from asr.normalize import normalize
from hotline.intent.router import Router
from hotline.robot.demo_caller import DemoCaller
from hotline.yaml_file import read_yaml

pytestmark = pytest.mark.unit


@cache
def router() -> Router:
    return Router.load(Path(__file__).parents[4] / "ivr_flows")


def codes(said: str, *, growing: bool = False) -> set[str]:
    return {alert.code for alert in router().alerts(normalize(said).text, growing=growing)}


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
    "said",
    [
        "老板不给工资",
        "我想离婚",
        "他打我电话我没接",
        "汽油费谁出",
        "我开了个炸鸡店",
        "电话打得通",
        "我说要打官司",
    ],
)
def test_harmless_wording(said: str) -> None:
    assert codes(said) == set()


def test_an_alert_points_at_its_words_and_the_number_to_offer() -> None:
    (alert,) = router().alerts("老板不给钱，我不想活了")
    assert (alert.start, alert.end, alert.text, alert.hand_off) == (7, 10, "不想活", "12356")
    assert alert.sure


@pytest.mark.parametrize(
    ("said", "code"),
    [("我要去自沙", "self_harm"), ("他要跳搂", "self_harm"), ("他正在大死我，快来人", "violence")],
)
def test_a_word_written_as_it_sounds_is_known(said: str, code: str) -> None:
    assert code in codes(said)


@pytest.mark.parametrize("said", ["我拿到判决书了", "这是大事情，怎么办", "看似没有问题", "我起诉他行不行"])
def test_an_ordinary_word_that_sounds_like_a_grave_one_stays(said: str) -> None:
    assert not any(alert.sure for alert in router().alerts(said))


def test_what_no_wording_speaks_for_is_guessed_with_less_while_it_grows() -> None:
    said = "我这条路走到尽头了，麻烦你们照看我屋头的老人"
    (alert,) = router().alerts(said)
    assert (alert.code, alert.sure) == ("self_harm", False)
    assert said[alert.start : alert.end] == alert.text
    assert codes(said[:4], growing=True) == set()


def test_a_grave_sentence_in_a_long_call_is_not_drowned() -> None:
    calm = "我们是去年三月份跟公司签的合同，当时说好的一个月四千块钱，工资按月发，还要买社保。"
    assert "self_harm" in codes(calm * 8 + "我不想活了。" + calm * 8)


RECALL_FLOOR, FALSE_CEILING = 0.98, 0.1


def test_the_invented_set_is_recalled_with_few_false_alarms() -> None:
    crisis = read_yaml(Path(__file__).parents[4] / "tests/data/crisis.yaml")
    told = [said for group in crisis["crisis"].values() for said in group]
    assert sum(bool(codes(said)) for said in told) / len(told) >= RECALL_FLOOR
    false = [said for said in crisis["harmless"] if codes(said)]
    assert len(false) / len(crisis["harmless"]) <= FALSE_CEILING


def guessed(said: str) -> bool:
    return any(not alert.sure for alert in router().alerts(normalize(said).text))


def complaints() -> list[str]:
    groups = read_yaml(Path(__file__).parents[4] / "tests/data/complaints.yaml")["complaints"]
    return [said for group in groups.values() for said in group]


def test_what_the_demo_caller_says_is_no_emergency() -> None:
    root = Path(__file__).parents[4]
    sentences = [each.say for each in DemoCaller.load(root / "ivr_flows/demo_caller.yaml").sentences]
    assert [said for said in sentences if codes(said)] == []
    assert codes("，".join(normalize(said).text for said in sentences)) == set()  # as the order reads it


GUESSED_CEILING = 0.3
"""Aim 0; recall comes first (BENCHMARKS.md, "What the router understands")."""


def test_few_ordinary_complaints_are_guessed_to_be_emergencies() -> None:
    told = [said for said in complaints() if int(sha256(said.encode()).hexdigest()[15], 16) % 2 == 0]
    assert len(told) >= 60
    assert sum(map(guessed, told)) / len(told) <= GUESSED_CEILING


def test_what_the_classifier_learned_from_is_not_what_it_is_judged_by() -> None:
    data = Path(__file__).parents[4] / "tests/data"
    told: list[set[str]] = []
    for name in ("crisis.yaml", "crisis_train.yaml"):
        sets = read_yaml(data / name)
        told.append({said for group in (*sets["crisis"].values(), sets["harmless"]) for said in group})
    assert not told[0] & told[1]
    assert not set(complaints()) & (told[0] | told[1])
    assert len(set(complaints())) == len(complaints()) >= 120


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
