"""A call that people answer: the wait, the talk, being handed on, and always one record and no agent lost."""

from pathlib import Path

import anyio
import pytest

from hotline.acd.model import LogKind, NotAllowed, Presence
from hotline.call.attended import announcement
from hotline.call.journal import Journal
from hotline.conversation import EndCause, Outcome, Speaker
from hotline.ivr.machine import Announcing
from tests.fakes.call_parts import (
    FakeLeg,
)
from tests.fakes.hall import CALL, Hall

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


@pytest.fixture
def hall(tmp_path: Path) -> Hall:
    return Hall(tmp_path)


async def test_a_caller_waits_talks_and_rates(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        li.leg.spoken.clear()
        hall.leg.say(b"\x05\x00" * 320)
        assert li.leg.spoken[-1].pcm == b"\x05\x00" * 320
        li.leg.say(b"\x07\x00" * 320)
        assert hall.leg.spoken[-1].pcm == b"\x07\x00" * 320
        hall.ears.agents[0].say("您好，请讲", 32_000)
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: li.leg.hangups)
        hall.leg.press("5")
        await hall.until(lambda: hall.leg.hangups)
    record = hall.store.records[0]
    assert record.outcome is Outcome.ANSWERED
    assert [(leg.speaker, leg.remote) for leg in record.legs] == [
        (Speaker.CALLER, "13800001234"),
        (Speaker.AGENT, "li"),
    ]
    assert "您好，请讲" in hall.store.finals
    assert hall.kinds() == [
        LogKind.ENTERQUEUE,
        LogKind.RINGAGENT,
        LogKind.CONNECT,
        LogKind.COMPLETEAGENT,
        LogKind.WRAPUP,
        LogKind.SURVEY,
    ]
    assert hall.log[-1].facts["score"] == 5
    assert hall.log[-1].agent == "li"
    assert hall.acd.seats["li"].presence is Presence.WRAP_UP
    assert hall.desk.orders == {}


@pytest.mark.parametrize("how", ["key", "voice", "not at all"])
async def test_a_mark_is_no_message_and_says_nothing_of_the_matter(hall: Hall, how: str) -> None:
    li, caller = hall.agent(), hall.ears.transcriber
    async with hall.call():
        await hall.answered(li)
        caller.say("老板不给工资", hall.leg.now)
        await hall.until(lambda: hall.reader.texts == ["老板不给工资"])
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: li.leg.hangups)
        asked = hall.leg.now
        await hall.until(lambda: hall.leg.now > asked + 16_000)  # the question is over
        if how == "key":
            hall.leg.press("5")
        elif how == "voice":
            caller.say("非常满意", hall.leg.now + 16_000)
            hall.leg.frames(3)
        else:
            hall.leg.frames(9)
        await hall.until(lambda: hall.leg.hangups)
    assert hall.desk.orders == {}
    assert hall.store.records[0].outcome is Outcome.ANSWERED
    assert set(hall.reader.texts) == {"老板不给工资"}
    marks = [line.facts["score"] for line in hall.log if line.kind is LogKind.SURVEY]
    assert marks == ([] if how == "not at all" else [5])


