"""The in-process bus: order, kinds, and what a slow subscriber is told."""

import pytest

from hotline.bus import InProcessBus, InProcessSubscription
from hotline.conversation import CallId
from hotline.events import CallStarted, Envelope, Event, FlowMoved, OrderFiled, Overloaded

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


def moved(node: str) -> FlowMoved:
    return FlowMoved(CallId("c1"), node)


async def collect(subscription: InProcessSubscription) -> list[Event]:
    subscription.close()
    return [envelope.body async for envelope in subscription]


async def test_events_come_in_order_and_only_of_the_kinds_asked_for() -> None:
    bus = InProcessBus()
    with bus.subscribe(FlowMoved) as some, bus.subscribe() as all_:
        bus.publish(moved("a"))
        bus.publish(OrderFiled(CallId("c1"), "SC-1"))
        bus.publish(moved("b"))
        assert await collect(some) == [moved("a"), moved("b")]
        assert len(await collect(all_)) == 3
    assert bus.depths == []


async def test_a_slow_subscriber_loses_the_oldest_and_is_told_how_many() -> None:
    slow = InProcessSubscription((), capacity=2)
    for node in "abcd":
        slow.offer(Envelope(moved(node)))
    assert await collect(slow) == [Overloaded(CallId(""), 2), moved("c"), moved("d")]


async def test_what_comes_before_subscribing_is_not_seen() -> None:
    bus = InProcessBus()
    bus.publish(CallStarted(CallId("c"), "phone", "x", "12348"))
    with bus.subscribe() as late:
        assert await collect(late) == []
