"""Referrals on SQLite and PostgreSQL: legal aid, mediation, notaries, video, exports."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.case_messages import ActOnReferral, OpenSlot, Recorded, ReferOrder
from workorders.case_queries import CaseQueries
from workorders.case_tables import appointments, referrals
from workorders.clockwork import Clockwork
from workorders.errors import ForbiddenMove, NotPermitted, UnknownOrder
from workorders.model import Actor, WorkOrder
from workorders.queries import OrderQueries
from workorders.referrals import NoSeat
from workorders.service import WorkOrderService
from workorders.sql import SqlUnitOfWork, unit_of_work
from workorders.tables import order_outbox, work_orders

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    return WorkOrderService(unit_of_work(engine), *shipped_rules())


@pytest.fixture
def cases(engine: Engine) -> CaseQueries:
    return CaseQueries(engine)


def stored(engine: Engine, number: str) -> WorkOrder:
    with SqlUnitOfWork(engine) as uow:
        order = uow.orders.by_number(number)
    assert order is not None
    return order


def history(engine: Engine, number: str) -> list[tuple[str, str | None]]:
    view = OrderQueries(engine).get(number)
    assert view is not None
    return [(each.action.value, each.text) for each in view.history]


def refer(service: WorkOrderService, number: str, kind: str, **more: Any) -> int:
    done = service.handle(ReferOrder(number, kind, "li", Actor.AGENT, NOW, **more))
    assert isinstance(done, Recorded)
    return int(done.subject)


def step(
    service: WorkOrderService, referral: int, name: str, role: Actor = Actor.AGENT, **more: Any
) -> Recorded:
    told: dict[str, Any] = {"at": NOW + timedelta(hours=1)} | more
    return service.handle(ActOnReferral(referral, name, "li", role, **told))


def test_mediation_keeps_one_number_and_both_sides_and_gives_the_published_rate(
    service: WorkOrderService, engine: Engine, cases: CaseQueries
) -> None:
    number = service.handle(wage_claim()).number
    first = refer(service, number, "mediation", mode="online", party="李某", party_contact="13900000001")
    step(service, first, "accept")
    with pytest.raises(ForbiddenMove):
        step(service, first, "switch", mode="online")
    step(service, first, "switch", mode="offline")
    step(service, first, "success")
    with pytest.raises(ForbiddenMove):
        step(service, first, "withdraw")
    done = cases.referral(first)
    assert done is not None
    assert (done.order, done.mode, done.party, done.status) == (number, "offline", "李某", "success")
    with engine.begin() as connection:  # the other 203 of the published half year
        row = connection.execute(select(referrals).where(referrals.c.id == first)).mappings().one()
        rest = ["success"] * 162 + ["failed"] * 31 + ["withdrawn"] * 10
        connection.execute(
            referrals.insert(),
            [dict(row) | {"id": first + n, "status": each} for n, each in enumerate(rest, 1)],
        )
    figures = cases.mediation(NOW - DAY, NOW + DAY)
    assert (figures.applied, figures.success, figures.rate) == (204, 163, Decimal("79.90"))
    assert cases.mediation(NOW + DAY, NOW + 2 * DAY).rate is None


def test_legal_aid_goes_by_a_basis_and_by_its_steps(
    service: WorkOrderService, engine: Engine, cases: CaseQueries
) -> None:
    number = service.handle(wage_claim()).number
    with pytest.raises(ForbiddenMove):
        refer(service, number, "aid", basis="invented")
    aid = refer(service, number, "aid", basis="wages")
    with pytest.raises(ForbiddenMove):
        step(service, aid, "assign", text="王律师")
    step(service, aid, "accept")
    unit = stored(engine, number).unit
    step(service, aid, "approve", Actor.UNIT, unit=unit)
    with pytest.raises(UnknownOrder):
        step(service, aid, "assign", Actor.UNIT, unit="legal_aid-510105", text="王律师")
    with pytest.raises(ForbiddenMove):
        step(service, aid, "assign")  # to whom?
    assert step(service, aid, "assign", text="王律师").status == "assigned"
    told = [each for each in history(engine, number) if each[0].startswith("refer")]
    assert told == [
        ("refer", f"aid {aid}"),
        ("refer_on", f"aid {aid} accepted"),
        ("refer_on", f"aid {aid} approved"),
        ("refer_on", f"aid {aid} assigned"),
    ]


def test_an_appointment_has_a_seat_a_reminder_and_can_be_moved(
    service: WorkOrderService, engine: Engine, cases: CaseQueries
) -> None:
    number = service.handle(wage_claim(flags=(), fields=())).number
    slots = [
        int(
            service.handle(
                OpenSlot("蜀都公证处", NOW + n * DAY, 30, 1, "zhao", Actor.SUPERVISOR, NOW)
            ).subject
        )
        for n in (3, 4)
    ]
    again = service.handle(OpenSlot("蜀都公证处", NOW + 3 * DAY, 30, 1, "zhao", Actor.SUPERVISOR, NOW))
    assert (int(again.subject), again.created) == (slots[0], False)
    mine = refer(service, number, "notary", deed="委托公证", slot=slots[0])
    other = service.handle(wage_claim("c2")).number
    with pytest.raises(NoSeat):
        refer(service, other, "notary", deed="委托公证", slot=slots[0])
    with pytest.raises(NoSeat):
        refer(service, other, "notary", deed="委托公证", slot=99)
    assert cases.referrals_of(other) == []  # nothing is left of it
    assert stored(engine, number).life.appointment_at == NOW + 3 * DAY
    step(service, mine, "rebook", slot=slots[1])
    assert stored(engine, number).life.appointment_at == NOW + 4 * DAY
    refer(service, other, "notary", deed="遗嘱公证", slot=slots[0])  # the seat is free again
    clockwork = Clockwork(service, clock=lambda: NOW + 3 * DAY)
    clockwork.fire_due()
    with engine.connect() as connection:
        rows = select(order_outbox.c.payload).join(work_orders).where(work_orders.c.number == number)
        payloads = connection.scalars(rows).all()
        seats = connection.scalar(select(func.count()).where(appointments.c.seat.is_not(None)))
    assert [each["timer"] for each in payloads if each.get("timer") == "appointment_soon"] == [
        "appointment_soon"
    ]
    assert seats == 2
    step(service, mine, "cancel")
    assert stored(engine, number).life.appointment_at is None
    assert {each.id: each.taken for each in cases.slots(NOW, NOW + 9 * DAY)} == {slots[0]: 1, slots[1]: 0}


def test_a_video_link_holds_until_it_is_over_or_taken_back(
    service: WorkOrderService, cases: CaseQueries
) -> None:
    number = service.handle(wage_claim()).number
    video = refer(service, number, "video", minutes=30)
    link = cases.link(video)
    assert link is not None
    assert cases.link_by_room(link.room) == link
    opened = step(service, video, "open", Actor.SYSTEM, at=NOW + timedelta(minutes=29))
    assert opened.status == "opened"
    with pytest.raises(ForbiddenMove):
        step(service, video, "open", Actor.SYSTEM, at=NOW + timedelta(minutes=30))
    gone = refer(service, number, "video", minutes=30)
    step(service, gone, "revoke")
    with pytest.raises(ForbiddenMove):
        step(service, gone, "open", Actor.SYSTEM, at=NOW)
    with pytest.raises(ForbiddenMove):
        refer(service, number, "video", minutes=0)


@pytest.mark.parametrize("kind", ["enforcement", "reconsideration"])
def test_an_export_is_followed_by_their_events(
    service: WorkOrderService, engine: Engine, cases: CaseQueries, kind: str
) -> None:
    number = service.handle(wage_claim()).number
    sent = refer(service, number, kind, text="要求查处")
    system = f"outside-{kind}"

    def heard(name: str, event: str, **more: Any) -> Recorded:
        return step(service, sent, name, Actor.SYSTEM, event=event, **more)

    with pytest.raises(NotPermitted):
        step(service, sent, "accepted")
    assert heard("registered", "1", outside_number="川复〔2026〕18").status == "registered"
    assert not heard("registered", "1").created
    assert heard("finished", "2", text="已作出决定").status == "finished"
    with pytest.raises(ForbiddenMove):
        heard("accepted", "3")
    [referral] = cases.referrals(outside=system)
    assert (referral.outside_number, referral.text) == ("川复〔2026〕18", "已作出决定")
