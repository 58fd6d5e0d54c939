"""Word search of orders on both databases: by the index and by reading alike, in step with every change."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, delete, func, insert, select, text, update

from hotline.store import upgrade as upgrading
from hotline.store.engine import make_engine, writing
from hotline.store.upgrade import upgrade
from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders import order_search
from workorders.errors import StaleOrder
from workorders.life import dispatch
from workorders.messages import ActOnOrder, EditWorkOrder, FieldValue
from workorders.model import Action, Actor
from workorders.order_columns import order_columns
from workorders.queries import OrderFilter, OrderQueries
from workorders.service import WorkOrderService
from workorders.sql import SqlUnitOfWork, unit_of_work
from workorders.storage import StorageFailed
from workorders.tables import metadata, work_orders
from workorders.word_tables import order_words

pytestmark = pytest.mark.integration

SYLLABLES = (
    *("工资", "欠薪", "离婚", "包工头", "六万"),
    *("Ａ座", "ß街", "é", "𠮷野", "12345", "川a-8", "，", "。 ", "\n"),
)
WORDS = (
    *SYLLABLES,
    *("资", "工", "欠", "包工", "工头", "头六", "资欠", "工资，欠薪", "薪，", "a座", "ss街", "a-8", "川a"),
    *("1234", "2345", "123", "13800001234", "0001", "0000", "8613", "sip", "工资 欠薪", "工资 0001"),
    *("无此词", "%", "_", "\\", "2026", "劳动争议", "争议·欠", "法律援助", "中心", "资" * 70),
    *("'", '"', '工资"', "工*", "NEAR", "工资 OR 离婚"),
)


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    return WorkOrderService(unit_of_work(engine), *shipped_rules())


@pytest.fixture
def queries(engine: Engine) -> OrderQueries:
    return OrderQueries(engine)


@pytest.fixture(params=["looked up", "read"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Few orders have the word, or many."""
    if request.param == "read":
        monkeypatch.setattr(order_search, "MOST_COUNTED", 0)
        monkeypatch.setattr(order_search, "FEW", 0)
    return str(request.param)


def found(queries: OrderQueries, words: str, **more: Any) -> list[str]:
    wanted = OrderFilter(text=words, **more)
    rows = [row.call_id for row in queries.search(wanted)]
    assert queries.count(wanted) == len(rows)
    return rows


def expected(engine: Engine, words: str) -> set[str]:
    """Calls of the orders whose text has every word in it, or their caller's number has; in plain Python."""
    with engine.connect() as connection:
        rows = connection.execute(select(work_orders)).all()
    return {
        row.call_id
        for row in rows
        if all(
            word in row.search_text
            or (len(word) >= 4 and word.isascii() and word.isdigit() and word in row.caller_contact)
            for word in words.casefold().split()
        )
    }


def sound(engine: Engine) -> None:
    """SQLite's index holds exactly what the table beside it does."""
    if engine.dialect.name == "sqlite":
        with writing(engine) as connection:
            connection.execute(
                text("INSERT INTO order_word_index(order_word_index, rank) VALUES ('integrity-check', 1)")
            )


def many(service: WorkOrderService) -> None:
    dice = random.Random(3)
    for number in range(60):
        said = "".join(dice.choices(SYLLABLES, k=dice.randrange(1, 9)))
        contact = dice.choice(("13800001234", "+8613900005678", "sip:12345@a.cn", "", "400"))
        service.handle(wage_claim(f"call-{number}", summary=said, caller_contact=contact, fields=()))


@pytest.mark.parametrize("chunk", range(6))
def test_finds_what_reading_every_text_finds(
    engine: Engine, service: WorkOrderService, queries: OrderQueries, way: str, chunk: int
) -> None:
    many(service)
    sound(engine)
    for words in WORDS[chunk::6]:
        assert set(found(queries, words, limit=200)) == expected(engine, words), (way, words)


