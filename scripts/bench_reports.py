#!/usr/bin/env python3
"""How long each report takes on a filled database, beside the same sums in DuckDB on exported Parquet.

    python scripts/generate_calls.py --calls 1000000 --days 400 --url sqlite:////tmp/million.sqlite3
    python scripts/bench_reports.py --url sqlite:////tmp/million.sqlite3 --parquet /tmp/million

Times are what a handler waits for: counting what is new, labels, sums, figures. The DuckDB column has the SQL
of docs/kpi.md on all facts, and its results are compared with ours.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, func, select

from hotline.stats.days import day_number
from hotline.stats.kpi.model import TABLES, Subject
from hotline.stats.kpi.registry import chosen, measures
from hotline.stats.lists import Behind
from hotline.stats.periods import TIMES, By, Period, before, key_of, year_before
from hotline.stats.scope import Filters, Scope, applies, group_key
from hotline.stats.sql_text import sql_of
from hotline.stats.statistics import Statistics
from hotline.stats.sums import sums
from hotline.store.engine import make_engine, reading

FLOWS = Path(__file__).parents[1] / "ivr_flows"
KINDS = {"INTEGER": "int64", "BIGINT": "int64"}


def main() -> int:
    """Measure and print a table in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--url", required=True)
    asked.add_argument("--parquet", type=Path, help="folder for the exported facts; without: no DuckDB")
    asked.add_argument("--last", type=date.fromisoformat, default=date(2026, 6, 30))
    asked.add_argument("--days", type=int, default=400)
    asked.add_argument("--rounds", type=int, default=5)
    told = asked.parse_args()
    engine = make_engine(told.url)
    stats = Statistics(engine, FLOWS)
    print(counts(engine))
    duck = Duck(engine, told.parquet) if told.parquet else None
    whole = Period(told.last - timedelta(days=told.days - 1), told.last + timedelta(days=1))
    print("| report | ms | from the facts alone, ms | DuckDB, ms |\n|---|---|---|---|")
    for name, scope, compare in reports(whole):
        print(line(stats, engine, duck, (name, scope, compare), told.rounds), flush=True)
    for name, behind, cursor in lists(stats, whole):
        took = median(partial(stats.lists.page, behind, cursor), told.rounds)
        print(f"| {name} | {took:,.0f} | | |", flush=True)
    return 0


def counts(engine: Engine) -> str:
    """What the database holds."""
    with reading(engine) as connection:
        found = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in TABLES.values()
        }
    return f"{engine.dialect.name}: " + ", ".join(f"{name} {count:,}" for name, count in found.items())


def reports(whole: Period) -> Iterator[tuple[str, Scope, dict[str, Period]]]:
    """Every report over the whole time, and some of those people open most."""
    month = Period(date(2026, 6, 1), date(2026, 7, 1))
    for by in By:
        if by is not By.HOUR:
            yield f"by {by.value}, 400 days", Scope(by, whole), {}
    yield "by hour, one month", Scope(By.HOUR, month), {}
    yield "by day, one month", Scope(By.DAY, month), {}
    yield "by day, one month, beside the month and the year before", Scope(By.DAY, month), {
        "previous": before(month), "year": year_before(month),
    }  # fmt: skip
    chengdu = Filters(place="510100")
    yield "by matter in one city, one month", Scope(By.MATTER, month, chengdu), {}
    yield "by matter in one city, 400 days", Scope(By.MATTER, whole, chengdu), {}
    yield "by county for one kind of matter, 400 days", Scope(By.COUNTY, whole, Filters(matter="labour")), {}
    yield (
        "by day for one matter in one city, 400 days",
        Scope(By.DAY, whole, Filters(matter="labour.wages", place="510100")),
        {},
    )
    yield (
        "by hour of day for one agent, 400 days",
        Scope(By.HOUR_OF_DAY, whole, Filters(agent="agent-1-00")),
        {},
    )


def lists(stats: Statistics, whole: Period) -> Iterator[tuple[str, Behind, str]]:
    """The longest lists, at their beginning and far in."""
    [kpi] = chosen(["answer_rate"])
    behind = Behind(kpi, "denominator", Scope(By.DAY, whole))
    yield "list of all that entered the queue (first page of 50)", behind, ""
    cursor = ""
    for _ in range(20):
        cursor = stats.lists.page(behind, cursor, 500).next or ""
    yield "the same, 10,000 rows on", behind, cursor
    yield "list of one matter's answered calls in one month", Behind(
        kpi, "numerator", Scope(By.MATTER, Period(date(2026, 6, 1), date(2026, 7, 1))), "labour.wages"
    ), ""  # fmt: skip


