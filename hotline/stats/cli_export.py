"""Writes what `hotline stats export` is asked for: calls, orders or a report, as the file's ending says."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from hotline.errors import ConfigError
from hotline.stats.export import Period, export_calls, export_orders, export_report
from hotline.stats.report import Grouping, report
from hotline.stats.sheets import Format, telling
from hotline.store.calls import CallStore
from hotline.store.views import LOCAL
from workorders.queries import OrderQueries

CALLS = "calls"
ORDERS = "orders"
FORMATS: dict[str, Format] = {".csv": "csv", ".xlsx": "xlsx", ".parquet": "parquet"}

Window = tuple[datetime, datetime]
"""Half open, aware; for a report both ends are midnights of Asia/Shanghai."""


def write_export(
    engine: Engine,
    path: Path,
    what: str,
    window: Window,
    *,
    raw: bool = False,
    told: Callable[[int], None] | None = None,
) -> int:
    """Write `calls`, `orders`, or the report by day, category, department or outcome; how many rows.

    `told` hears how far it has come. Raises `ConfigError` for a file that is none of `FORMATS` and for
    anything else asked for,
    `StoreError` or `workorders.errors.WorkOrderError` when reading or writing fails.
    """
    fmt = FORMATS.get(path.suffix.lower())
    if fmt is None:
        raise ConfigError([f"{path.name}: the file's name must end in {' or '.join(FORMATS)}"])
    start, end = window
    period = _days(window)
    if what == CALLS:
        rows = telling(CallStore(engine).iter_export(start, end), told)
        return export_calls(rows, path, fmt, raw=raw, period=period)
    if what == ORDERS:
        views = telling(OrderQueries(engine).iter_export(start, end), told)
        return export_orders(views, path, fmt, raw=raw, period=period)
    try:
        by = Grouping(what)
    except ValueError:
        known = ", ".join((CALLS, ORDERS, *Grouping))
        raise ConfigError([f"{what}: cannot be exported; choose {known}"]) from None
    return export_report(report(engine, *period, by), path, fmt)


def _days(window: Window) -> Period:
    """First day, and the day after the last, that the window touches."""
    last = window[1] - timedelta(microseconds=1)
    return window[0].astimezone(LOCAL).date(), last.astimezone(LOCAL).date() + timedelta(days=1)
