"""A unit's change feed on both databases: in the order of commits, no gap, and enough to rebuild from."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.errors import ForbiddenMove, StaleOrder, UnknownOrder
from workorders.feed import FeedPage, UnitFeed
from workorders.messages import ActOnOrder, FieldValue
from workorders.model import Action, Actor, State, WorkOrder
from workorders.outbox_rows import OutboxRows
from workorders.queries import OrderFilter, OrderQueries
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work
from workorders.tables import unit_changes

pytestmark = pytest.mark.integration

UNITS = ("legal_aid-510104", "legal_aid-510105")
UP = "legal_aid-510100"


class Consumer:
    """A unit's system: applies pages in order, and keeps its cursor with what it applied."""

    def __init__(self, feed: UnitFeed, unit: str) -> None:
        self.feed = feed
        self.unit = unit
        self.orders: dict[str, WorkOrder] = {}
        self.after = 0

    def step(self, limit: int = 7) -> int:
        page = self.feed.after(self.unit, self.after, limit)
        for change in page.changes:
            assert change.seq == self.after + 1, "a gap"
            self.after = change.seq
            if change.number not in page.orders:
                self.orders.pop(change.number, None)
        for number, view in page.orders.items():
            there = self.orders.get(number)
            assert there is None or view.order.version >= there.version, "an order went back in time"
            self.orders[number] = view.order
        return len(page.changes)


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    return WorkOrderService(unit_of_work(engine), *shipped_rules())


def act(number: str, action: Action, role: Actor, unit: str = "", **more: object) -> ActOnOrder:
    by = {Actor.UNIT: "张三", Actor.AGENT: "chen", Actor.SUPERVISOR: "wang"}.get(role, "system")
    return ActOnOrder(number, action, by, role, NOW, unit=unit, text="因故", **more)  # type: ignore[arg-type]


def dispatcher(engine: Engine) -> Callable[[], int]:
    rows = OutboxRows(engine, lambda: NOW + timedelta(minutes=1), timedelta(seconds=60))
    return lambda: rows.dispatch_due(lambda _unit: False, 500)


def whole(feed: UnitFeed, unit: str) -> FeedPage:
    return feed.after(unit, 0, 200)


def test_a_unit_is_told_of_what_reaches_it_changes_and_leaves_it(
    engine: Engine, service: WorkOrderService
) -> None:
    feed, dispatch, unit = UnitFeed(engine), dispatcher(engine), UNITS[0]
    number = service.handle(wage_claim()).number
    assert whole(feed, unit).changes == ()
    dispatch()
    service.handle(act(number, Action.SIGN, Actor.UNIT, unit))
    service.handle(act(number, Action.URGE, Actor.AGENT))
    page = whole(feed, unit)
    assert [(change.seq, change.entry.action) for change in page.changes] == [
        (1, Action.DISPATCH),
        (2, Action.SIGN),
        (3, Action.URGE),
    ]
    assert page.orders[number].order.life.urges == 1
    service.handle(act(number, Action.RETURN, Actor.UNIT, unit))
    service.handle(act(number, Action.REASSIGN, Actor.AGENT))
    dispatch()
    page = feed.after(unit, 3, 50)
    assert [(change.entry.action, change.gone) for change in page.changes] == [
        (Action.RETURN, False),
        (Action.REASSIGN, True),
    ]
    assert page.orders == {}
    assert [change.entry.action for change in whole(feed, UP).changes] == [Action.DISPATCH]
    assert (feed.last(unit), feed.last(UP), feed.last("nobody")) == (5, 1, 0)


def test_a_complaint_that_turns_against_the_unit_disappears(
    engine: Engine, service: WorkOrderService
) -> None:
    command = replace(
        wage_claim("call-9"), service="lawyer.complaint", fields=(FieldValue("x", "1", "1", 1.0),)
    )
    number = service.handle(command).number
    dispatcher(engine)()
    view = OrderQueries(engine).get(number)
    assert view is not None
    unit, feed = view.order.unit, UnitFeed(engine)
    service.handle(act(number, Action.NAME_SUBJECT, Actor.SUPERVISOR, to=unit))
    page = whole(feed, unit)
    assert [change.gone for change in page.changes] == [False, True]
    assert page.orders == {}


def wander(service: WorkOrderService, queries: OrderQueries, dispatch: Callable[[], int], seed: int) -> None:
    """Make moves by chance on every order there is; those that the rules refuse are part of it."""
    chance = random.Random(seed)
    numbers = [row.number for row in queries.search(OrderFilter(limit=200))]
    for _ in range(25):
        number, other = chance.choice(numbers), chance.choice(numbers)
        view = queries.get(number)
        assert view is not None
        unit = view.order.unit
        move = chance.choice(
            (
                act(number, Action.SIGN, Actor.UNIT, unit),
                act(number, Action.URGE, Actor.AGENT),
                act(number, Action.SUSPEND, Actor.UNIT, unit),
                act(number, Action.RESUME, Actor.UNIT, unit),
                act(number, Action.REASSIGN, Actor.SUPERVISOR, to=chance.choice(UNITS)),
                act(number, Action.RELATE, Actor.AGENT, to=other),
                act(number, Action.MERGE, Actor.AGENT, to=other),
            )
        )
        with suppress(ForbiddenMove, StaleOrder, UnknownOrder):
            service.handle(move)
        if chance.random() < 0.3:
            dispatch()


def source(queries: OrderQueries, unit: str) -> dict[str, WorkOrder]:
    """What the unit may see now."""
    views = [queries.get(row.number) for row in queries.search(OrderFilter(seen_by=unit, limit=200))]
    return {view.order.number: view.order for view in views if view is not None}


def test_nothing_is_lost_or_out_of_order_while_many_write(engine: Engine, service: WorkOrderService) -> None:
    feed, dispatch, queries = UnitFeed(engine), dispatcher(engine), OrderQueries(engine)
    for index in range(12):
        service.handle(wage_claim(f"call-{index}", district=UNITS[index % 2].rpartition("-")[2]))
    dispatch()
    consumers = [Consumer(feed, unit) for unit in UNITS]
    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(wander, service, queries, dispatch, seed) for seed in range(4)]
        while not all(worker.done() for worker in workers):
            for consumer in consumers:
                consumer.step()
        for worker in workers:
            worker.result()
    dispatch()
    for consumer in consumers:
        while consumer.step():
            pass
        assert consumer.after == feed.last(consumer.unit)
        assert consumer.orders == source(queries, consumer.unit)
    assert sum(feed.last(unit) for unit in UNITS) > 60


def test_a_transaction_that_fails_takes_no_number(engine: Engine, service: WorkOrderService) -> None:
    number = service.handle(wage_claim()).number
    dispatcher(engine)()
    with unit_of_work(engine)() as work:
        service.within(work, act(number, Action.SIGN, Actor.UNIT, UNITS[0]))
    service.handle(act(number, Action.URGE, Actor.AGENT))
    with engine.connect() as connection:
        assert list(connection.scalars(select(unit_changes.c.seq).order_by(unit_changes.c.seq))) == [1, 2]
    view = OrderQueries(engine).get(number)
    assert view is not None
    assert view.order.state is State.DISPATCHED
