"""Emergencies in growing speech: told at the first words, confirmed by the final, or taken back."""

from collections.abc import Sequence

import pytest

from asr.audio import LegId, UtteranceId
from asr.transcript import TranscriptEvent
from hotline.bus import InProcessBus
from hotline.call.watch import Watch
from hotline.conversation import CallId
from hotline.events import AlertState, CrisisHeard
from hotline.intent.crisis import Alert
from tests.fakes.call_parts import FakeReader

pytestmark = pytest.mark.unit


class Bus(InProcessBus):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[CrisisHeard] = []

    def publish(self, body: object) -> None:
        assert isinstance(body, CrisisHeard)
        self.told.append(body)


class Deaf(FakeReader):
    def alerts(self, text: str, *, growing: bool = False) -> Sequence[Alert]:
        raise RuntimeError(text)


class Guessing(FakeReader):
    """Is sure only of a whole sentence."""

    def alerts(self, text: str, *, growing: bool = False) -> Sequence[Alert]:
        at = text.find("不想活")
        return [Alert("self_harm", "", "12356", at, at + 3, "不想活", sure=not growing)] if at >= 0 else []


def step(text: str, *, final: bool = False, utterance: str = "u1") -> TranscriptEvent:
    kind = "final" if final else "partial"
    stable, tail = (text, "") if final else ("", text)
    return TranscriptEvent(
        UtteranceId(utterance),
        LegId("leg"),
        1,
        "final" if kind == "final" else "partial",
        stable,
        tail,
        text,
        0,
        1,
    )


def watched(reader: FakeReader | None = None) -> tuple[Watch, Bus]:
    bus = Bus()
    return Watch(CallId("c"), reader or FakeReader(), bus), bus


def test_the_first_words_are_told_once_and_confirmed_by_the_final() -> None:
    watch, bus = watched()
    for text in ("老板不给钱", "老板不给钱我不想活", "老板不给钱我不想活了"):
        watch.look(step(text))
    watch.look(step("老板不给钱，我不想活了。", final=True))
    assert [each.state for each in bus.told] == [AlertState.HEARD, AlertState.CONFIRMED]
    assert [(each.start, each.end, each.text) for each in bus.told] == [(6, 9, "不想活"), (7, 10, "不想活")]
    assert bus.told[0].hand_off == "12356"


def test_what_the_final_no_longer_says_is_taken_back_and_may_be_told_again() -> None:
    watch, bus = watched()
    watch.look(step("我不想活"))
    watch.look(step("我不想和他过了", final=True))
    watch.look(step("我真的不想活", utterance="u2"))
    assert [each.state for each in bus.told] == [AlertState.HEARD, AlertState.WITHDRAWN, AlertState.HEARD]


def test_words_of_an_earlier_utterance_are_not_told_again_with_the_next() -> None:
    watch, bus = watched()
    watch.look(step("我不想活了", final=True))
    watch.look(step("你听到没有", utterance="u2"))
    watch.look(step("你听到没有", final=True, utterance="u2"))
    assert len(bus.told) == 1


def test_a_long_sentence_is_looked_at_at_its_end_and_the_place_is_right() -> None:
    watch, bus = watched()
    text = "他们说要等" * 40 + "我不想活了"
    watch.look(step(text))
    (told,) = bus.told
    assert text[told.start : told.end] == told.text == "不想活"


def test_a_guess_becomes_sure() -> None:
    watch, bus = watched(Guessing())
    watch.look(step("我不想活了"))
    watch.look(step("我不想活了", final=True))
    assert [(each.sure, each.state) for each in bus.told] == [
        (False, AlertState.HEARD),
        (True, AlertState.CONFIRMED),
    ]


def test_a_reader_that_fails_costs_the_watch_only() -> None:
    watch, bus = watched(Deaf())
    watch.look(step("我不想活了"))
    assert bus.told == []
