"""The service on the fake unit of work: filing, moving, losing races."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.fakes.memory_uow import MemoryStore, MemoryUnitOfWork
from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.errors import StaleOrder, UnknownOrder
from workorders.life import dispatch
from workorders.messages import EditWorkOrder, FieldValue, FileWorkOrder, SignWorkOrder
from workorders.model import HistoryEntry, State, WorkOrder
from workorders.number import BadNumber, parse
from workorders.ports import TaskKind
from workorders.service import ATTEMPTS, WorkOrderService
from workorders.wire import event_from_json

pytestmark = pytest.mark.unit

RULES = shipped_rules()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def service(store: MemoryStore) -> WorkOrderService:
    return WorkOrderService(store, *RULES)


def only(store: MemoryStore) -> WorkOrder:
    [order] = store.orders.values()
    return order


def test_filing_numbers_routes_and_queues(store: MemoryStore, service: WorkOrderService) -> None:
    filed = service.handle(wage_claim())
    order = only(store)
    assert (filed.number, filed.unit, filed.created) == (order.number, "legal_aid-510104", True)
    assert parse(filed.number).district == "510104"
    assert filed.due == datetime(2026, 11, 23, 15, 59, 59, tzinfo=UTC)  # 24:00 in Chengdu, the same day
    assert order.sign_by == filed.due
    assert order.flags == ("green_channel", "aid_means_waived")
    assert [task.kind for task in store.tasks] == [TaskKind.EVENT, TaskKind.DISPATCH]
    assert event_from_json(store.tasks[0].payload).number == filed.number


def test_filing_again_changes_nothing(store: MemoryStore, service: WorkOrderService) -> None:
    first = service.handle(wage_claim())
    again = service.handle(wage_claim(summary="换了说法", district="510105"))
    assert again == replace(first, created=False)
    assert len(store.tasks) == 2
    other = service.handle(wage_claim(matter_no=2))
    assert other.number != first.number


def test_the_number_has_chengdus_day(service: WorkOrderService) -> None:
    late = wage_claim(filed_at=datetime(2026, 11, 23, 16, 30, tzinfo=UTC))  # 00:30 on the 24th
    assert service.handle(late).number.startswith("SC-20261124-")


@pytest.mark.parametrize(
    ("district", "unit", "name"),
    [
        ("510104", "legal_aid-510104", "成都市锦江区法律援助中心"),
        ("513401", "legal_aid-513401", "西昌市法律援助中心"),
        ("510199", "legal_aid-510100", "成都市法律援助中心"),
        ("510000", "legal_aid-510000", "四川省法律援助中心"),
        ("110101", "legal_aid-510000", "四川省法律援助中心"),
        ("", "legal_aid-510000", "四川省法律援助中心"),
        ("Chengdu", "legal_aid-510000", "四川省法律援助中心"),
    ],
)
def test_no_place_loses_an_order(
    store: MemoryStore, service: WorkOrderService, district: str, unit: str, name: str
) -> None:
    filed = service.handle(wage_claim(district=district))
    assert (filed.unit, filed.unit_name) == (unit, name)
    assert only(store).district == parse(filed.number).district


def test_a_field_named_twice_keeps_the_surer_value(store: MemoryStore, service: WorkOrderService) -> None:
    service.handle(
        wage_claim(
            fields=(
                FieldValue("phone", "1", "1", 0.4),
                FieldValue("people", "2", "2", 0.9),
                FieldValue("phone", "3\x00", "3", 0.8),
            )
        )
    )
    assert [(item.field.name, item.field.value) for item in only(store).fields] == [
        ("phone", "3"),
        ("people", "2"),
    ]


def test_ten_workers_are_a_group_matter(store: MemoryStore, service: WorkOrderService) -> None:
    service.handle(wage_claim(fields=(FieldValue("people", "10", "十个", 0.9),)))
    assert "group" in only(store).flags
    assert only(store).urgency == "critical"


def test_a_command_that_lost_a_race_reads_again(store: MemoryStore, service: WorkOrderService) -> None:
    filed = service.handle(wage_claim())
    change = dispatch(only(store), NOW)
    store.orders[filed.number] = change.order
    losses = [True] * (ATTEMPTS - 1)

    class Contended(MemoryUnitOfWork):
        def save(self, order: WorkOrder, entry: HistoryEntry) -> None:
            if losses:
                losses.pop()
                raise StaleOrder("the order has changed since it was read")
            super().save(order, entry)

    contended = replace(service, uow_factory=lambda: Contended(store))
    sign = SignWorkOrder(filed.number, filed.unit, "u", NOW)
    assert contended.handle(sign).state == State.SIGNED
    assert losses == []
    # A person's edit is not repeated behind their back.
    losses.append(True)
    with pytest.raises(StaleOrder):
        contended.handle(EditWorkOrder(filed.number, 3, "a", "people", "4", NOW))


@pytest.mark.parametrize(
    ("number", "error"),
    [("SC-20261123-510104-00009-0", BadNumber), ("", BadNumber), ("SC-20261123-510104-00001-", BadNumber)],
)
def test_a_number_with_a_slip_never_reaches_the_store(
    service: WorkOrderService, number: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        service.handle(SignWorkOrder(number, "u", "u", NOW))


def test_a_number_nobody_has(service: WorkOrderService) -> None:
    filed = service.handle(wage_claim())
    number = str(replace(parse(filed.number), sequence=77))
    with pytest.raises(UnknownOrder):
        service.handle(SignWorkOrder(number, filed.unit, "u", NOW))


def test_every_category_can_be_filed_everywhere(service: WorkOrderService) -> None:
    rules = service.rules
    for index, district in enumerate(("510000", "510100", "510104", "513401")):
        for code in (*rules.matters, *rules.services, "consult"):
            command: FileWorkOrder = wage_claim(
                f"{index}-{code}",
                matter=code if code in rules.matters else "other",
                service=code,
                district=district,
                flags=(),
            )
            assert service.handle(command).created
