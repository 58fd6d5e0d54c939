"""Timers on SQLite and PostgreSQL: each goes off exactly once, whatever restarts and clocks do."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select

from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.clockwork import Clockwork
from workorders.life import dispatch
from workorders.messages import ActOnOrder, SignWorkOrder
from workorders.model import Action, Actor, State, WorkOrder
from workorders.service import WorkOrderService
from workorders.sql import SqlUnitOfWork, unit_of_work
from workorders.tables import order_history, order_outbox, order_timers

pytestmark = pytest.mark.integration


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    return WorkOrderService(unit_of_work(engine), *shipped_rules())


def at(service: WorkOrderService, moment: datetime) -> Clockwork:
    return Clockwork(service, clock=lambda: moment)


def filed(service: WorkOrderService, engine: Engine, call: str = "call-1", **changes: Any) -> WorkOrder:
    """An ordinary order in its unit's in-tray."""
    number = service.handle(wage_claim(call, flags=(), fields=(), **changes)).number
    with SqlUnitOfWork(engine) as uow:
        order = uow.orders.by_number(number)
        assert order is not None
        change = dispatch(order, NOW)
        uow.orders.save(change.order, change.entry)
        uow.commit()
    return change.order


def stored(engine: Engine, number: str) -> WorkOrder:
    with SqlUnitOfWork(engine) as uow:
        order = uow.orders.by_number(number)
    assert order is not None
    return order


def lines(engine: Engine, *actions: Action) -> int:
    wanted = [action.value for action in actions]
    with engine.connect() as connection:
        rows = select(func.count()).select_from(order_history).where(order_history.c.action.in_(wanted))
        return int(connection.scalar(rows) or 0)


def events(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        payloads = connection.scalars(select(order_outbox.c.payload).order_by(order_outbox.c.id)).all()
    return [each["timer"] for each in payloads if each.get("type") == "timer"]


def test_an_order_nobody_signs_is_urged_once_and_supervised_ever_more(
    service: WorkOrderService, engine: Engine
) -> None:
    order = filed(service, engine)
    assert order.sign_by is not None
    assert order.due is not None
    assert at(service, order.sign_by - timedelta(seconds=1)).fire_due() == 0
    assert at(service, order.sign_by).fire_due() == 1
    assert at(service, order.sign_by + timedelta(minutes=5)).fire_due() == 0
    assert stored(engine, order.number).life.urges == 1
    long_after = order.due + timedelta(days=30)
    assert at(service, long_after).fire_due() == 5
    after = stored(engine, order.number)
    assert (after.life.urges, after.life.level) == (2, "red")
    assert events(engine) == [
        "sign_overdue",
        "nearly_due",
        "overdue",
        "supervise_yellow",
        "supervise_orange",
        "supervise_red",
    ]
    # A clock that was wrong, and is set back and forth, changes nothing.
    assert at(service, NOW).fire_due() == 0
    assert at(service, long_after).fire_due() == 0


def test_many_workers_let_each_go_off_once(service: WorkOrderService, engine: Engine) -> None:
    orders = [filed(service, engine, f"call-{number}") for number in range(12)]
    assert orders[0].sign_by is not None
    late = orders[0].sign_by + timedelta(minutes=1)
    with ThreadPoolExecutor(8) as threads:
        fired = list(threads.map(lambda _: at(service, late).fire_due(), range(8)))
    assert sum(fired) == 12
    assert lines(engine, Action.URGE) == 12


def test_what_a_dead_process_had_not_committed_goes_off_again(
    service: WorkOrderService, engine: Engine
) -> None:
    order = filed(service, engine)
    assert order.sign_by is not None
    with SqlUnitOfWork(engine) as uow:  # and the process dies
        assert uow.claim_timer(order.sign_by) is not None
    assert at(service, order.sign_by).fire_due() == 1
    assert lines(engine, Action.URGE) == 1


def test_signing_in_time_cancels_and_a_suspended_order_is_not_overdue(
    service: WorkOrderService, engine: Engine
) -> None:
    order = filed(service, engine)
    assert order.due is not None
    service.handle(SignWorkOrder(order.number, order.unit, "u", NOW + timedelta(minutes=1)))
    pause = ActOnOrder(
        order.number, Action.SUSPEND, "u", Actor.UNIT, NOW + timedelta(hours=1), order.unit, "等来电人补充"
    )
    service.handle(pause)
    assert at(service, order.due + timedelta(days=60)).fire_due() == 0


def test_orders_from_before_are_planned_at_the_next_start(service: WorkOrderService, engine: Engine) -> None:
    order = filed(service, engine)
    with engine.begin() as connection:
        connection.execute(delete(order_timers))
    assert order.sign_by is not None
    clockwork = at(service, order.sign_by)
    assert clockwork.fire_due() == 0
    clockwork.catch_up()
    clockwork.catch_up()
    assert clockwork.fire_due() == 1


def test_an_official_calendar_moves_deadlines_that_were_provisional_and_says_so(
    service: WorkOrderService, engine: Engine
) -> None:
    late = datetime.fromisoformat("2026-12-29T03:00:00+00:00")
    order = filed(service, engine, filed_at=late)
    assert order.provisional
    assert order.due is not None
    official = replace(
        service.calendar,
        official=service.calendar.official | {2027},
        holidays=service.calendar.holidays | {order.due.date()},
    )
    told = replace(service, calendar=official)
    assert at(told, late).recount() == 1
    assert at(told, late).recount() == 0
    after = stored(engine, order.number)
    assert not after.provisional
    assert after.due is not None
    assert after.due > order.due
    assert lines(engine, Action.RECOUNT) == 1
    assert after.state is State.DISPATCHED
