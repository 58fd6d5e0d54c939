"""Finals become turns."""

import pytest

from asr.audio import LegId, UtteranceId
from asr.transcript import TranscriptEvent
from hotline.call.turns import TurnBuilder
from hotline.conversation import Speaker

pytestmark = pytest.mark.unit


def final(name: str, text: str, start: int = 0) -> TranscriptEvent:
    return TranscriptEvent(UtteranceId(name), LegId("l"), 1, "final", text, "", text + "!", start, start + 10)


def test_utterances_of_one_speaker_join_and_keep_their_offsets() -> None:
    turns = TurnBuilder()
    assert turns.add(Speaker.CALLER, final("u1", "老板欠我工资", 5))
    assert turns.add(Speaker.CALLER, final("u2", "十八万", 50))
    assert turns.add(Speaker.AGENT, final("u3", "在哪里"))
    (caller,) = turns.turns(Speaker.CALLER)
    assert (caller.text, caller.offsets, caller.utterances) == ("老板欠我工资，十八万", (0, 7), ("u1", "u2"))
    assert caller.text[caller.offsets[1] :] == "十八万"
    assert (caller.raw, caller.start, caller.end) == ("老板欠我工资!十八万!", 5, 60)
    assert len(turns.turns()) == 2


def test_nothing_is_taken_twice_and_empty_finals_and_partials_make_no_turn() -> None:
    turns = TurnBuilder()
    assert turns.add(Speaker.CALLER, final("u1", "喂"))
    assert not turns.add(Speaker.CALLER, final("u1", "喂"))
    assert not turns.add(Speaker.CALLER, final("u2", ""))
    partial = TranscriptEvent(UtteranceId("u3"), LegId("l"), 1, "partial", "我", "们", "我们", 0, 1)
    assert not turns.add(Speaker.CALLER, partial)
    assert [turn.text for turn in turns.turns()] == ["喂"]


def test_a_cut_begins_a_new_turn_of_the_same_speaker() -> None:
    turns = TurnBuilder()
    turns.add(Speaker.CALLER, final("u1", "喂"))
    turns.cut(Speaker.CALLER)
    turns.add(Speaker.CALLER, final("u2", "我要讨薪"))
    assert [turn.text for turn in turns.turns()] == ["喂", "我要讨薪"]


def test_an_utterance_that_ends_in_a_mark_gets_no_other() -> None:
    turns = TurnBuilder()
    turns.add(Speaker.CALLER, final("u1", "老板欠我工资。"))
    turns.add(Speaker.CALLER, final("u2", "有没有人管？"))
    turns.add(Speaker.CALLER, final("u3", "十八万"))
    (turn,) = turns.turns()
    assert (turn.text, turn.offsets) == ("老板欠我工资。有没有人管？十八万", (0, 7, 13))
