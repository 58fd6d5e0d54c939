"""The router on utterances in Sichuan wording: what it must tell, and how often it is right."""

import itertools
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.audio import UtteranceId
from asr.normalize import normalize
from hotline.conversation import Source, Speaker, Turn
from hotline.errors import ConfigError
from hotline.intent.router import Router
from hotline.yaml_file import read_yaml

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[4]
TODAY = date(2026, 11, 23)
TOP1_FLOOR, TOP3_FLOOR, SLOT_FLOOR = 0.9, 0.97, 0.95


@cache
def router() -> Router:
    return Router.load(ROOT / "ivr_flows")


@cache
def golden() -> dict[str, list[dict[str, Any]]]:
    calls: dict[str, list[dict[str, Any]]] = read_yaml(ROOT / "tests/data/router_golden.yaml")
    return calls


def turn(utterances: Sequence[str], speaker: Speaker = Speaker.CALLER) -> Turn:
    """A turn as the call makes it: normalised utterances joined by a comma."""
    texts = [normalize(each).text for each in utterances]
    offsets = list(itertools.accumulate((len(text) + 1 for text in texts), initial=0))[:-1]
    ids = tuple(UtteranceId(f"u{number}") for number in range(len(texts)))
    return Turn(speaker, "，".join(texts), "，".join(utterances), ids, 0, 16_000, tuple(offsets))


@pytest.mark.parametrize("part", ["calls", "noise"])
def test_golden_calls(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    calls, wrong = golden()[part], list[object]()
    top1 = top3 = slots = slots_right = 0
    for call in calls:
        intent = router().read([turn(call["say"])], now=TODAY)
        assert intent is not None
        top1 += intent.matter.code in call["matter"]
        top3 += any(each.code in call["matter"] for each in intent.matters)
        if intent.matter.code not in call["matter"]:
            wrong.append((call["say"][0], intent.matter.code))
        for name, value in call.get("slots", {}).items():
            slots += 1
            slot = intent.slot(name)
            slots_right += slot is not None and slot.value == value
            if slot is None or slot.value != value:
                wrong.append((call["say"][0], name, slot and slot.value))
        for flag in call.get("flags", []):
            assert flag in intent.flags, (call["say"], intent.flags)
        if "service" in call:
            assert intent.service.code == call["service"], call["say"]
    with capsys.disabled():
        print(  # noqa: T201 - the figure is what a reader of the run wants to see
            f"\nrouter, {len(calls)} {part}: top-1 {top1 / len(calls):.3f}, "
            f"top-3 {top3 / len(calls):.3f}, fields {slots_right}/{slots}"
        )
    assert top1 / len(calls) >= TOP1_FLOOR - 0.1 * (part == "noise"), wrong
    assert top3 / len(calls) >= TOP3_FLOOR - 0.1 * (part == "noise"), wrong
    assert slots_right / slots >= SLOT_FLOOR - 0.1 * (part == "noise"), wrong


def test_evidence_points_into_its_own_utterance() -> None:
    for call in itertools.chain(*golden().values()):
        said = turn(call["say"])
        texts = dict(zip(said.utterances, (normalize(each).text for each in call["say"]), strict=True))
        intent = router().read([said], now=TODAY)
        assert intent is not None
        spans = [*intent.evidence, *(span for slot in intent.slots for span in slot.evidence)]
        assert spans or intent.matter.code == "other"
        for span in spans:
            assert texts[span.utterance][span.start : span.end] == span.text != ""


def test_a_phone_number_over_three_utterances_has_evidence_in_each() -> None:
    intent = router().read([turn(["我的电话是幺三八", "零零幺三", "八零零零"])], now=TODAY)
    assert intent is not None
    phone = intent.slot("phone")
    assert phone is not None
    assert phone.value == "13800138000"
    assert [span.utterance for span in phone.evidence] == ["u0", "u1", "u2"]


def test_several_turns_are_read_together() -> None:
    turns = [turn(["老板不给工资"]), turn(["你叫什么"], Speaker.AGENT), turn(["我姓刘"])]
    intent = router().read(turns, now=TODAY)
    assert intent is not None
    assert intent.matter.code == "labour.wages"
    name = intent.slot("caller_name")
    assert name is not None
    assert name.value == "刘"


def test_nothing_said_is_no_intent() -> None:
    assert router().read([], now=TODAY) is None
    assert router().read([turn([""])], now=TODAY) is None
    assert router().read([turn(["工资"], Speaker.AGENT)], now=TODAY) is None


def test_a_greeting_is_nothing_in_particular() -> None:
    intent = router().read([turn(["喂，你好"])], now=TODAY, source=Source.AGENT)
    assert intent is not None
    assert intent.matter.code == "other"
    assert intent.service.code == "consult"
    assert intent.source is Source.AGENT


def test_summary_names_the_fields_and_quotes_the_caller() -> None:
    said = [turn(golden()["calls"][0]["say"])]
    told = router().summary(said, router().read(said, now=TODAY))
    text = "".join(each.text for each in told)
    for part in (
        "王",
        "成都市双流区",
        "13人",
        "180000元",
        "去年腊月",
        "要回工资",
        "绿色通道",
        "老板欠了我们",
    ):
        assert part in text
    assert "听录音" in router().summary(said, None)[0].text


def test_every_sentence_of_a_summary_is_linked_to_words_that_were_said() -> None:
    said = [turn(golden()["calls"][0]["say"])]
    told = router().summary(said, router().read(said, now=TODAY))
    assert len(told) >= 6
    for sentence in told:
        assert sentence.evidence, sentence.text
        for span in sentence.evidence:
            begins = said[0].offsets[said[0].utterances.index(span.utterance)]
            assert said[0].text[begins + span.start : begins + span.end] == span.text
    assert told[-1].evidence[0].text in told[-1].text


def test_categories_have_labels() -> None:
    labels = router().categories
    assert labels["labour.wages"].startswith("劳动报酬")
    assert {"other", "consult", "aid.apply"} <= labels.keys()
    assert router().flags["green_channel"].basis


def test_numbers_to_hand_off() -> None:
    assert "12368" in {each.number for each in router().hand_offs("我想问案件进度")}
    assert router().hand_offs("老板不给工资") == ()


def test_every_problem_of_a_flow_folder_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        Router.load(tmp_path)
    assert {Path(problem.split(":")[0]).name for problem in raised.value.problems} == {
        "intents.yaml",
        "slots.yaml",
        "places.tsv",
        "router_weights.npz",
        "crisis_weights.npz",
    }


CALLERS = st.text(
    alphabet=st.sampled_from(
        list("我老板欠工资离婚姓王电话幺三八零一万个月年日号成都双流区，。0123456789块元去今到\n")
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CALLERS, min_size=1, max_size=4))
def test_any_words_are_read_without_failing(utterances: list[str]) -> None:
    said = turn(utterances)
    intent = router().read([said], now=TODAY)
    if intent is None:
        return
    assert len(intent.matters) == 3
    assert all(0 <= each.confidence <= 1 for each in intent.matters)
    assert sum(each.confidence for each in intent.matters) <= 1.001
    for slot in intent.slots:
        assert slot.value
        assert 0 < slot.confidence <= 1
