"""Sums of closed days: the same numbers as from the facts, opened again by what comes late."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from hotline.stats.closing import SUMS, kept, open_days
from hotline.stats.days import day_number
from hotline.stats.facts import FactStore
from hotline.stats.kpi.model import Subject
from hotline.stats.kpi.registry import KPIS, measures
from hotline.stats.labels import read_labels
from hotline.stats.periods import By, Period
from hotline.stats.scope import Filters, Scope, applies
from hotline.stats.sums import sums
from hotline.store.engine import make_engine, reading, writing
from hotline.store.stat_tables import call_sums, order_sums, stat_labels
from hotline.store.tables import agents
from hotline.store.upgrade import upgrade
from tests.fakes.history import History, at, three_days

pytestmark = pytest.mark.integration

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
NOW = datetime(2026, 4, 1, tzinfo=UTC)
DAY = day_number(date(2026, 3, 1))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'closing.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    three_days(made)
    with writing(made) as connection:
        person: dict[str, Any] = {
            "skills": [],
            "phone": None,
            "phone_only": False,
            "licence": "",
            "shifts": [],
            "updated": NOW,
        }
        for name, team in (("wang", "one"), ("zuoxi", "two")):
            connection.execute(agents.insert().values(name=name, display=name, team=team, **person))
    yield made
    made.dispose()


def store(engine: Engine, now: datetime = NOW) -> FactStore:
    made = FactStore(engine, clock=lambda: now)
    assert made.refresh() == 0
    return made


NARROWED = (
    Filters(matter="labour"),
    Filters(place="510100"),
    Filters(agent="wang"),
    Filters(team="two"),
    Filters(matter="labour", place="511502"),
)
FEW = ((By.DAY, Filters()), (By.HOUR_OF_DAY, Filters()), (By.MATTER, Filters()))
ALL = (*((by, Filters()) for by in By), *((by, only) for only in NARROWED for by in (By.MONTH, By.MATTER)))


def both_ways_agree(engine: Engine, looks: tuple[tuple[By, Filters], ...] = FEW) -> int:
    """Compare groupings, narrowed in many ways; how many rows."""
    wanted = list(measures(KPIS.values()).values())
    rows = 0
    with reading(engine) as connection:
        teams = read_labels(connection, None).teams
        for by, only in looks:
            scope = Scope(by, MARCH, only)
            these = [one for one in wanted if applies(one.subject, scope)]
            quick = sums(connection, these, scope, teams)
            slow = sums(connection, these, scope, teams, facts_only=True)
            empty = dict.fromkeys((one.key for one in these), 0)
            for key in quick.keys() | slow.keys():
                assert empty | quick.get(key, {}) == empty | slow.get(key, {}), (by, only, key)
            rows += len(slow)
    return rows


def closed_rows(engine: Engine) -> int:
    with reading(engine) as connection:
        return sum(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in SUMS.values()
        )


def test_sums_and_facts_agree_before_amid_and_after(engine: Engine) -> None:
    facts = store(engine)
    assert closed_rows(engine) == 0
    rows = both_ways_agree(engine)
    assert facts.close_days(most=3, quiet=timedelta(0)) == 3
    assert closed_rows(engine) > 0
    assert both_ways_agree(engine) == rows
    while facts.close_days(quiet=timedelta(0)):
        pass
    with reading(engine) as connection:
        for subject in SUMS:
            assert open_days(connection, subject, 0, 10**6) == []
    assert both_ways_agree(engine, ALL) > rows


def test_a_late_event_opens_its_day_again(engine: Engine) -> None:
    facts = store(engine)
    while facts.close_days(quiet=timedelta(0)):
        pass
    History(engine).abandoned("late", at(1, 20), 30)
    facts = store(engine)
    with reading(engine) as connection:
        assert open_days(connection, Subject.CALLS, 0, 10**6) == [DAY + 1]
        assert open_days(connection, Subject.ORDERS, 0, 10**6) == []
    both_ways_agree(engine)
    assert facts.close_days() == 0, "it has just changed"
    assert store(engine, NOW + timedelta(hours=1)).close_days() == 1
    both_ways_agree(engine)


def test_other_definitions_open_everything(engine: Engine) -> None:
    facts = store(engine)
    while facts.close_days(quiet=timedelta(0)):
        pass
    before = closed_rows(engine)
    with writing(engine) as connection:
        connection.execute(
            update(stat_labels).where(stat_labels.c.kind == "defs").values(label="another release")
        )
        connection.execute(update(call_sums).values(calls=99))
    facts.close_days(quiet=timedelta(0))
    while facts.close_days(quiet=timedelta(0)):
        pass
    assert closed_rows(engine) == before
    both_ways_agree(engine)


def test_rebuilding_closes_every_day(engine: Engine) -> None:
    facts = store(engine)
    facts.rebuild()
    with reading(engine) as connection:
        assert open_days(connection, Subject.CALLS, 0, 10**6) == []
    assert closed_rows(engine) > 0
    both_ways_agree(engine)


def test_every_measure_of_calls_and_orders_has_its_sum() -> None:
    for subject, table in ((Subject.CALLS, call_sums), (Subject.ORDERS, order_sums)):
        known = {key for key, one in measures(KPIS.values()).items() if one.subject is subject}
        assert set(kept(subject)) == known == set(table.c.keys()) - {"dim", "day", "hour", "code"}
