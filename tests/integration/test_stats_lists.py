"""Every figure of every report opens a list of exactly its length, found by the same condition."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Engine

from hotline.stats.kpi.registry import KPIS
from hotline.stats.lists import Behind
from hotline.stats.periods import By, Period
from hotline.stats.scope import Filters, Scope
from hotline.stats.statistics import Statistics
from hotline.store.engine import make_engine
from hotline.store.upgrade import upgrade
from tests.fakes.history import three_days

pytestmark = pytest.mark.integration

DAYS = Period(date(2026, 3, 1), date(2026, 3, 4))
FEWER = tuple(kpi for key, kpi in KPIS.items() if not key.endswith(("_10", "_20", "_30")))
NARROWED = (
    (By.DAY, Filters()),
    (By.DAY, Filters(matter="labour", place="510100")),
    (By.HOUR, Filters(agent="wang")),
    (By.HOUR_OF_DAY, Filters(channel="phone")),
    (By.WEEK, Filters(place="510000")),
    (By.MONTH, Filters(queue="legal")),
    (By.QUARTER, Filters(unit="b")),
    *((by, Filters()) for by in By if by not in {By.DAY, By.HOUR, By.MONTH, By.QUARTER}),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = make_engine(f"sqlite:///{tmp_path_factory.mktemp('lists') / 'lists.sqlite3'}")
    upgrade(made)
    three_days(made)
    yield made
    made.dispose()


@pytest.mark.parametrize(("by", "only"), NARROWED)
def test_every_figure_opens_a_list_of_its_length(engine: Engine, by: By, only: Filters) -> None:
    stats, scope = Statistics(engine), Scope(by, DAYS, only)
    stats.facts.refresh()
    table = stats.reports.table(scope, FEWER)
    opened = 0
    for line in (*table.lines, table.total):
        for kpi, cell in zip(table.kpis, line.cells, strict=True):
            for part in kpi.lists:
                number = getattr(cell.figure, part)
                if number or line is table.total:
                    behind = Behind(kpi, part, scope, None if line is table.total else line.key)
                    page = stats.lists.page(behind, limit=500)
                    assert page.count == len(page.rows) == number, (line.key, kpi.key, part)
                    opened += 1
    assert opened > 10
    assert table.total.cells
