"""Duplicates, incidents, other lines and referrals on SQLite and PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.case_messages import (
    CloseIncident,
    Gather,
    HearOutside,
    OpenIncident,
    SplitOrder,
    TakeTransfer,
)
from workorders.case_queries import CaseQueries
from workorders.errors import ForbiddenMove, NotPermitted, UnknownOrder
from workorders.life import dispatch
from workorders.messages import ActOnOrder, EditWorkOrder, FieldValue
from workorders.model import Action, Actor, State, WorkOrder
from workorders.queries import OrderFilter, OrderQueries
from workorders.service import WorkOrderService
from workorders.similar import SimilarOrders
from workorders.sql import SqlUnitOfWork, unit_of_work

pytestmark = pytest.mark.integration

LINE = "outside-12345"
DAY = timedelta(days=1)


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    return WorkOrderService(unit_of_work(engine), *shipped_rules())


@pytest.fixture
def cases(engine: Engine) -> CaseQueries:
    return CaseQueries(engine)


@pytest.fixture
def similar(engine: Engine, service: WorkOrderService) -> SimilarOrders:
    return SimilarOrders(engine, service.rules.policies.life.similar)


Act = Callable[..., Any]


@pytest.fixture
def act(service: WorkOrderService) -> Act:
    def make(number: str, action: Action, role: Actor = Actor.AGENT, **more: Any) -> Any:
        told: dict[str, Any] = {"by": "li", "at": NOW + timedelta(hours=1), "text": "理由"} | more
        return service.handle(ActOnOrder(number, action, role=role, **told))

    return make


def stored(engine: Engine, number: str) -> WorkOrder:
    with SqlUnitOfWork(engine) as uow:
        order = uow.orders.by_number(number)
    assert order is not None
    return order


def put_in_tray(engine: Engine, number: str) -> None:
    with SqlUnitOfWork(engine) as uow:
        order = uow.orders.by_number(number)
        assert order is not None
        change = dispatch(order, NOW)
        uow.orders.save(change.order, change.entry)
        uow.commit()


def history(engine: Engine, number: str) -> list[tuple[str, str | None]]:
    view = OrderQueries(engine).get(number)
    assert view is not None
    return [(each.action.value, each.text) for each in view.history]


def employer(name: str) -> tuple[FieldValue, ...]:
    return (FieldValue("employer", name, name, 0.9),)


def test_the_same_caller_or_the_same_firm_in_the_same_place_is_suggested(
    service: WorkOrderService, engine: Engine, similar: SimilarOrders
) -> None:
    first = service.handle(wage_claim("c1", fields=employer("宏达建筑有限公司"))).number
    same_caller = service.handle(wage_claim("c2", fields=(), filed_at=NOW + 20 * DAY)).number
    same_firm = service.handle(
        wage_claim("c3", caller_contact="13900000003", fields=employer("宏达 建筑公司"))
    ).number
    service.handle(wage_claim("c4", filed_at=NOW + 31 * DAY, fields=()))  # the same caller, too late
    service.handle(wage_claim("c5", matter="family", fields=()))  # another matter
    elsewhere = wage_claim(
        "c6", caller_contact="13900000006", district="510105", fields=employer("宏达建筑公司")
    )
    service.handle(elsewhere)
    for number, generic in (("c7", "包工头"), ("c8", "包工头")):
        service.handle(wage_claim(number, caller_contact=f"139000000{number[1]}9", fields=employer(generic)))
    found = {each.row.number: each for each in similar.to(stored(engine, first))}
    assert {number: each.why for number, each in found.items()} == {
        same_caller: ("caller",),
        same_firm: ("party",),
    }
    assert all(each.mergeable for each in found.values())


def test_a_corrected_name_finds_the_others(
    service: WorkOrderService, engine: Engine, similar: SimilarOrders
) -> None:
    one = service.handle(wage_claim("c1", fields=employer("宏达建筑公司"))).number
    other = service.handle(wage_claim("c2", caller_contact="139", fields=employer("红大建筑公司"))).number
    assert similar.to(stored(engine, one)) == []
    service.handle(EditWorkOrder(other, 1, "li", "employer", "宏达建筑公司", NOW))
    assert [each.row.number for each in similar.to(stored(engine, one))] == [other]


def test_complaints_are_suggested_for_complaints_only_and_not_to_whom_they_are_about(
    service: WorkOrderService, engine: Engine, similar: SimilarOrders
) -> None:
    about = (FieldValue("against_person", "li", "li", 1.0),)
    first = service.handle(wage_claim("c1", service="lawyer.complaint", fields=about)).number
    second = service.handle(wage_claim("c2", service="lawyer.complaint", fields=about)).number
    ordinary = service.handle(wage_claim("c3", fields=())).number
    assert similar.to(stored(engine, ordinary)) == []
    assert [
        each.row.number for each in similar.to(stored(engine, first), OrderFilter(hidden_from=("wang",)))
    ] == [second]
    assert similar.to(stored(engine, first), OrderFilter(hidden_from=("li",))) == []


def test_every_merged_caller_is_asked_and_comes_back_by_unmerging(
    service: WorkOrderService, engine: Engine, similar: SimilarOrders, act: Act
) -> None:
    parent, child = (
        service.handle(wage_claim(f"c{n}", caller_contact=f"1390000000{n}")).number for n in (1, 2)
    )
    hidden = service.handle(wage_claim("c3", anonymous=True)).number
    for number in (child, hidden):
        act(number, Action.MERGE, to=parent)
    assert [(each.number, each.anonymous) for each in similar.inside(parent)] == [
        (child, False),
        (hidden, True),
    ]
    assert OrderQueries(engine).tally(parent_only()) == (1, 3)
    with pytest.raises(ForbiddenMove):
        act(parent, Action.CANCEL)
    put_in_tray(engine, parent)
    unit = stored(engine, parent).unit
    act(parent, Action.SIGN, Actor.UNIT, unit=unit)
    act(parent, Action.REPLY, Actor.UNIT, unit=unit)
    act(parent, Action.APPROVE)
    with pytest.raises(ForbiddenMove):
        act(parent, Action.VISIT, outcome="reached", to=hidden)  # nobody may call back
    act(parent, Action.VISIT, outcome="reached")
    with pytest.raises(ForbiddenMove):
        act(parent, Action.SETTLE)
    act(parent, Action.VISIT, outcome="reached", rating=4, to=child.lower().replace("-", " "))
    assert act(parent, Action.SETTLE).state == State.SETTLED
    visits = stored(engine, parent).life.visits
    assert [(each.caller, each.rating) for each in visits] == [("", None), (child, 4)]
    back = act(child, Action.UNMERGE)
    assert (back.state, stored(engine, child).caller_contact) == (State.FILED, "13900000002")
    assert ("merge", "理由") in history(engine, parent)


def parent_only() -> Any:
    from workorders.queries import OrderFilter

    return OrderFilter()


def test_a_second_matter_becomes_an_order_of_its_own(service: WorkOrderService, engine: Engine) -> None:
    number = service.handle(wage_claim()).number
    split = service.handle(
        SplitOrder(
            number, "labour.injury", "工伤", "consult", "法律咨询", "工地上摔伤。", "li", Actor.AGENT, NOW
        )
    )
    new, old = stored(engine, split.subject), stored(engine, number)
    assert (new.call_id, new.matter_no, new.matter, new.life.owner) == (old.call_id, 2, "labour.injury", "li")
    assert (new.caller_contact, new.life.related, old.life.related) == (
        old.caller_contact, (number,), (split.subject,),
    )  # fmt: skip
    assert [action for action, _ in history(engine, number)] == ["file", "split", "relate"]


def test_what_stands_for_more_than_a_move_is_no_move(service: WorkOrderService, act: Act) -> None:
    number = service.handle(wage_claim()).number
    for action in (Action.REFER, Action.REFER_ON, Action.GATHER, Action.SPLIT, Action.FILE):
        with pytest.raises(ForbiddenMove):
            act(number, action)


def test_an_incident_gathers_orders_and_calls_once_and_counts_them(
    service: WorkOrderService, engine: Engine, cases: CaseQueries, similar: SimilarOrders
) -> None:
    numbers = [
        service.handle(
            wage_claim(f"c{n}", caller_contact=f"1390000000{n % 3}", fields=employer("宏达建筑公司"))
        ).number
        for n in range(4)
    ]
    [cluster] = similar.clusters(NOW + DAY)
    assert (cluster.orders, cluster.callers) == (4, 3)
    opening = OpenIncident(
        "group", "宏达建筑欠薪", "510104", "li", Actor.AGENT, NOW, party=cluster.party,
        orders=tuple(similar.numbers_of(cluster.party, NOW + DAY, 100)),
    )  # fmt: skip
    incident = int(service.handle(opening).subject)
    assert similar.clusters(NOW + DAY) == []
    more = Gather(incident, "li", Actor.AGENT, NOW, orders=(numbers[0],), calls=("c0", "c9"))
    assert service.handle(more).created
    assert not service.handle(more).created
    tally = cases.tally(incident)
    assert (tally.calls, tally.orders, tally.callers, tally.states) == (5, 4, 3, (("filed", 4),))
    assert history(engine, numbers[0])[-1] == ("gather", "+宏达建筑欠薪")
    assert [each.id for each in cases.incidents_of(numbers[1])] == [incident]
    service.handle(replace(more, calls=(), out=True))
    assert cases.tally(incident).orders == 3
    found = cases.incident(incident)
    assert found is not None
    assert cases.suggested(found) == []  # without words nothing is suggested
    assert cases.suggested(replace(found, words=("包工头",))) == [numbers[0]]
    assert cases.suggested(replace(found, words=("包工头",), district="510100")) == [numbers[0]]
    assert cases.suggested(replace(found, words=("包工头",), district="510500")) == []
    assert cases.suggested(replace(found, words=("滑坡",))) == []
    with pytest.raises(NotPermitted):
        service.handle(CloseIncident(incident, "已全部发放", "li", Actor.AGENT, NOW))
    service.handle(CloseIncident(incident, "已全部发放", "zhao", Actor.SUPERVISOR, NOW))
    with pytest.raises(ForbiddenMove):
        service.handle(more)
    with pytest.raises(UnknownOrder):
        service.handle(replace(more, incident=99))


def transfer(number: str = "CD-2026-000017") -> TakeTransfer:
    return TakeTransfer(LINE, number, wage_claim())


def test_an_order_from_another_line_is_taken_once_and_given_back_with_a_reason(
    service: WorkOrderService, engine: Engine, cases: CaseQueries, act: Act
) -> None:
    taken = service.handle(transfer())
    again = service.handle(transfer())
    assert (again.subject, again.created) == (taken.subject, False)
    assert service.handle(transfer("CD-2026-000018")).subject != taken.subject
    order = stored(engine, taken.subject)
    assert (order.source, order.call_id) == ("transfer", f"{LINE}:CD-2026-000017")
    [reference] = cases.references_of(taken.subject)
    assert (reference.direction, reference.number) == ("in", "CD-2026-000017")
    with pytest.raises(ForbiddenMove):
        act(taken.subject, Action.RETURN_OUTSIDE, text=" ")
    act(taken.subject, Action.RETURN_OUTSIDE, text="不属法律服务")
    found = cases.reference(LINE, "CD-2026-000017")
    assert found is not None
    assert (found.status, found.text) == ("returned", "不属法律服务")
    own = service.handle(wage_claim("own")).number
    with pytest.raises(ForbiddenMove):
        act(own, Action.RETURN_OUTSIDE)


def hear(number: str, event: str, status: str, **more: Any) -> HearOutside:
    return HearOutside(LINE, event, number, status, NOW + timedelta(hours=2), **more)


def test_an_order_sent_to_another_line_is_followed_under_their_number(
    service: WorkOrderService, engine: Engine, cases: CaseQueries, act: Act
) -> None:
    number = service.handle(wage_claim()).number
    act(number, Action.SEND_OUTSIDE, to=LINE)
    with pytest.raises(ForbiddenMove):
        act(number, Action.SEND_OUTSIDE, to=LINE)  # it is there already
    put_in_tray(engine, number)
    accepted = service.handle(hear(number, "e1", "accepted", outside_number="A-7"))
    assert (accepted.status, accepted.created) == (State.SIGNED, True)
    assert not service.handle(hear(number, "e1", "accepted", outside_number="A-7")).created
    with pytest.raises(ForbiddenMove):
        service.handle(hear(number, "e2", "finished"))  # without an answer
    assert service.handle(hear(number, "e3", "finished", text="已办结")).status == State.REPLIED
    [reference] = cases.references_of(number)
    assert (reference.direction, reference.number, reference.status) == ("out", "A-7", "finished")
    other = service.handle(wage_claim("c2")).number
    with pytest.raises(UnknownOrder):
        service.handle(hear(other, "e4", "accepted"))  # was never sent there


def test_what_another_line_sends_back_goes_to_our_unit_again(
    service: WorkOrderService, engine: Engine, act: Act
) -> None:
    number = service.handle(wage_claim()).number
    act(number, Action.SEND_OUTSIDE, to=LINE)
    put_in_tray(engine, number)
    back = service.handle(hear(number, "e1", "returned", text="属法律援助", outside_number="A-8"))
    assert back.status == State.RETURNED
    act(number, Action.REASSIGN)
    order = stored(engine, number)
    assert (order.state, order.unit) == (State.FILED, "legal_aid-510104")
    assert ("return", "属法律援助") in history(engine, number)
