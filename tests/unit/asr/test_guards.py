"""What a recogniser makes up is told from what was said, by reasons that can be counted."""

import pytest

from asr.guards import Evidence, Guards, Limits, repeats

pytestmark = pytest.mark.unit

GUARDS = Guards(("谢谢观看", "字幕由志愿者提供", "谢谢"), "四川话，打工，工资，离婚，公证。")


def evidence(text: str, **changes: float) -> Evidence:
    values = {"seconds": 3.0, "likelihood": -0.3, "no_speech": 0.1, "loudest": -20.0} | changes
    return Evidence(text, **values)


@pytest.mark.parametrize(
    ("text", "changes", "reason"),
    [
        ("老板不给工资", {}, None),
        ("", {"loudest": -100.0}, None),
        ("老板不给工资", {"loudest": -70.0}, "silence"),
        ("老板不给工资", {"no_speech": 0.9, "likelihood": -1.0}, "silence"),
        ("老板不给工资", {"no_speech": 0.9, "likelihood": -0.2}, None),
        ("老板不给工资", {"likelihood": -2.5}, "unsure"),
        ("老板不给工资他说没有钱要等到过年才给", {"seconds": 1.0}, "hurried"),
        ("好的好的好的好的", {}, "repeated"),
        ("四川话，打工，工资，离婚，公证。", {}, "echoed"),
        ("谢谢观看。", {}, "phantom"),
        ("谢谢观看，谢谢！", {}, "phantom"),
        ("谢谢你们", {}, None),
    ],
)
def test_a_text_is_dropped_for_a_reason(text: str, changes: dict[str, float], reason: str | None) -> None:
    assert GUARDS.judge(evidence(text, **changes)) == reason


def test_limits_may_be_set() -> None:
    lenient = Guards((), limits=Limits(least=-9.0))
    assert lenient.judge(evidence("老板不给工资", likelihood=-2.5)) is None


@pytest.mark.parametrize("text", ["对对对对", "嗯，嗯，嗯。", "一一得一二二得四", "哈哈", "", "是不是是不是"])
def test_what_people_say_twice_is_no_circle(text: str) -> None:
    assert not repeats(text)


@pytest.mark.parametrize("text", ["工资，工资，工资，工资", "我要要钱" + "要回来" * 4, "啊" * 40])
def test_going_round_in_circles_is_seen(text: str) -> None:
    assert repeats(text)
