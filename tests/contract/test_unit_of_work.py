"""What every unit of work promises: on SQLite, and the fake in memory."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hotline.store.engine import make_engine
from tests.fakes.memory_uow import MemoryStore
from tests.fakes.orders import NOW
from workorders.errors import StaleOrder, UnknownOrder
from workorders.messages import EvidenceSpan, FieldValue
from workorders.model import SYSTEM, Action, HistoryEntry, OrderField, State, WorkOrder
from workorders.ports import DuplicateOrder, OutboxTask, TaskKind, UnitOfWork
from workorders.sql import unit_of_work
from workorders.tables import metadata

pytestmark = pytest.mark.contract

Factory = Callable[[], UnitOfWork]
FILED = HistoryEntry(NOW, SYSTEM, Action.FILE, None, State.FILED)
MOVED = HistoryEntry(NOW, SYSTEM, Action.DISPATCH, State.FILED, State.DISPATCHED)


def order(number: str = "N1", call_id: str = "call-1", matter_no: int = 1) -> WorkOrder:
    return WorkOrder(
        number=number,
        call_id=call_id,
        matter_no=matter_no,
        matter="labour.wages",
        matter_label="欠薪",
        service="consult",
        service_label="法律咨询",
        district="510104",
        summary="拖欠工资",
        caller_contact="13800001234",
        source="speech",
        fields=(
            OrderField(FieldValue("people", "3", "3人", 0.5, (EvidenceSpan("u1", 0, 2, "三个"),))),
            OrderField(FieldValue("place", "510104", "锦江区", 1.0), "510105"),
        ),
        flags=("green_channel",),
        urgency="urgent",
        unit="legal_aid-510104",
        unit_name="成都市锦江区法律援助中心",
        state=State.FILED,
        filed_at=NOW,
        sign_by=None,
        due=NOW,
        provisional=True,
        policy="ordinary",
        version=1,
    )


@pytest.fixture(params=["memory", "sqlite"])
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Factory]:
    if request.param == "memory":
        yield MemoryStore()
        return
    engine = make_engine(f"sqlite:///{tmp_path}/orders.sqlite3")
    metadata.create_all(engine)
    yield unit_of_work(engine)
    engine.dispose()


def stored(factory: Factory, item: WorkOrder) -> WorkOrder:
    with factory() as uow:
        uow.orders.add(item, FILED)
        uow.commit()
    return item


def test_what_is_committed_is_there_unchanged(factory: Factory) -> None:
    item = stored(factory, order())
    with factory() as uow:
        assert uow.orders.by_number("N1") == item
        assert uow.orders.by_key("call-1", 1) == item
        assert uow.orders.by_key("call-1", 2) is None
        assert uow.orders.by_number("N2") is None


def test_what_is_not_committed_never_was(factory: Factory) -> None:
    with factory() as uow:
        assert uow.orders.next_sequence("20261123", "510104") == 1
        uow.orders.add(order(), FILED)
        uow.put(OutboxTask(TaskKind.DISPATCH, "N1", "legal_aid-510104", {}, NOW))
        assert uow.orders.by_number("N1") is not None
    with factory() as uow:
        assert uow.orders.by_number("N1") is None
        assert uow.orders.next_sequence("20261123", "510104") == 1


def test_an_error_inside_rolls_back(factory: Factory) -> None:
    def broken() -> None:
        with factory() as uow:
            uow.orders.add(order(), FILED)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    with factory() as uow:
        assert uow.orders.by_number("N1") is None


def test_sequences_count_by_day_and_district(factory: Factory) -> None:
    with factory() as uow:
        given = [
            uow.orders.next_sequence(day, district)
            for day, district in [
                ("20261123", "510104"),
                ("20261123", "510104"),
                ("20261123", "510105"),
                ("20261124", "510104"),
            ]
        ]
        uow.commit()
    assert given == [1, 2, 1, 1]
    with factory() as uow:
        assert uow.orders.next_sequence("20261123", "510104") == 3


def test_a_call_and_matter_are_filed_once(factory: Factory) -> None:
    stored(factory, order())
    with factory() as uow, pytest.raises(DuplicateOrder):
        uow.orders.add(order("N2"), FILED)
    stored(factory, order("N2", matter_no=2))


def test_the_next_version_replaces_the_one_before_only(factory: Factory) -> None:
    item = stored(factory, order())
    moved = replace(item, state=State.DISPATCHED, version=2)
    with factory() as uow:
        uow.orders.save(moved, MOVED)
        uow.commit()
    for version in (1, 2, 4):
        with factory() as uow, pytest.raises(StaleOrder):
            uow.orders.save(replace(moved, version=version), MOVED)
    with factory() as uow:
        assert uow.orders.by_number("N1") == moved


def test_an_order_that_is_not_there_cannot_be_saved_or_mentioned(factory: Factory) -> None:
    with factory() as uow, pytest.raises(UnknownOrder):
        uow.orders.save(replace(order(), version=2), MOVED)
    with factory() as uow, pytest.raises(UnknownOrder):
        uow.put(OutboxTask(TaskKind.DISPATCH, "N1", "legal_aid-510104", {}, NOW))


def test_a_field_edit_is_written(factory: Factory) -> None:
    item = stored(factory, order())
    edited = replace(
        item, fields=(*item.fields, OrderField(FieldValue("employer", "甲", "甲", 1.0), "")), version=2
    )
    entry = HistoryEntry(NOW, "agent", Action.EDIT, State.FILED, State.FILED, "employer", "", "甲")
    with factory() as uow:
        uow.orders.save(edited, entry)
        uow.commit()
    with factory() as uow:
        assert uow.orders.by_number("N1") == edited
