"""What a machine can see in a talk, and what it leaves alone."""

from pathlib import Path

import pytest

from asr.audio import SAMPLE_RATE, LegId, UtteranceId
from asr.transcript import SpanMap
from hotline.conversation import Speaker
from hotline.stats.quality_marks import marks
from hotline.stats.quality_rules import read_quality
from hotline.store.views import UtteranceView

pytestmark = pytest.mark.unit

RULES = read_quality(Path(__file__).parents[4] / "ivr_flows").marks
AGENT, CALLER = Speaker.AGENT, Speaker.CALLER


def said(number: int, speaker: Speaker, text: str, start: float, end: float) -> UtteranceView:
    first, last = int(start * SAMPLE_RATE), int(end * SAMPLE_RATE)
    spans = SpanMap(((0, len(text), 0, len(text)),))
    return UtteranceView(
        UtteranceId(f"u{number}"), LegId(speaker.value), speaker, number, first, last, text, text, spans, (),
        0.9, "x", False, False, 0,
    )  # fmt: skip


GOOD = [
    said(0, AGENT, "您好，这里是12348，请问有什么可以帮您？", 1, 6),
    said(1, CALLER, "我想问一哈工资的事情", 7, 10),
    said(2, AGENT, "好的，您慢慢说。", 11, 13),
]


def test_a_good_talk_has_no_marks() -> None:
    assert marks(GOOD, noticed=True, rules=RULES) == []


def test_each_thing_is_seen_where_it_is() -> None:
    talk = [
        said(0, AGENT, "说嘛", 1, 2),
        said(1, CALLER, "我那个老板欠我工资欠了好多个月", 3, 9),
        said(2, AGENT, "你不要说了听我说这个案子肯定能赢", 5, 9),
        said(3, CALLER, "真的吗", 40, 41),
        said(4, AGENT, "跟你说了多少遍这个不归我管你去找劳动局或者去法院都可以的嘛", 42, 44),
    ]
    found = marks(talk, noticed=False, rules=RULES)
    assert [(mark.kind, mark.utterance) for mark in found] == [
        ("notice", ""),
        ("greeting", "u0"),
        ("interruption", "u2"),
        ("promise", "u2"),
        ("silence", "u3"),
        ("forbidden", "u4"),
        ("forbidden", "u4"),
        ("speed", "u4"),
    ]
    promise = next(mark for mark in found if mark.kind == "promise")
    assert talk[2].text[promise.first : promise.last] == "肯定能赢"
    silence = next(mark for mark in found if mark.kind == "silence")
    assert (silence.at, silence.amount) == (9 * SAMPLE_RATE, 31.0)
    assert next(mark for mark in found if mark.kind == "interruption").amount == 4.0


def test_what_a_caller_says_is_none_of_it() -> None:
    angry = [*GOOD, said(3, CALLER, "你听不懂吗，随便你，包赢不", 14, 15)]
    assert marks(angry, noticed=True, rules=RULES) == []
    assert marks([], noticed=True, rules=RULES) == []
