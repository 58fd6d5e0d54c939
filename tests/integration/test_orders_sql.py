"""Orders on SQLite and PostgreSQL: filing under contention, editing, searching, exporting."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from hotline.store.engine import make_engine
from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.errors import ForbiddenMove, StaleOrder, UnknownOrder
from workorders.life import dispatch
from workorders.messages import EditWorkOrder, FieldValue, ReplyToWorkOrder, ReturnWorkOrder, SignWorkOrder
from workorders.model import Action, State
from workorders.number import parse
from workorders.queries import BadCursor, OrderFilter, OrderQueries
from workorders.service import WorkOrderService
from workorders.sql import SqlUnitOfWork, unit_of_work
from workorders.storage import StorageFailed
from workorders.tables import metadata, order_outbox, work_orders

pytestmark = pytest.mark.integration


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    return WorkOrderService(unit_of_work(engine), *shipped_rules())


@pytest.fixture
def queries(engine: Engine) -> OrderQueries:
    return OrderQueries(engine)


def put_in_tray(engine: Engine, number: str) -> None:
    with SqlUnitOfWork(engine) as uow:
        order = uow.orders.by_number(number)
        assert order is not None
        change = dispatch(order, NOW)
        uow.orders.save(change.order, change.entry)
        uow.commit()


def test_eight_threads_lose_and_double_nothing(engine: Engine, service: WorkOrderService) -> None:
    commands = [wage_claim(f"call-{index}") for index in range(400)]
    with ThreadPoolExecutor(8) as threads:
        filed = list(threads.map(service.handle, commands))
    numbers = [item.number for item in filed]
    assert len(set(numbers)) == 400
    assert sorted(parse(number).sequence for number in numbers) == list(range(1, 401))
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(work_orders)) == 400
        assert connection.scalar(select(func.count()).select_from(order_outbox)) == 800


def test_the_same_matter_filed_by_many_threads_is_one_order(
    engine: Engine, service: WorkOrderService
) -> None:
    with ThreadPoolExecutor(8) as threads:
        filed = list(threads.map(service.handle, [wage_claim()] * 40))
    assert len({item.number for item in filed}) == 1
    assert sum(item.created for item in filed) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(order_outbox)) == 2


def test_concurrent_edits_of_one_version_have_one_winner(service: WorkOrderService) -> None:
    number = service.handle(wage_claim()).number

    def attempt(index: int) -> bool:
        try:
            service.handle(EditWorkOrder(number, 1, f"agent-{index}", "people", str(index), NOW))
        except StaleOrder:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(16))) == 1


def test_a_failed_filing_leaves_nothing(engine: Engine, service: WorkOrderService) -> None:
    class Torn(SqlUnitOfWork):
        def commit(self) -> None:
            raise StorageFailed("torn")

    torn = WorkOrderService(lambda: Torn(engine), service.rules, service.calendar)
    with pytest.raises(StorageFailed):
        torn.handle(wage_claim())
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            assert connection.scalar(select(func.count()).select_from(table)) == 0, table.name
    assert parse(service.handle(wage_claim()).number).sequence == 1


def test_an_order_comes_back_as_it_was_filed(
    engine: Engine, service: WorkOrderService, queries: OrderQueries
) -> None:
    command = wage_claim(filed_at=datetime(2026, 11, 23, 3, 0, 0, 123456, tzinfo=UTC))
    filed = service.handle(command)
    view = queries.get(filed.number.lower().replace("-", " "))
    assert view is not None
    order = view.order
    assert tuple(item.field for item in order.fields) == command.fields
    assert order.filed_at == command.filed_at
    assert order.filed_at.tzinfo is UTC
    assert (order.summary, order.caller_contact) == (command.summary, command.caller_contact)
    assert order.unit_name == "成都市锦江区法律援助中心"
    assert order.state is State.FILED
    assert [entry.action for entry in view.history] == [Action.FILE]


def test_the_first_life_of_an_order(engine: Engine, service: WorkOrderService, queries: OrderQueries) -> None:
    filed = service.handle(wage_claim())
    with pytest.raises(ForbiddenMove):
        service.handle(SignWorkOrder(filed.number, filed.unit, "u", NOW))
    put_in_tray(engine, filed.number)
    with pytest.raises(UnknownOrder):
        service.handle(SignWorkOrder(filed.number, "legal_aid-510105", "u", NOW))
    signed = service.handle(SignWorkOrder(filed.number, filed.unit, "u", NOW))
    again = service.handle(SignWorkOrder(filed.number, filed.unit, "u", NOW))
    assert signed == again
    assert signed.state == "signed"
    reply = service.handle(ReplyToWorkOrder(filed.number, filed.unit, "u", "已指派律师\x00。", NOW))
    assert reply.state == "replied"
    with pytest.raises(ForbiddenMove):
        service.handle(ReturnWorkOrder(filed.number, filed.unit, "u", "不属本地", NOW))
    view = queries.get(filed.number)
    assert view is not None
    assert [entry.action for entry in view.history] == [
        Action.FILE,
        Action.DISPATCH,
        Action.SIGN,
        Action.REPLY,
    ]
    assert view.history[-1].text == "已指派律师。"


def test_an_edit_keeps_machine_value_and_evidence(service: WorkOrderService, queries: OrderQueries) -> None:
    command = wage_claim()
    number = service.handle(command).number
    service.handle(EditWorkOrder(number, 1, "agent", "people", "4", NOW))
    service.handle(EditWorkOrder(number, 2, "agent", "people", "5", NOW))
    service.handle(EditWorkOrder(number, 3, "agent", "employer", "某劳务公司", NOW))
    with pytest.raises(StaleOrder):
        service.handle(EditWorkOrder(number, 3, "agent", "people", "6", NOW))
    view = queries.get(number)
    assert view is not None
    people = view.order.field("people")
    assert people is not None
    assert (people.field.value, people.machine_value) == ("5", "3")
    assert people.field.evidence == command.fields[0].evidence
    edits = [entry for entry in view.history if entry.action is Action.EDIT]
    assert [(entry.machine_value, entry.human_value) for entry in edits] == [
        ("3", "4"),
        ("4", "5"),
        ("", "某劳务公司"),
    ]
    assert [row.number for row in queries.search(OrderFilter(text="某劳务"))] == [number]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (OrderFilter(text="工资"), 1),
        (OrderFilter(text="工资 包工头"), 1),
        (OrderFilter(text="工资 离婚"), 0),
        (OrderFilter(text="离婚"), 1),
        (OrderFilter(text="6万"), 1),
        (OrderFilter(text="%"), 0),
        (OrderFilter(text="_"), 0),
        (OrderFilter(text="13800001234"), 1),
        (OrderFilter(text="0001234"), 1),
        (OrderFilter(unit="legal_aid-513401"), 1),
        (OrderFilter(matter="labour"), 1),
        (OrderFilter(matter="lab"), 0),
        (OrderFilter(state=State.FILED), 2),
        (OrderFilter(state=State.SIGNED), 0),
        (OrderFilter(first_day=date(2026, 11, 23), last_day=date(2026, 11, 23)), 1),
        (OrderFilter(first_day=date(2026, 11, 24)), 1),
        (OrderFilter(last_day=date(2026, 11, 22)), 0),
        (OrderFilter(), 2),
    ],
)
def test_search(service: WorkOrderService, queries: OrderQueries, wanted: OrderFilter, found: int) -> None:
    service.handle(wage_claim())
    service.handle(
        wage_claim(
            "call-2",
            matter="family",
            matter_label="婚姻家庭",
            service="consult",
            service_label="法律咨询",
            district="513401",
            summary="想离婚，问孩子抚养。",
            fields=(FieldValue("child", "1", "一个娃儿", 0.7),),
            flags=(),
            caller_contact="sip:a@example.org",
            filed_at=datetime(2026, 11, 23, 16, 0, tzinfo=UTC),  # the 24th in Chengdu
        )
    )
    assert len(queries.search(wanted)) == found
    assert queries.count(wanted) == found


def test_a_number_is_found_however_it_is_written(service: WorkOrderService, queries: OrderQueries) -> None:
    number = service.handle(wage_claim()).number
    for text_ in (number, number.lower(), number.replace("-", ""), number[3:].replace("-", "")):
        assert [row.number for row in queries.search(OrderFilter(text=text_))] == [number]


def test_paging_gives_everything_once_newest_first(service: WorkOrderService, queries: OrderQueries) -> None:
    for index in range(7):
        service.handle(wage_claim(f"call-{index}", filed_at=NOW + timedelta(seconds=index // 2)))
    seen: list[str] = []
    after: str | None = None
    while rows := queries.search(OrderFilter(limit=3, after=after)):
        seen += [row.call_id for row in rows]
        after = rows[-1].cursor
    assert seen == [f"call-{index}" for index in reversed(range(7))]


@pytest.mark.parametrize("cursor", ["", "x", "MTIz", "5pel", "MjAyNi0wMS0wMXwx", "é"])
def test_a_foreign_cursor_is_refused(queries: OrderQueries, cursor: str) -> None:
    with pytest.raises(BadCursor):
        queries.search(OrderFilter(after=cursor))


def test_export_streams_in_chunks(
    service: WorkOrderService, queries: OrderQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workorders.queries.CHUNK", 3)
    for index in range(8):
        service.handle(wage_claim(f"call-{index}", filed_at=NOW + timedelta(minutes=index // 3)))
    exported = [view.order.call_id for view in queries.iter_export(NOW, NOW + timedelta(minutes=2))]
    assert exported == [f"call-{index}" for index in range(6)]
    assert [view.order.matter_no for view in queries.by_call("call-7")] == [1]


def test_a_database_that_is_gone_is_our_error(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/empty.sqlite3")
    service = WorkOrderService(unit_of_work(engine), *shipped_rules())
    with pytest.raises(StorageFailed) as caught:
        service.handle(wage_claim())
    assert "13800001234" not in str(caught.value)
    assert caught.value.__cause__ is None
    engine.dispose()


def test_an_insert_that_loses_the_race_gives_the_winner(engine: Engine, service: WorkOrderService) -> None:
    winner = service.handle(wage_claim())

    class Blind(SqlUnitOfWork):
        """Does not see the order when it looks first."""

        looked = False

        @property
        def orders(self) -> Any:
            orders = super().orders
            if not Blind.looked:
                Blind.looked = True
                setattr(orders, "by_key", lambda call_id, matter_no: None)  # noqa: B010  typed as a method
            return orders

    blind = WorkOrderService(lambda: Blind(engine), service.rules, service.calendar)
    filed = blind.handle(wage_claim())
    assert filed == replace(winner, created=False)