async def test_who_gives_up_waiting_has_abandoned(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.until(lambda: li.offers)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert hall.store.records[0].outcome is Outcome.ABANDONED
    assert LogKind.ABANDON in hall.kinds()
    assert li.offers == []
    assert hall.acd.seats["li"].presence is Presence.READY


async def test_the_caller_ends_a_talk(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert hall.store.records[0].outcome is Outcome.ANSWERED
    assert hall.kinds()[-2:] == [LogKind.COMPLETECALLER, LogKind.WRAPUP]
    assert li.leg.hangups
    assert not hall.talks.talks


async def test_with_nobody_on_duty_a_message_is_taken_at_once(hall: Hall) -> None:
    async with hall.call():
        await hall.until(lambda: len(hall.leg.played) >= 4)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert "message" in hall.store.records[0].flow_path
    assert hall.kinds() == [LogKind.ENTERQUEUE, LogKind.EXITEMPTY]


async def test_who_has_waited_for_too_long_may_leave_a_message(hall: Hall) -> None:
    hall.longest_s = 0.05
    li = hall.agent()
    async with hall.call():
        await hall.until(lambda: li.offers)
        await hall.until(lambda: hall.kinds()[-1] is LogKind.EXITWITHTIMEOUT)
        await hall.until(lambda: hall.leg.hangups)  # and says nothing
    assert hall.store.records[0].flow_path[-5:-1] == ("duty", "nobody_free", "message", "nothing_said")
    assert li.offers == []
    assert hall.acd.seats["li"].presence is Presence.READY


async def test_a_caller_who_will_not_wait_is_called_back(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.until(lambda: li.offers)
        hall.leg.press("1")
        await hall.until(lambda: hall.leg.hangups)
    (order,) = hall.desk.orders.values()
    assert order.flags[-1] == "callback"
    assert order.summary == "请打回。"
    assert order.caller_contact == "13800001234"
    assert hall.kinds()[-1] is LogKind.CALLBACK
    assert LogKind.RINGCANCELED in hall.kinds()
    assert hall.store.records[0].outcome is Outcome.ORDER_FILED


async def test_a_caller_may_choose_the_queue_of_minors_while_waiting(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.until(lambda: li.offers)
        hall.leg.press("3")
        await hall.until(lambda: hall.kinds().count(LogKind.ENTERQUEUE) == 2)
        await hall.answered(li)
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: li.leg.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert [line.queue for line in hall.log if line.kind is LogKind.ENTERQUEUE] == ["duty", "minors"]
    assert hall.kinds().count(LogKind.CONNECT) == 1
    assert "minors" in hall.store.records[0].flow_path


async def test_an_agent_lost_at_once_puts_the_caller_first_again(hall: Hall) -> None:
    hall.reattach_s = 0.0
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        wang = hall.agent("wang")
        li.leg.end(EndCause.TRANSPORT)
        await hall.answered(wang)
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: wang.leg.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert LogKind.REQUEUE in hall.kinds()
    assert [leg.remote for leg in hall.store.records[0].legs][1:] == ["li", "wang"]


async def test_a_page_that_reloads_keeps_its_caller(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        li.leg.end(EndCause.REMOTE_HANGUP)
        await hall.until(lambda: any(len(pcm) > 100_000 for pcm in hall.leg.played[-1:]))  # music
        again = FakeLeg("again")
        hall.talks.talks[CALL].attach(again)
        hall.leg.say(b"\x01\x00" * 320)
        assert again.spoken
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: again.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert LogKind.REATTACH in hall.kinds()
    assert LogKind.REQUEUE not in hall.kinds()


async def test_a_blind_transfer_frees_the_agent_and_rings_the_other(hall: Hall) -> None:
    li, wang = hall.agent(), hall.agent("wang")
    async with hall.call():
        await hall.answered(li)
        await hall.talks.talks[CALL].transfer("agent:wang")
        await hall.answered(wang)
        assert hall.acd.seats["li"].presence is Presence.WRAP_UP
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: wang.leg.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    kinds = hall.kinds()
    assert kinds.count(LogKind.CONNECT) == 2
    assert kinds.count(LogKind.TRANSFER) == 1


async def test_consultation_transfer_and_conference(hall: Hall) -> None:
    li, wang = hall.agent(), hall.agent("wang")
    hall.outside = FakeLeg("outside")
    async with hall.call():
        await hall.answered(li)
        talk = hall.talks.talks[CALL]
        async with anyio.create_task_group() as asking:
            asking.start_soon(talk.consult, "agent:wang")
            await hall.until(lambda: wang.offers)
            wang.answer()
        assert talk.on_hold
        hall.leg.say(b"\x01\x00" * 320)
        assert wang.leg.spoken == []
        li.leg.say(b"\x02\x00" * 320)
        assert wang.leg.spoken[-1].pcm == b"\x02\x00" * 320
        await talk.complete()
        assert talk.agent == "wang"
        assert hall.acd.seats["li"].presence is Presence.WRAP_UP
        hall.leg.say(b"\x03\x00" * 320)
        assert wang.leg.spoken[-1].pcm == b"\x03\x00" * 320
        await talk.conference("number:110")
        hall.leg.say(b"\x04\x00" * 320)
        wang.leg.say(b"\x00\x00" * 320)
        assert hall.outside.spoken[-1].pcm == b"\x04\x00" * 320
        await talk.back()
        await hall.until(lambda: hall.outside is not None and hall.outside.hangups)
        with pytest.raises(NotAllowed, match="no_such_agent"):
            await talk.transfer("agent:nobody")
        await talk.hangup()
        await hall.until(lambda: wang.leg.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert not [seat for seat in hall.acd.seats.values() if seat.presence is Presence.TALKING]


@pytest.mark.parametrize("steps", range(0, 40, 3))
@pytest.mark.parametrize("who", ["caller", "agent", "both", "cancel"])
async def test_whenever_somebody_vanishes_there_is_one_record_and_nobody_is_stuck(
    hall: Hall, steps: int, who: str
) -> None:
    hall.reattach_s = 0.0
    li = hall.agent()
    journal = Journal(hall.store)
    async with anyio.create_task_group() as world:
        world.start_soon(journal.run)
        async with anyio.create_task_group() as calls:
            calls.start_soon(hall.session(journal).run)
            for step in range(steps):
                hall.leg.frames(0.02)
                await anyio.lowlevel.checkpoint()
                if li.offers and step % 2:
                    li.answer()
            if who in {"agent", "both"}:
                li.leg.end(EndCause.TRANSPORT)
            if who == "cancel":
                calls.cancel_scope.cancel()
            elif who != "agent":
                hall.leg.end(EndCause.REMOTE_HANGUP)
            else:
                for _ in range(50):
                    hall.leg.frames(0.02)
                    await anyio.sleep(0.0005)
                hall.leg.end(EndCause.REMOTE_HANGUP)
        journal.close()
    assert len(hall.store.records) == 1
    assert hall.acd.waiting == ()
    assert hall.acd.seats["li"].presence is not Presence.TALKING
    assert not hall.talks.talks


def test_announcements_count_and_offer_keys_only_before_the_first_talk() -> None:
    told = Announcing("p", "m", ("keys",))
    assert announcement(told, 1, None, first=True) == ("p.1", "keys")
    assert announcement(told, 12, 130.0, first=True) == ("p.more", "m.2", "keys")
    assert announcement(told, 3, 10.0, first=False) == ("p.3", "m.1")
    assert announcement(Announcing(), 3, 10.0, first=True) == ()