def test_a_page_of_a_word_goes_on_where_it_ended(
    service: WorkOrderService, queries: OrderQueries, way: str
) -> None:
    late = (5, 3, 0, 3, 9, 1, 1, 8)  # filed out of order, as from a spool
    for number, minute in enumerate(late):
        service.handle(wage_claim(f"call-{number}", filed_at=NOW + timedelta(minutes=minute)))
    whole = [row.call_id for row in queries.search(OrderFilter(text="工资"))]
    assert whole == ["call-4", "call-7", "call-0", "call-3", "call-1", "call-6", "call-5", "call-2"]
    seen: list[str] = []
    after: str | None = None
    while rows := queries.search(OrderFilter(text="工资", limit=3, after=after)):
        seen += [row.call_id for row in rows]
        after = rows[-1].cursor
    assert seen == whole


def test_words_go_with_every_other_condition(
    service: WorkOrderService, queries: OrderQueries, way: str
) -> None:
    first = service.handle(wage_claim())
    service.handle(wage_claim("call-2", matter="labour.injury", district="513401"))
    assert found(queries, "工资", matter="labour.wages") == ["call-1"]
    assert sorted(found(queries, "工资", matter="labour")) == ["call-1", "call-2"]
    assert found(queries, "工资", unit=first.unit) == ["call-1"]
    assert found(queries, f"工资 {first.number}") == ["call-1"]
    assert found(queries, f"离婚 {first.number}") == []


def test_an_edit_changes_what_is_found(
    engine: Engine, service: WorkOrderService, queries: OrderQueries, way: str
) -> None:
    number = service.handle(wage_claim()).number
    service.handle(EditWorkOrder(number, 1, "agent", "employer", "鑫旺劳务", NOW))
    assert found(queries, "鑫旺") == ["call-1"]
    service.handle(EditWorkOrder(number, 2, "agent", "employer", "恒通建筑", NOW))
    assert found(queries, "鑫旺") == []
    assert found(queries, "恒通") == ["call-1"]
    sound(engine)


def test_an_edit_that_failed_changes_nothing(
    engine: Engine, service: WorkOrderService, queries: OrderQueries, way: str
) -> None:
    number = service.handle(wage_claim()).number

    class Torn(SqlUnitOfWork):
        def commit(self) -> None:
            raise StorageFailed("torn")

    torn = WorkOrderService(lambda: Torn(engine), service.rules, service.calendar)
    with pytest.raises(StorageFailed):
        torn.handle(EditWorkOrder(number, 1, "agent", "employer", "鑫旺劳务", NOW))
    with pytest.raises(StaleOrder):
        service.handle(EditWorkOrder(number, 7, "agent", "employer", "鑫旺劳务", NOW))
    assert found(queries, "鑫旺") == []
    sound(engine)


def test_moves_and_merging_keep_an_order_where_it_is_found(
    engine: Engine, service: WorkOrderService, queries: OrderQueries, way: str
) -> None:
    kept, merged = service.handle(wage_claim()).number, service.handle(wage_claim("call-2")).number
    for number in (kept, merged):
        with SqlUnitOfWork(engine) as uow:
            order = uow.orders.by_number(number)
            assert order is not None
            change = dispatch(order, NOW)
            uow.orders.save(change.order, change.entry)
            uow.commit()
    service.handle(
        ActOnOrder(merged, Action.MERGE, "li", Actor.AGENT, NOW + timedelta(hours=1), text="同", to=kept)
    )
    assert sorted(found(queries, "工资")) == ["call-1", "call-2"]
    assert queries.tally(OrderFilter(text="工资")) == ((1, 2) if way == "looked up" else (1, 1))
    sound(engine)


def test_complaints_stay_hidden_whatever_words_are_asked_for(
    engine: Engine, service: WorkOrderService, queries: OrderQueries, way: str
) -> None:
    service.handle(wage_claim())
    number = service.handle(wage_claim("call-2")).number
    unit = service.handle(wage_claim("call-3")).unit
    with writing(engine) as connection:
        connection.execute(
            update(work_orders).where(work_orders.c.number == number).values(against_person="wang")
        )
        connection.execute(
            update(work_orders).where(work_orders.c.call_id == "call-3").values(against_unit=unit)
        )
    assert sorted(found(queries, "工资", hidden_from=("wang", "王"))) == ["call-1", "call-3"]
    assert sorted(found(queries, "工资", hidden_from=("li",))) == ["call-1", "call-2", "call-3"]
    assert sorted(found(queries, "工资", unit=unit)) == ["call-1", "call-2"]
    assert sorted(found(queries, "", unit=unit)) == ["call-1", "call-2"]
    assert found(queries, "工资", unit=unit, hidden_from=("wang",)) == ["call-1"]
    assert found(queries, "13800001234", unit=unit, hidden_from=("wang",)) == ["call-1"]


