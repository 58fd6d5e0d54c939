"""The tables statistics are counted from: late, split and repeated news give what one count of all gives."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text, update

from hotline.acd.model import LogKind
from hotline.stats.facts import FactStore
from hotline.stats.kpi.registry import chosen
from hotline.stats.periods import By, Period
from hotline.stats.reporting import Reporting
from hotline.stats.scope import Scope
from hotline.store.engine import make_engine, reading, writing
from hotline.store.stat_tables import agent_hours, call_facts, order_facts, stat_changes
from hotline.store.tables import calls, intents
from hotline.store.upgrade import upgrade
from tests.fakes.history import History, at

pytestmark = pytest.mark.integration

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'facts.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    yield made
    made.dispose()


def facts(engine: Engine, table: Any = call_facts) -> dict[Any, Any]:
    """Key → row, after counting what is new."""
    assert FactStore(engine).refresh() == 0
    with reading(engine) as connection:
        rows = connection.execute(select(table)).all()
    keys = [column.name for column in table.primary_key]
    found = {tuple(getattr(row, key) for key in keys): row for row in rows}
    return {key[0] if len(key) == 1 else key: row for key, row in found.items()}


def everything(engine: Engine) -> list[Any]:
    return [
        sorted(map(tuple, facts(engine, table).values()), key=repr)
        for table in (call_facts, order_facts, agent_hours)
    ]


def test_a_call_is_what_the_log_says(engine: Engine) -> None:
    history = History(engine)
    history.answered("a", at(0, 9), "li", 16, 120, matter="labour.wages", place="510104", mark=5, wrap=30)
    fact = facts(engine)["a"]
    assert (fact.fate, fact.agent, fact.queue, fact.hands) == ("answered", "li", "legal", 1)
    assert (fact.wait_ms, fact.talk_ms, fact.hold_ms, fact.wrap_ms) == (16_000, 120_000, 0, 30_000)
    assert (fact.matter, fact.place, fact.asked, fact.mark) == ("labour.wages", "510104", 1, 5)
    assert (fact.hour, datetime.fromtimestamp(fact.day * 86400, UTC).date()) == (9, date(2026, 3, 1))


def test_a_call_that_an_agent_places_is_none_that_came_in(engine: Engine) -> None:
    history = History(engine)
    history.answered("placed", at(0, 9), "li", 16, 120, matter="labour.wages")
    history.answered("came", at(0, 8), "li", 16, 120, matter="labour.wages")
    numbers = {"remote": "13800000001"}
    with writing(engine) as connection:
        connection.execute(update(calls).values(**numbers))
        connection.execute(update(calls).where(calls.c.id == "placed").values(channel="callback"))
    found = facts(engine)
    assert list(found) == ["came"]
    assert not found["came"].repeated, "nobody has called again"
    assert sum(row.talk_ms for row in facts(engine, agent_hours).values()) == 240_000


def test_midnight_cuts_hours_but_not_calls(engine: Engine) -> None:
    history = History(engine)
    history.line(at(0, 23), LogKind.AGENTLOGIN, None, "li")
    history.line(at(0, 23, 1800), LogKind.READY, None, "li")
    history.answered("late", at(0, 23, 3590), "li", 8, 120)
    [fact] = facts(engine).values()
    assert (fact.hour, fact.talk_ms) == (23, 120_000)
    hours = facts(engine, agent_hours)
    first = min(day for day, _, _ in hours)
    before, after = hours[first, 23, "li"], hours[first + 1, 0, "li"]
    assert (before.talk_ms, after.talk_ms) == (0, 120_000), "it was answered at midnight sharp"
    assert before.pause_ms == before.ready_ms == 1_800_000


def test_a_transferred_call_counts_once_with_both_talks(engine: Engine) -> None:
    history = History(engine)
    history.call("t", at(0, 9), 400)
    for second, kind, agent, extra in (
        (0, LogKind.ENTERQUEUE, None, {}),
        (10, LogKind.CONNECT, "li", {"waited_ms": 10_000}),
        (70, LogKind.TRANSFER, "li", {"to": "queue"}),
        (70, LogKind.WRAPUP, "li", {"talked_ms": 60_000, "queue": ""}),
        (70, LogKind.ENTERQUEUE, None, {"queue": "wages"}),
        (100, LogKind.CONNECT, "wang", {"waited_ms": 30_000, "queue": "wages"}),
        (120, LogKind.CONNECT, "zhao", {"waited_ms": 0, "queue": "consult"}),
        (300, LogKind.COMPLETEAGENT, "wang", {"talked_ms": 200_000, "queue": "wages"}),
        (300, LogKind.WRAPUP, "wang", {"talked_ms": 200_000, "queue": ""}),
        (305, LogKind.READY, "li", {}),
        (320, LogKind.READY, "wang", {}),
    ):
        call = None if kind is LogKind.READY else "t"
        history.line(at(0, 9, second), kind, call, agent, **extra)
    [fact] = facts(engine).values()
    assert (fact.agent, fact.queue, fact.wait_ms, fact.hands) == ("li", "legal", 10_000, 2)
    assert fact.talk_ms == 60_000 + 200_000
    assert fact.wrap_ms == (305 - 70) * 1000 + 20_000


@pytest.mark.parametrize(
    ("kind", "fate"),
    [
        (LogKind.ABANDON, "abandoned"),
        (LogKind.EXITWITHTIMEOUT, "timed_out"),
        (LogKind.EXITEMPTY, "nobody"),
        (LogKind.CALLBACK, "callback"),
    ],
)
def test_who_leaves_the_queue_unanswered(engine: Engine, kind: LogKind, fate: str) -> None:
    history = History(engine)
    history.call("x", at(0, 9), 40)
    history.line(at(0, 9, 2), LogKind.ENTERQUEUE, "x")
    assert facts(engine)["x"].fate == "waiting"
    history.line(at(0, 9, 22), kind, "x", waited_ms=20_000)
    assert (facts(engine)["x"].fate, facts(engine)["x"].wait_ms) == (fate, 20_000)


def test_a_wait_that_a_restart_cut_off_has_no_length(engine: Engine) -> None:
    history = History(engine)
    history.call("x", at(0, 9), 40)
    history.line(at(0, 9, 2), LogKind.ENTERQUEUE, "x")
    history.line(at(0, 12), LogKind.ABANDON, "x", reason="restart")
    assert (facts(engine)["x"].fate, facts(engine)["x"].wait_ms) == ("abandoned", None)


def test_the_same_number_and_matter_within_a_week_is_a_repetition(engine: Engine) -> None:
    history = History(engine)
    for name, day, matter, remote in (
        ("first", 0, "family", "13900000001"),
        ("again", 7, "family", "13900000001"),
        ("later", 15, "family", "13900000001"),
        ("other", 0, "family", "13900000002"),
        ("matter", 1, "debt", "13900000002"),
        ("hidden", 2, "family", "anonymous"),
        ("hidden2", 3, "family", "anonymous"),
    ):
        history.answered(name, at(day, 9), "li", 5, 60, matter=matter, remote=remote)
    found = facts(engine)
    assert {name for name, fact in found.items() if fact.repeated} == {"first"}
    assert {name for name, fact in found.items() if not fact.known} == {"hidden", "hidden2"}
    # understood otherwise, later: the first call's fact is corrected with it
    with writing(engine) as connection:
        connection.execute(update(intents).where(intents.c.call_id == "again").values(matter="debt"))
    assert not facts(engine)["first"].repeated


def test_an_order_goes_its_way(engine: Engine) -> None:
    history = History(engine)
    history.call("c", at(0, 9), matter="labour.wages")
    number = history.order(
        "c",
        at(0, 9.5),
        [(at(0, 10), "dispatch"), (at(0, 12), "sign")],
        due_at=at(5),
        sign_by=at(1),
        owner="li",
    )
    fact = facts(engine, order_facts)[number]
    assert (fact.dispatched, fact.signed, fact.finished) == (at(0, 10), at(0, 12), None)
    assert (facts(engine)["c"].orders, facts(engine)["c"].place) == (1, "510104")
    history.step(number, at(2), "grant_extension", before=at(4).isoformat(), after=at(5).isoformat())
    history.step(number, at(4.5), "reply")
    fact = facts(engine, order_facts)[number]
    assert (fact.finished, fact.due_plain, fact.extensions) == (at(4.5), at(4), 1)
    history.step(number, at(4.6), "reject")
    assert facts(engine, order_facts)[number].finished is None
    history.step(number, at(4.8), "reply")
    history.step(number, at(4.9), "approve")
    history.step(number, at(5), "visit", after="failed")
    assert not facts(engine, order_facts)[number].visited
    history.step(number, at(6), "visit", after="reached 2")
    fact = facts(engine, order_facts)[number]
    assert (fact.visited, fact.visit_mark, fact.approved) == (1, 2, at(4.9))
    history.step(number, at(6), "redo")
    history.step(number, at(6), "supervise", after="orange")
    history.step(number, at(6), "supervise", after="red")
    fact = facts(engine, order_facts)[number]
    assert (fact.finished, fact.signed, fact.redos, fact.level) == (None, None, 1, 3)


def _write_at_random(engine: Engine, seed: int) -> None:
    """A fortnight, told out of order, counted in between now and then."""
    dice = random.Random(seed)
    history, store = History(engine), FactStore(engine)
    tellings: list[Any] = []
    for number in range(40):
        day, hour = dice.randrange(14), dice.choice([0, 9, 15, 23.98])
        name, agent = f"call-{number}", dice.choice(["li", "wang"])
        matter = dice.choice(["labour.wages", "family", None])
        remote = f"1390000000{dice.randrange(6)}"
        more = {"matter": matter, "remote": remote, "place": dice.choice(["510104", "511500", ""])}
        start = at(day, hour, dice.randrange(0, 3000))
        if dice.random() < 0.25:
            tellings.append((history.abandoned, (name, start, dice.choice([2, 9, 40])), more))
        else:
            talk, mark = dice.randrange(5, 900), dice.choice([None, 1, 3, 5])
            tellings.append(
                (history.answered, (name, start, agent, dice.randrange(0, 40), talk), {**more, "mark": mark})
            )
        if dice.random() < 0.4:
            filed = start + timedelta(minutes=30)
            steps = [(filed + timedelta(hours=dice.randrange(1, 9)), "dispatch")]
            steps += (
                [(filed + timedelta(hours=dice.randrange(9, 90)), "reply")] if dice.random() < 0.6 else []
            )
            due = {
                "due_at": filed + timedelta(days=dice.randrange(1, 5)),
                "sign_by": filed + timedelta(days=1),
            }
            tellings.append((history.order, (name, filed, steps), due))
    dice.shuffle(tellings)
    for tell, what, more in tellings:
        with history.at_once():
            tell(*what, **more)
        if dice.random() < 0.3:
            store.refresh(1)


def test_counting_bit_by_bit_gives_what_counting_anew_gives(engine: Engine) -> None:
    _write_at_random(engine, 1)
    bit_by_bit = everything(engine)
    assert len(bit_by_bit[0]) == 40
    assert bit_by_bit[1]
    assert bit_by_bit[2]
    store = FactStore(engine)
    told: list[tuple[int, int]] = []
    assert store.rebuild(lambda done, total: told.append((done, total))) == 40 + len(bit_by_bit[1])
    assert everything(engine) == bit_by_bit
    with writing(engine) as connection:
        for table in (call_facts, order_facts, agent_hours):
            connection.execute(table.delete())
    store.rebuild()
    assert everything(engine) == bit_by_bit
    assert told[-1][0] == told[-1][1]


def test_hours_days_and_months_add_up_to_the_same(engine: Engine) -> None:
    _write_at_random(engine, 3)
    FactStore(engine).refresh()
    reports = Reporting(engine)
    kpis = chosen(())
    whole = {
        by: [cell.figure for cell in reports.table(Scope(by, MARCH), kpis).total.cells]
        for by in (By.HOUR, By.HOUR_OF_DAY, By.DAY, By.WEEK, By.MONTH, By.QUARTER)
    }
    assert all(figures == whole[By.DAY] for figures in whole.values())
    for by in (By.CHANNEL, By.AGENT, By.MATTER, By.PLACE, By.COUNTY, By.SERVICE, By.TEAM, By.UNIT, By.QUEUE):
        table = reports.table(Scope(by, MARCH), kpis)
        days = dict(zip(kpis, whole[By.DAY], strict=True))
        assert [cell.figure for cell in table.total.cells] == [days[kpi] for kpi in table.kpis], by
    single = sum(
        reports.table(Scope(By.DAY, Period(day, day + timedelta(days=1))), kpis)
        .total.cells[0]
        .figure.numerator
        for day in (MARCH.since + timedelta(days=shift) for shift in range(14))
    )
    assert single == whole[By.MONTH][0].numerator == 40


def test_what_retention_took_away_is_remembered(engine: Engine) -> None:
    history = History(engine)
    for day, name in ((0, "a"), (1, "b")):
        history.answered(name, at(day, 9), "li", 5, 60, matter="family", place="510104")
    before = everything(engine)
    with writing(engine) as connection:
        connection.execute(update(calls).values(remote="", content_deleted_at=at(30)))
        connection.execute(update(intents).values(slots=[]))
    assert everything(engine) == before
    FactStore(engine).rebuild()
    assert everything(engine) == before


def test_calls_from_trial_numbers_are_counted_nowhere(engine: Engine) -> None:
    history = History(engine)
    history.answered("real", at(0, 9), "li", 5, 60)
    history.answered("trial", at(0, 10), "li", 5, 60, remote="13812345678")
    FactStore(engine, ["13812345678"]).refresh()
    table = Reporting(engine).table(Scope(By.DAY, MARCH), chosen(["calls", "answered"]))
    assert [cell.figure.numerator for cell in table.total.cells] == [1, 1]


def test_every_table_below_has_its_triggers(engine: Engine) -> None:
    """A migration that copies a table loses them on SQLite, and statistics would silently stand still."""
    table, column, name = (
        ("sqlite_master WHERE type = 'trigger'", "tbl_name", "name")
        if engine.dialect.name == "sqlite"
        else ("information_schema.triggers WHERE true", "event_object_table", "trigger_name")
    )
    query = f"SELECT {column} AS name FROM {table} AND substr({name}, 1, 5) = 'stat_'"
    with reading(engine) as connection:
        names = sorted(row.name for row in connection.execute(text(query)))
    twice = ["acd_log", "work_orders"]
    assert names == sorted([*["calls", "intents", "order_history", *twice, *twice] * 2])
    with reading(engine) as connection:
        assert connection.execute(select(stat_changes)).all() == []
