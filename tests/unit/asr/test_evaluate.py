"""The character error rate: what counts as the same, and what a figure says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.evaluate import Score, cer, differences, errors, fold, summarise

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("廣州市房產仲介，", "广州市房产仲介"),
        ("十四块钱", "14块钱"),
        ("欠我一万二千元", "欠我12000元"),
        ("ＷＩＦＩ 好", "wifi好"),
        ("你好，世界！", "你 好 世 界"),
        ("幺二三四八", "幺二三四八"),
        ("两个人", "2个人"),
    ],
)
def test_the_same_said_otherwise_is_no_error(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert cer(one, other) == 0


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wrong"),
    [("工资", "工资", 0), ("工资", "公资", 1), ("工资", "", 2), ("", "嗯", 1), ("拖欠工资", "拖欠了工", 2)],
)
def test_edits(reference: str, hypothesis: str, wrong: int) -> None:
    assert errors(reference, hypothesis)[0] == wrong


def test_cer_of_an_empty_reference() -> None:
    assert (cer("", ""), cer("。", "嗯")) == (0.0, 1.0)


texts = st.text("老板拖欠工资aB，。 ", max_size=10)


@given(texts, texts, texts)
def test_it_is_a_distance(a: str, b: str, c: str) -> None:
    assert errors(a, a)[0] == 0
    assert errors(a, b)[0] == errors(b, a)[0]
    assert errors(a, c)[0] <= errors(a, b)[0] + errors(b, c)[0]
    assert errors(a, b)[0] <= max(len(fold(a)), len(fold(b)))
    assert fold(fold(a)) == fold(a)


def scores(turns: int = 1) -> list[Score]:
    rows = [("a", "x", 1, 10), ("b", "x", 5, 10), ("c", "y", 0, 20)]
    return [
        Score(engine, name, kind, condition, turn, wrong + turn, length, 2.0, 0.5, "好")
        for engine in ("one", "other")
        for condition in ("16 kHz", "A-law 8 kHz")
        for name, kind, wrong, length in rows
        for turn in range(turns)
    ]


def test_summaries_by_kind_and_in_all() -> None:
    found = {each.kind: each for each in summarise(scores()) if each.condition == "A-law 8 kHz"}
    assert found["x"].cer == pytest.approx(0.3)
    assert found["total"].cer == pytest.approx(6 / 40)
    assert found["total"].low <= found["total"].cer <= found["total"].high
    assert found["x"].low >= 0.1
    assert found["x"].high <= 0.5
    assert found["y"].rtf == pytest.approx(0.25)


def test_engines_are_kept_apart() -> None:
    one, other = ([each for each in summarise(scores()) if each.engine == name] for name in ("one", "other"))
    assert len(one) == len(other) == 6


def test_several_readings_of_a_clip_are_one_clip_and_tell_their_spread() -> None:
    found = next(each for each in summarise(scores(turns=3)) if each.kind == "total")
    assert (found.clips, found.characters) == (3, 40)
    assert found.cer == pytest.approx(9 / 40)
    assert [found.least, found.most] == pytest.approx([6 / 40, 12 / 40])
    assert found.rtf == pytest.approx(0.25)


def test_clips_of_one_name_in_two_parts_are_two() -> None:
    rows = [
        Score("e", "same", kind, "16 kHz", 0, wrong, 10, 1.0, 0.1, "") for kind, wrong in (("x", 0), ("y", 4))
    ]
    found = next(each for each in summarise(rows) if each.kind == "total")
    assert found.clips == 2
    assert found.cer == pytest.approx(0.2)


def test_a_figure_can_be_had_again() -> None:
    assert summarise(scores()) == summarise(scores())


def test_two_engines_are_held_against_each_other_clip_by_clip() -> None:
    def score(engine: str, name: str, wrong: int) -> Score:
        return Score(engine, name, "x", "16 kHz", 0, wrong, 10, 2.0, 0.5, "")

    hard = {"a": 1, "b": 5, "c": 9}
    scores = [score("ours", name, wrong) for name, wrong in hard.items()]
    scores += [score("peer", name, wrong + 1) for name, wrong in hard.items()]
    [found] = differences(scores)
    assert (found.engine, found.other) == ("ours", "peer")
    assert found.cer == pytest.approx(-0.1)
    # always one error less, however hard the clip: nothing is left to chance
    assert found.low == pytest.approx(-0.1)
    assert found.high == pytest.approx(-0.1)
    [whole, _] = summarise(scores)
    assert whole.high - whole.low > 0.3
    assert differences(scores[:3]) == []