def test_what_is_hidden_does_not_count_towards_more_than_can_be_counted(
    engine: Engine, service: WorkOrderService, queries: OrderQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_search, "MOST_COUNTED", 3)
    for number in range(4):
        service.handle(wage_claim(f"call-{number}"))
    with writing(engine) as connection:
        connection.execute(
            update(work_orders).where(work_orders.c.call_id == "call-0").values(against_person="wang")
        )
    assert queries.tally(OrderFilter(text="工资")) == (4, 4)
    assert queries.tally(OrderFilter(text="工资", hidden_from=("wang",))) == (3, 3)
    assert queries.tally(OrderFilter(text="包工头", hidden_from=("wang",))) == (3, 3)


def test_an_order_that_goes_takes_its_words_along(
    engine: Engine, service: WorkOrderService, queries: OrderQueries
) -> None:
    service.handle(wage_claim())
    with engine.connect() as connection:
        columns = dict(connection.execute(select(work_orders)).mappings().one()) | {"id": 99, "number": "x"}
    with writing(engine) as connection:
        connection.execute(insert(work_orders), [columns | {"call_id": "bare"}])
        connection.execute(insert(order_words), [{"order_id": 99, "words": ["工资", "资"]}])
    assert sorted(found(queries, "工资")) == ["bare", "call-1"]
    with writing(engine) as connection:
        connection.execute(delete(work_orders).where(work_orders.c.id == 99))
        assert connection.scalar(select(func.count()).select_from(order_words)) == 1
    assert found(queries, "工资") == ["call-1"]
    sound(engine)


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of the release before the index."""
    file = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    engine = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    with writing(engine) as connection:
        config = upgrading._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0018")
    yield engine
    engine.dispose()


def test_an_old_database_finds_its_orders_after_the_upgrade(old: Engine, tmp_path: Path) -> None:
    new = make_engine(f"sqlite:///{tmp_path}/new.sqlite3")
    metadata.create_all(new)
    many(WorkOrderService(unit_of_work(new), *shipped_rules()))
    with new.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(work_orders)).mappings()]
    kept = [key for key in rows[0] if key != "id"]
    with writing(old) as connection:
        for copy in range(40):
            fresh = {"number": f"{copy}-", "call_id": f"{copy}-"}
            connection.execute(
                insert(work_orders),
                [
                    {key: fresh.get(key, "") + row[key] if key in fresh else row[key] for key in kept}
                    for row in rows
                ],
            )
    steps: list[tuple[int, int]] = []
    upgrade(old, tell=lambda done, total: steps.append((done, total)))
    assert steps == [(1000, 2400), (2000, 2400), (2400, 2400)]
    queries = OrderQueries(old)
    for words in WORDS:
        assert queries.count(OrderFilter(text=words)) == len(expected(old, words)), words
    sound(old)
    with writing(old) as connection:
        config = upgrading._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0018")
    upgrade(old)
    assert queries.count(OrderFilter(text="工资")) == len(expected(old, "工资"))


def test_the_words_in_the_row_are_those_of_the_order(engine: Engine, service: WorkOrderService) -> None:
    number = service.handle(wage_claim(fields=(FieldValue("place", "", "鑫旺工地", 0.9),))).number
    with SqlUnitOfWork(engine) as uow:
        order = uow.orders.by_number(number)
        assert order is not None
        assert "鑫旺工地" in order_columns(replace(order))["search_text"]
    assert [row.number for row in OrderQueries(engine).search(OrderFilter(text="旺工"))] == [number]
