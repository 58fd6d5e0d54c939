"""Fifty people at once on SQLite and PostgreSQL: one winner, one order, one seat, one way of merging."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine, func, select

from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.case_messages import OpenSlot, ReferOrder, TakeTransfer
from workorders.case_tables import appointments
from workorders.errors import ForbiddenMove, WorkOrderError
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor, Pool, State, WorkOrder
from workorders.referrals import NoSeat
from workorders.service import WorkOrderService
from workorders.sql import SqlUnitOfWork, unit_of_work
from workorders.tables import order_history, work_orders

pytestmark = pytest.mark.integration

MANY = 50
LATER = NOW + timedelta(minutes=5)
T = TypeVar("T")


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    return WorkOrderService(unit_of_work(engine), *shipped_rules())


def at_once(work: Callable[[int], T], how_many: int = MANY) -> list[T | Exception]:
    """Run it so many times at the same moment; what each gave, or raised."""
    ready = Barrier(how_many)

    def one(number: int) -> T | Exception:
        ready.wait(30)
        try:
            return work(number)
        except WorkOrderError as error:
            return error

    with ThreadPoolExecutor(how_many) as threads:
        return list(threads.map(one, range(how_many)))


def pooled(service: WorkOrderService, call: str = "call-1") -> str:
    return service.handle(wage_claim(call, flags=("callback",), fields=())).number


def stored(engine: Engine, number: str) -> WorkOrder:
    with SqlUnitOfWork(engine) as uow:
        order = uow.orders.by_number(number)
    assert order is not None
    return order


def claim(service: WorkOrderService, number: str, by: str) -> Any:
    return service.handle(ActOnOrder(number, Action.CLAIM, by, Actor.AGENT, LATER))


def test_of_fifty_who_claim_one_has_it(service: WorkOrderService, engine: Engine) -> None:
    number = pooled(service)
    done = at_once(lambda n: claim(service, number, f"agent-{n}"))
    lost = [each for each in done if isinstance(each, Exception)]
    assert len(lost) == MANY - 1
    assert {type(each) for each in lost} == {ForbiddenMove}
    order = stored(engine, number)
    assert order.life.pool is Pool.HELD
    [winner] = [n for n, each in enumerate(done) if not isinstance(each, Exception)]
    assert order.life.holder == f"agent-{winner}"
    with engine.connect() as connection:
        claims = select(func.count()).where(order_history.c.action == Action.CLAIM.value)
        assert connection.scalar(claims) == 1


def test_one_person_with_many_hands_holds_no_more_than_the_cap(
    service: WorkOrderService, engine: Engine
) -> None:
    numbers = [pooled(service, f"call-{n}") for n in range(12)]
    done = at_once(lambda n: claim(service, numbers[n], "li"), 12)
    cap = service.rules.policies.life.pool.cap
    assert sum(not isinstance(each, Exception) for each in done) == cap
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).where(work_orders.c.holder == "li")) == cap


def test_a_into_b_and_b_into_a_at_once_keeps_exactly_one(service: WorkOrderService, engine: Engine) -> None:
    for round_ in range(6):
        pair = [service.handle(wage_claim(f"call-{round_}-{n}")).number for n in range(2)]

        def merge(n: int, pair: list[str] = pair) -> Any:
            return service.handle(
                ActOnOrder(pair[n % 2], Action.MERGE, "li", Actor.AGENT, LATER, to=pair[1 - n % 2])
            )

        done = at_once(merge, 4)
        assert sum(not isinstance(each, Exception) for each in done) == 1
        orders = [stored(engine, number) for number in pair]
        assert sorted(each.state for each in orders) == [State.FILED, State.MERGED]
        gone = next(each for each in orders if each.state is State.MERGED)
        assert gone.life.parent == next(each.number for each in orders if each is not gone)
        with engine.connect() as connection:
            ids = select(work_orders.c.id).where(work_orders.c.number.in_(pair))
            lines = select(func.count()).where(
                order_history.c.action == Action.MERGE.value, order_history.c.order_id.in_(ids)
            )
            assert connection.scalar(lines) == 2  # one on each


def test_of_fifty_who_want_three_seats_three_sit(service: WorkOrderService, engine: Engine) -> None:
    number = service.handle(wage_claim()).number
    slot = service.handle(
        OpenSlot("蜀都公证处", NOW + timedelta(days=3), 30, 3, "zhao", Actor.SUPERVISOR, NOW)
    )
    numbers = [number, *(service.handle(wage_claim(f"call-{n}")).number for n in range(MANY))]

    def book(n: int) -> Any:
        wish = ReferOrder(
            numbers[n], "notary", "li", Actor.AGENT, LATER, deed="委托公证", slot=int(slot.subject)
        )
        return service.handle(wish)

    done = at_once(book)
    lost = [each for each in done if isinstance(each, Exception)]
    assert {type(each) for each in lost} == {NoSeat}
    assert len(lost) == MANY - 3
    with engine.connect() as connection:
        assert sorted(connection.scalars(select(appointments.c.seat))) == [1, 2, 3]


def test_another_line_that_sends_an_order_many_times_at_once_gets_one(
    service: WorkOrderService, engine: Engine
) -> None:
    transfer = TakeTransfer("outside-12345", "CD-2026-000017", wage_claim())
    done = at_once(lambda _: service.handle(transfer), 20)
    found = [each for each in done if not isinstance(each, Exception)]
    assert len(found) == 20
    assert len({each.subject for each in found}) == 1
    assert sum(each.created for each in found) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(work_orders)) == 1