def line(
    stats: Statistics,
    engine: Engine,
    duck: "Duck | None",
    report: tuple[str, Scope, dict[str, Period]],
    rounds: int,
) -> str:
    """One row of the table."""
    name, scope, compare = report
    kpis = chosen(())

    def ask() -> None:
        stats.facts.refresh()
        stats.reports.table(scope, kpis, compare)

    took = median(ask, rounds)
    wanted = [one for one in measures(kpis).values() if applies(one.subject, scope)]

    def slowly() -> None:
        with reading(engine) as connection:
            sums(connection, wanted, scope, {}, facts_only=True)

    slow = f"{median(slowly, 1):,.0f}" if not compare else ""
    beside = f"{duck.compare(scope, wanted, engine, rounds):,.0f}" if duck is not None and not compare else ""
    return f"| {name} | {took:,.0f} | {slow} | {beside} |"


def median(what: Callable[[], object], rounds: int) -> float:
    """Milliseconds, after one round that is not counted."""
    what()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        what()
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


class Duck:
    """The facts as Parquet files, and DuckDB on them."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        import duckdb

        folder.mkdir(parents=True, exist_ok=True)
        self._db = duckdb.connect()
        for table in TABLES.values():
            path = folder / f"{table.name}.parquet"
            if not path.exists():
                write_parquet(engine, table, path)
            self._db.execute(f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet('{path}')")

    def compare(self, scope: Scope, wanted: list[Any], engine: Engine, rounds: int) -> float:
        """Milliseconds for the same sums; exits when they are not the same."""
        with reading(engine) as connection:
            ours = sums(connection, wanted, scope, {})
        theirs = self._sums(scope, wanted)
        empty = dict.fromkeys((one.key for one in wanted), 0)
        for key in ours.keys() | theirs.keys():
            if empty | ours.get(key, {}) != empty | theirs.get(key, {}):
                sys.exit(f"DuckDB counts otherwise: {scope} {key}")
        return median(lambda: self._sums(scope, wanted), rounds)

    def _sums(self, scope: Scope, wanted: list[Any]) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for subject in Subject:
            for moment in dict.fromkeys(one.moment for one in wanted if one.subject is subject):
                same = [one for one in wanted if (one.subject, one.moment) == (subject, moment)]
                for *parts, values in self._rows(scope, subject, moment, same):
                    key = _key(scope.by, parts)
                    row = found.setdefault(key, {})
                    for one, value in zip(same, values, strict=True):
                        there = row.get(one.key, 0)
                        row[one.key] = max(there, value) if one.how == "peak" else there + value
        return found

    def _rows(
        self, scope: Scope, subject: Subject, moment: str, same: list[Any]
    ) -> Iterator[tuple[Any, ...]]:
        keys = {
            By.HOUR: [f"{moment}day", f"{moment}hour"],
            By.HOUR_OF_DAY: [f"{moment}hour"],
            By.TEAM: ["agent"],
            By.COUNTY: ["place"],
        }.get(scope.by, [f"{moment}day"] if scope.by in TIMES else [scope.by.value])
        first, end = (day_number(day) for day in (scope.period.since, scope.period.until))
        where = [f"{moment}day >= {first}", f"{moment}day < {end}", *_narrowed(scope.filters)]
        shown = ", ".join([*keys, *(f"coalesce({sql_of(one)}, 0)" for one in same)])
        table = TABLES[subject].name
        query = f"SELECT {shown} FROM {table} WHERE {' AND '.join(where)} GROUP BY {', '.join(keys)}"
        for row in self._db.execute(query).fetchall():
            yield (*row[: len(keys)], [int(value) for value in row[len(keys) :]])


def _narrowed(only: Filters) -> list[str]:
    found = []
    for name, value in only.given.items():
        if name == "place":
            found.append(f"place LIKE '{value.rstrip('0')}%'")
        elif name == "matter":
            found.append(f"(matter = '{value}' OR matter LIKE '{value}.%')")
        else:
            found.append(f"{name} = '{value}'")
    return found


def _key(by: By, parts: list[Any]) -> str:
    if by is By.HOUR_OF_DAY:
        return f"{parts[0]:02}"
    return key_of(by, *parts) if by in TIMES else group_key(by, str(parts[0]), {})


def write_parquet(engine: Engine, table: Table, path: Path) -> None:
    """A table of facts as a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    kinds = {"Integer": pyarrow.int64(), "UtcDateTime": pyarrow.timestamp("us", tz="UTC")}
    schema = pyarrow.schema(
        [(column.name, kinds.get(type(column.type).__name__, pyarrow.string())) for column in table.c]
    )
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer, reading(engine) as connection:
        for rows in connection.execute(select(table).execution_options(yield_per=50_000)).partitions():
            arrays = [
                pyarrow.array(list(column), field.type)
                for column, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


if __name__ == "__main__":
    sys.exit(main())
