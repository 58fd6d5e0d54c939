#!/usr/bin/env python3
"""Fills an empty database with invented calls, their log and their orders, for measuring reports.

    python -m scripts.generate_calls --calls 1000000 --days 400 --url sqlite:////tmp/million.sqlite3

Straight into the tables, a thousand times faster than the line could take calls; then statistics are counted
anew (`hotline stats rebuild`). The same arguments give the same rows. Never run it on a database in use.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text

from hotline.intent.policy import read_policy
from hotline.stats.facts import FactStore
from hotline.store.engine import make_engine, writing
from hotline.store.tables import acd_log, calls, intents
from hotline.store.upgrade import upgrade
from scripts.generated_calls import ORDERS, Hotline, Words
from scripts.generated_orders import Orders
from workorders.places import Places
from workorders.tables import order_history, order_timers, work_orders
from workorders.word_tables import order_words, word_rows

FLOWS = Path(__file__).parents[1] / "ivr_flows"
FEEDING = ("calls", "intents", "acd_log", "work_orders", "order_history")
WRITE_DAYS = 5


def main() -> int:
    """Generate, then count."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--url", required=True, help="SQLAlchemy URL of an empty database")
    asked.add_argument("--calls", type=int, default=1_000_000)
    asked.add_argument("--orders", type=float, default=ORDERS, help="share of answered calls with an order")
    asked.add_argument("--days", type=int, default=400)
    asked.add_argument("--last", type=date.fromisoformat, default=date(2026, 6, 30), help="last day")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--no-count", action="store_true", help="leave the statistics' tables empty")
    told = asked.parse_args()
    engine = make_engine(told.url)
    upgrade(engine)
    with writing(engine) as connection:
        if connection.execute(select(func.count()).select_from(calls)).scalar_one():
            print("the database has calls in it already", file=sys.stderr)
            return 1
    generate(engine, told.calls, told.days, told.last, (told.seed, told.orders))
    if not told.no_count:
        count(engine)
    engine.dispose()
    return 0


def generate(engine: Engine, wanted: int, days: int, last: date, chance: tuple[int, float]) -> None:
    """Write the rows, a few days a transaction."""
    seed, share = chance
    hotline = Hotline(words(), wanted / days * 1.04, seed, share)
    orders = Orders(random.Random(seed + 1))
    made, began, kept = 0, time.monotonic(), []
    for shift in range(days * 2):
        day = hotline.day(last - timedelta(days=days - 1 - shift), wanted - made)
        made += len(day.calls)
        file_orders(day, orders)
        kept.append(day)
        if len(kept) == WRITE_DAYS or made >= wanted:
            with writing(engine) as connection, quietly(connection):
                write(connection, kept, orders)
            kept = []
            rate = made / (time.monotonic() - began)
            print(
                f"\r{made:,} of {wanted:,} calls, {rate:,.0f} a second ", end="", file=sys.stderr, flush=True
            )
        if made >= wanted:
            break
    print(f"\n{made:,} calls, {orders.last:,} orders in {time.monotonic() - began:.0f} s", file=sys.stderr)


def words() -> Words:
    """The line's own categories and places."""
    policy = read_policy(FLOWS)
    places = tuple(place.code for place in Places.load(FLOWS, "", []) if place.level == "county")
    matters = tuple((each.code, each.label) for each in policy.matters)
    return Words(matters, tuple((each.code, each.label) for each in policy.services), places)


def file_orders(day: Any, orders: Orders) -> None:
    """The orders of a day's calls."""
    understood = {row["call_id"]: row for row in day.intents}
    agents = {row["call_id"]: row["agent"] for row in day.lines if row["kind"] == "connect"}
    for call in day.calls:
        if call["outcome"] in {"order_filed", "message_taken"}:
            orders.file(call, understood[call["id"]], agents.get(call["id"], ""), call["ended"])


def write(connection: Connection, days: list[Any], orders: Orders) -> None:
    """Insert what was made."""
    filed, steps, timers = orders.drain()
    for table, rows in (
        (calls, [row for day in days for row in day.calls]),
        (intents, [row for day in days for row in day.intents]),
        (acd_log, [row for day in days for row in day.lines]),
        (work_orders, filed),
        (order_history, steps),
        (order_timers, timers),
        (order_words, word_rows(filed)),
    ):
        if rows:
            connection.execute(table.insert(), rows)


@contextmanager
def quietly(connection: Connection) -> Iterator[None]:
    """Without the notes of what is to be counted: everything will be."""
    if connection.dialect.name == "postgresql":
        for table in FEEDING:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield
        for table in FEEDING:
            connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        return
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, 5) = 'stat_'"
    triggers = connection.execute(text(query)).all()
    for trigger in triggers:
        connection.execute(text(f"DROP TRIGGER {trigger.name}"))
    yield
    for trigger in triggers:
        connection.exec_driver_sql(trigger.sql)


def count(engine: Engine) -> None:
    """Fill the tables of statistics."""
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        print(f"\rcounted {done:,} of {total:,} ", end="", file=sys.stderr, flush=True)

    done = FactStore(engine).rebuild(tell)
    print(f"\n{done:,} calls and orders counted in {time.monotonic() - began:.0f} s", file=sys.stderr)
    if engine.dialect.name == "postgresql":
        with writing(engine) as connection:
            connection.execute(text("ANALYZE"))


if __name__ == "__main__":
    sys.exit(main())
