"""What browsers get: snapshots, resuming, bounds, tickets."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from hotline.acd.model import AcdLog, LogKind
from hotline.bus import InProcessBus
from hotline.conversation import CallId, Speaker
from hotline.events import AcdLogged, CallStarted, RecordingStarted, TranscriptPublished
from hotline.web.feed import LiveFeed
from hotline.web.mailbox import Mailbox, TooSlow
from hotline.web.tickets import TICKET_LIFE, RecentlyHeard, Tickets
from tests.fakes.web_line import PHONE, SAID, final, partial

pytestmark = [pytest.mark.unit, pytest.mark.anyio]
CALL = CallId("c1")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def going_on(_call: str) -> bool:
    return True


async def test_a_browser_gets_the_state_then_resumes_where_it_was() -> None:
    bus = InProcessBus()
    feed = LiveFeed(bus, going_on)
    async with anyio.create_task_group() as group:
        group.start_soon(feed.run)
        await anyio.wait_all_tasks_blocked()
        bus.publish(CallStarted(CALL, "phone", PHONE, "12348"))
        bus.publish(TranscriptPublished(CALL, Speaker.CALLER, partial(0, "你好", "我是", 1)))
        await anyio.wait_all_tasks_blocked()
        with feed.connect() as box:
            [snapshot] = await box.take()
            assert snapshot["calls"][0]["remote"] == "138****1234"
            assert snapshot["calls"][0]["utterances"][0]["tail"] == "我是"
        bus.publish(TranscriptPublished(CALL, Speaker.CALLER, final(0, SAID[0])))
        await anyio.wait_all_tasks_blocked()
        with feed.connect(feed.epoch, snapshot["n"]) as box:
            [event] = await box.take()
            assert (event["final"], event["stable"]) == (True, SAID[0])
        with feed.connect("another run", snapshot["n"]) as box:
            assert (await box.take())[0]["type"] == "snapshot"
        group.cancel_scope.cancel()


async def test_an_agent_on_a_call_and_where_its_recording_begins_are_told() -> None:
    bus = InProcessBus()
    feed = LiveFeed(bus, going_on)
    async with anyio.create_task_group() as group:
        group.start_soon(feed.run)
        await anyio.wait_all_tasks_blocked()
        bus.publish(CallStarted(CALL, "phone", PHONE, "12348"))
        bus.publish(RecordingStarted(CALL, "2026-11", 48_000))
        for kind, call in (
            (LogKind.ENTERQUEUE, CALL),
            (LogKind.READY, None),
            (LogKind.CONNECT, CallId("of another time")),
        ):
            bus.publish(AcdLogged(AcdLog(NOW, kind, call, "li")))
        await anyio.wait_all_tasks_blocked()
        with feed.connect() as box:
            [snapshot] = await box.take()
            (call,) = snapshot["calls"]
            assert (call["recording"], call["recording_origin"], call["attended"]) == (True, 48_000, False)
            bus.publish(AcdLogged(AcdLog(NOW, LogKind.CONNECT, CALL, "li", "minors")))
            await anyio.wait_all_tasks_blocked()
            [event] = await box.take()
            assert (event["type"], event["attended"]) == ("call.attended", True)
        group.cancel_scope.cancel()


async def test_a_mailbox_keeps_the_latest_partial_and_a_final_ends_it() -> None:
    box = Mailbox(lasting=2, partials=2)
    box.offer_partial("u1", {"n": 1})
    box.offer_partial("u1", {"n": 2})
    assert await box.take() == [{"n": 2}]
    box.offer_partial("u1", {"n": 3})
    box.offer({"type": "utterance", "utterance": "u1"})
    assert await box.take() == [{"type": "utterance", "utterance": "u1"}]
    for number in range(3):
        box.offer({"type": "x", "n": number})
    with pytest.raises(TooSlow):
        await box.take()


async def test_tickets_work_once_and_in_time() -> None:
    tickets = Tickets()
    key = tickets.issue("a", "s", NOW)
    assert tickets.redeem(key, NOW) is not None
    assert tickets.redeem(key, NOW) is None
    assert tickets.redeem(tickets.issue("a", "s", NOW), NOW + TICKET_LIFE) is None
    heard = RecentlyHeard()
    assert [heard.is_new("a", "c", NOW), heard.is_new("a", "c", NOW)] == [True, False]
    assert heard.is_new("a", "c", NOW + timedelta(hours=1))
