"""Counts the calls of a period by day, category, department or outcome; SQL does all the counting.

Rules, the same for every grouping: a call belongs to the moment it started; windows are half open; days are
those of Asia/Shanghai; a call is counted once, and an order with the call it came from. Nothing depends on
when the report is made, so the same window gives the same rows once its calls and orders are closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Row,
    Select,
    String,
    and_,
    case,
    cast,
    extract,
    func,
    select,
    text,
    type_coerce,
)

from hotline.conversation import CALLED_BACK, OF_CALLERS
from hotline.store.engine import reading
from hotline.store.tables import calls, intents
from hotline.store.views import local_midnight
from workorders.model import Action, State
from workorders.tables import order_history, work_orders

Cell = str | int | Decimal | None
"""None: there is nothing to divide by."""


class Grouping(StrEnum):
    """What a row of a report stands for."""

    DAY = "day"
    CATEGORY = "category"
    DEPARTMENT = "department"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class Report:
    """A table of figures."""

    by: Grouping
    since: date
    """First day, Asia/Shanghai."""
    until: date
    """The day after the last."""
    columns: tuple[str, ...]
    """Names of the columns; their headings are data."""
    rows: tuple[tuple[Cell, ...], ...]


def report(engine: Engine, since: date, until: date, by: Grouping) -> Report:
    """The figures of the calls that started in [since, until). Blocks; raises `StoreError`.

    By day every day has its row, also one without calls. By department orders are counted, not calls.
    """
    make = {
        Grouping.DAY: _by_day,
        Grouping.CATEGORY: _by_category,
        Grouping.DEPARTMENT: _by_department,
        Grouping.OUTCOME: _by_outcome,
    }[by]
    with reading(engine) as connection:
        columns, rows = make(connection, since, until)
    return Report(by, since, until, columns, tuple(rows))


def share(part: int, whole: int, places: int = 1) -> Decimal | None:
    """`part` of `whole` in per cent, rounded half up as people do; None of nothing."""
    if whole == 0:
        return None
    return _rounded(Decimal(part) * 100 / Decimal(whole), places)


_FIGURES = (
    "calls",
    "answered",
    *(f"outcome_{outcome}" for outcome in OF_CALLERS),
    "open",
    "mean_talk_seconds",
)

_Table = tuple[tuple[str, ...], Sequence[tuple[Cell, ...]]]


def _by_day(connection: Connection, since: date, until: date) -> _Table:
    day = _local_day(connection)
    rows = connection.execute(_figures(connection, since, until, day.label("day")).group_by(day)).all()
    found = {row.day: row for row in rows}
    days = [(since + timedelta(days=count)).isoformat() for count in range((until - since).days)]
    none: tuple[Cell, ...] = (0,) * (len(_FIGURES) - 1) + (None,)
    return ("day", *_FIGURES), [(day, *(_cells(found[day]) if day in found else none)) for day in days]


def _by_category(connection: Connection, since: date, until: date) -> _Table:
    code = func.coalesce(intents.c.matter, "")
    # Labels are what was current when the call was understood; one code keeps one row, with its latest.
    label = func.coalesce(func.max(intents.c.matter_label), "")
    query = _figures(connection, since, until, code.label("category"), label.label("label"))
    rows = connection.execute(query.group_by(code).order_by(func.count().desc(), code)).all()
    total = sum(row.calls for row in rows)
    return ("category", "category_label", *_FIGURES, "share"), [
        (row.category, row.label, *_cells(row), share(row.calls, total)) for row in rows
    ]


def _by_outcome(connection: Connection, since: date, until: date) -> _Table:
    outcome = func.coalesce(calls.c.outcome, "open")
    query = _figures(connection, since, until, outcome.label("key"))
    found = {row.key: row for row in connection.execute(query.group_by(outcome))}
    total = sum(row.calls for row in found.values())
    keys = [*(outcome.value for outcome in OF_CALLERS), "open"]
    return ("outcome", "calls", "share", "mean_talk_seconds"), [
        (
            key,
            found[key].calls if key in found else 0,
            share(found[key].calls if key in found else 0, total),
            _mean(found[key]) if key in found else None,
        )
        for key in keys
    ]


def _by_department(connection: Connection, since: date, until: date) -> _Table:
    # An order that did not come by a call (other channels will file some) counts by its own time.
    moment = func.coalesce(calls.c.started, work_orders.c.filed_at)
    replied = (
        select(order_history.c.order_id, func.min(order_history.c.at).label("at"))
        .where(order_history.c.action == Action.REPLY.value)
        .group_by(order_history.c.order_id)
        .subquery()
    )
    in_time = and_(replied.c.at.is_not(None), replied.c.at <= work_orders.c.due_at)
    states = [_count_if(work_orders.c.state == state.value).label(state.value) for state in State]
    query = (
        select(
            work_orders.c.unit,
            func.max(work_orders.c.unit_name).label("unit_name"),
            func.count().label("orders"),
            *states,
            _count_if(work_orders.c.due_at.is_not(None)).label("with_deadline"),
            _count_if(in_time).label("replied_in_time"),
        )
        .select_from(work_orders)
        .outerjoin(calls, calls.c.id == work_orders.c.call_id)
        .outerjoin(replied, replied.c.order_id == work_orders.c.id)
        .where(moment >= local_midnight(since), moment < local_midnight(until))
        .group_by(work_orders.c.unit)
        .order_by(func.count().desc(), work_orders.c.unit)
    )
    columns = (
        "unit",
        "unit_name",
        "orders",
        *(state.value for state in State),
        "with_deadline",
        "replied_in_time",
    )
    rows = [tuple(row) for row in connection.execute(query)]
    return (*columns, "replied_in_time_share"), [(*row, share(row[-1], row[-2])) for row in rows]


def _figures(connection: Connection, since: date, until: date, *keys: ColumnElement[Any]) -> Select[Any]:
    talked = and_(calls.c.answered.is_not(None), calls.c.ended.is_not(None))
    return (
        select(
            *keys,
            func.count().label("calls"),
            _count_if(calls.c.answered.is_not(None)).label("answered"),
            *(
                _count_if(calls.c.outcome == outcome.value).label(f"outcome_{outcome}")
                for outcome in OF_CALLERS
            ),
            _count_if(calls.c.state == "open").label("open"),
            _count_if(talked).label("talked"),
            func.coalesce(func.sum(_talk_ms(connection)), 0).label("talk_ms"),
        )
        .select_from(calls)
        .outerjoin(intents, intents.c.call_id == calls.c.id)
        .where(
            calls.c.channel != CALLED_BACK,
            calls.c.started >= local_midnight(since),
            calls.c.started < local_midnight(until),
        )
    )


def _cells(row: Row[Any]) -> tuple[Cell, ...]:
    counts = tuple(getattr(row, name) for name in _FIGURES[:-1])
    return (*counts, _mean(row))


def _mean(row: Row[Any]) -> Decimal | None:
    if row.talked == 0:
        return None
    return _rounded(Decimal(int(row.talk_ms)) / 1000 / Decimal(row.talked), 1)


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _local_day(connection: Connection) -> ColumnElement[str]:
    """The day of Asia/Shanghai in which a call started, as YYYY-MM-DD."""
    if connection.dialect.name == "postgresql":
        # Written out, so that select and group by are the same expression to the server.
        return func.to_char(func.timezone(text("'Asia/Shanghai'"), calls.c.started), text("'YYYY-MM-DD'"))
    # SQLite knows no zones; Shanghai has been at +8 hours without summer time since 1992. The fraction is cut
    # off because SQLite would round it, and the last moment of a day into the next one.
    whole = func.substr(type_coerce(calls.c.started, String), 1, 19)
    return func.strftime(text("'%Y-%m-%d'"), whole, text("'+8 hours'"))


def _talk_ms(connection: Connection) -> ColumnElement[int]:
    """Whole milliseconds from answer to end; NULL without both."""
    if connection.dialect.name == "postgresql":
        return cast(extract("epoch", calls.c.ended - calls.c.answered) * 1000, Integer)
    days = func.julianday(calls.c.ended) - func.julianday(calls.c.answered)
    return cast(func.round(days * 86_400_000), Integer)
