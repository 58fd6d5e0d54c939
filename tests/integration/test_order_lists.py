"""Lists of orders on both databases: every filter means what it says, however the list is found."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select
from sqlalchemy.engine import Row

from hotline.store.engine import writing
from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders import order_search
from workorders.model import State
from workorders.queries import OrderFilter, OrderQueries
from workorders.service import WorkOrderService
from workorders.similar import SimilarOrders
from workorders.sql import unit_of_work
from workorders.tables import work_orders
from workorders.unit_changes import UNSEEN
from workorders.word_tables import order_words, word_rows

pytestmark = pytest.mark.integration

MATTERS = ("labour", "labour.wages", "labour.injury", "labourer.x", "family.divorce")
UNITS = ("a", "b", "c")
PEOPLE = ("", "", "", "wang", "li")
WORKING = (State.DISPATCHED, State.SIGNED)
FIRST_STATES = tuple(State)[:5]
Right = Callable[[Row[Any]], bool]


@pytest.fixture
def queries(engine: Engine) -> OrderQueries:
    """Over three hundred orders of every sort."""
    WorkOrderService(unit_of_work(engine), *shipped_rules()).handle(wage_claim())
    with engine.connect() as connection:
        like = dict(connection.execute(select(work_orders)).mappings().one())
    dice, rows = random.Random(7), []
    for number in range(2, 302):
        rows.append(
            like
            | {
                "id": number,
                "number": f"n{number}",
                "call_id": f"c{number}",
                "matter": dice.choice(MATTERS),
                "unit": dice.choice(UNITS),
                "state": dice.choice([*State]).value,
                "against_person": dice.choice(PEOPLE),
                "against_unit": dice.choice(("", "", *UNITS)),
                "parent": dice.choice(("", "", "n2")),
                "filed_at": NOW + timedelta(hours=dice.randrange(60)),
                "due_at": dice.choice((None, NOW, NOW + timedelta(days=dice.randrange(5)))),
                "search_text": dice.choice(("工资", "离婚", "拖欠工资")),
            }
        )
    with writing(engine) as connection:
        connection.execute(insert(work_orders), rows)
        connection.execute(insert(order_words), word_rows(rows))
    return OrderQueries(engine)


def labour(row: Row[Any]) -> bool:
    return str(row.matter).split(".")[0] == "labour"


def seen_by(unit: str) -> Right:
    return lambda row: row.unit == unit and row.against_unit != unit and State(row.state) not in UNSEEN


CASES: Sequence[tuple[OrderFilter, Right]] = (
    (OrderFilter(), lambda _: True),
    (OrderFilter(matter="labour"), labour),
    (OrderFilter(matter="labour.wages"), lambda row: row.matter == "labour.wages"),
    (OrderFilter(matter="LABOUR"), lambda _: False),
    (OrderFilter(matter="lab%"), lambda _: False),
    (OrderFilter(unit="a"), lambda row: row.unit == "a" != row.against_unit),
    (OrderFilter(seen_by="b"), seen_by("b")),
    (OrderFilter(seen_by="b", states=WORKING), lambda row: seen_by("b")(row) and State(row.state) in WORKING),
    (
        OrderFilter(seen_by="c", states=WORKING, due_from=NOW, due_to=NOW + timedelta(days=2)),
        lambda row: (
            seen_by("c")(row)
            and State(row.state) in WORKING
            and row.due_at is not None
            and NOW <= row.due_at < NOW + timedelta(days=2)
        ),
    ),
    (
        OrderFilter(matter="labour", states=FIRST_STATES, hidden_from=("wang", "li")),
        lambda row: labour(row) and State(row.state) in FIRST_STATES and not row.against_person,
    ),
    (
        OrderFilter(text="工资", matter="labour", hidden_from=("wang",)),
        lambda row: "工资" in row.search_text and labour(row) and row.against_person != "wang",
    ),
    (
        OrderFilter(text="工资", seen_by="a", states=tuple(State)),
        lambda row: "工资" in row.search_text and seen_by("a")(row),
    ),
    (
        OrderFilter(state=State.SIGNED, first_day=date(2026, 11, 24), hidden_from=("li",)),
        lambda row: (
            row.state == "signed" and row.against_person != "li" and row.filed_at >= NOW + timedelta(hours=13)
        ),
    ),
    (OrderFilter(text="工资", own="wang"), lambda row: False),
)


@pytest.mark.parametrize("few", [5000, 0])
def test_a_list_has_what_its_filter_says_in_pages_and_in_its_count(
    engine: Engine, queries: OrderQueries, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_search, "FEW", few)
    with engine.connect() as connection:
        rows = connection.execute(
            select(work_orders).order_by(work_orders.c.filed_at.desc(), work_orders.c.id.desc())
        ).all()
    for wanted, right in CASES:
        expected = [row for row in rows if right(row)]
        assert list(_pages(queries, wanted)) == [row.number for row in expected], wanted
        assert queries.count(wanted) == len(expected), wanted
        merged = sum(row.parent > "" for row in expected)
        assert queries.tally(wanted) == (len(expected) - merged, len(expected)), wanted
    assert queries.counts([wanted for wanted, _ in CASES]) == [sum(map(right, rows)) for _, right in CASES]
    assert sum(bool([row for row in rows if right(row)]) for _, right in CASES) >= 11


def test_trays_are_counted_together(queries: OrderQueries) -> None:
    unit = OrderFilter(seen_by="b", hidden_from=("wang",))
    due = replace(unit, due_from=NOW)
    trays = [
        replace(whole, states=states)
        for whole in (unit, due)
        for states in ((), WORKING, (State.SIGNED,), (State.CANCELLED,), FIRST_STATES)
    ]
    counts = queries.counts(trays)
    assert counts == [queries.count(tray) for tray in trays]
    assert 0 < counts[2] < counts[1] < counts[0]


def _pages(queries: OrderQueries, wanted: OrderFilter) -> Iterator[str]:
    after: str | None = None
    while page := queries.search(replace(wanted, limit=7, after=after)):
        yield from (row.number for row in page)
        after = page[-1].cursor


def noted_plans(engine: Engine) -> list[str]:
    """Grows by how SQLite means to go through orders, for each question from now on."""
    plans: list[str] = []

    def note(connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT") and "work_orders" in statement:
            plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in plan if " work_orders" in row[3] or "ORDER BY" in row[3])

    event.listen(engine, "before_cursor_execute", note)
    return plans


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_lists_are_counted_and_begun_within_an_index(engine: Engine, queries: OrderQueries) -> None:
    """What a page of a million orders may cost: no reading of rows to count, no sorting to begin."""
    plans = noted_plans(engine)
    me = ("wang", "Wang")
    for wanted, index in (
        (OrderFilter(matter="labour.wages", hidden_from=me), "matter_filed_at_id"),
        (OrderFilter(state=State.SIGNED, hidden_from=me), "state_filed_at_id"),
        (OrderFilter(unit="a", hidden_from=me), "unit_"),
        (OrderFilter(seen_by="a", hidden_from=me), "unit_"),
    ):
        plans.clear()
        queries.search(wanted)
        assert not any("TEMP B-TREE" in plan for plan in plans), (wanted, plans)
        plans.clear()
        queries.count(wanted)
        queries.tally(wanted)
        assert plans
        assert all("COVERING INDEX" in plan and index in plan for plan in plans), (wanted, plans)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_clusters_are_gathered_from_their_own_index(engine: Engine, queries: OrderQueries) -> None:
    del queries
    plans = noted_plans(engine)
    SimilarOrders(engine, shipped_rules()[0].policies.life.similar).clusters(
        NOW, OrderFilter(hidden_from=("wang",))
    )
    assert any("ix_work_orders_gathered" in plan for plan in plans), plans
