"""Sums of whole days: a quiet day is summed up once, and opened again by whatever comes late."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)

from hotline.stats.kpi.model import TABLES, How, Measure, Subject
from hotline.stats.kpi.registry import KPIS, measures
from hotline.stats.sql_text import sql_of
from hotline.store.engine import upsert
from hotline.store.stat_tables import call_sums, order_sums, stat_days, stat_labels

QUIET = timedelta(minutes=30)
"""A day that has not changed for so long is summed up."""
_FINGERPRINT = ("defs", "measures")

SUMS: dict[Subject, Table] = {Subject.CALLS: call_sums, Subject.ORDERS: order_sums}
DIMS: dict[Subject, tuple[str, ...]] = {
    Subject.CALLS: ("channel", "queue", "agent", "matter", "service", "place"),
    Subject.ORDERS: ("channel", "agent", "unit", "matter", "service", "place"),
}
"""What sums are kept by, besides the hour."""


@cache
def kept(subject: Subject) -> dict[str, Measure]:
    """The measures whose sums are kept."""
    known = measures(KPIS.values())
    names = SUMS[subject].c.keys() if subject in SUMS else ()
    return {name: known[name] for name in names if name in known}


@cache
def aggregate(measure: Measure) -> ColumnElement[Any]:
    """The measure over rows of its facts."""
    one = 1 if measure.value is None else measure.value
    chosen = case((measure.when, one), else_=0)
    return func.coalesce(func.max(chosen) if measure.how is How.PEAK else func.sum(chosen), 0)


def reopen(connection: Connection, subject: Subject, days: Collection[int], now: datetime) -> None:
    """Something of these days has changed: their sums are gone, their facts count."""
    if not days:
        return
    closed = connection.scalars(
        select(stat_days.c.day).where(
            stat_days.c.subject == subject.value, stat_days.c.day.in_(days), stat_days.c.closed == 1
        )
    ).all()
    if closed:
        connection.execute(delete(SUMS[subject]).where(SUMS[subject].c.day.in_(closed)))
    rows = [{"subject": subject.value, "day": day, "touched": now, "closed": 0} for day in sorted(days)]
    upsert(connection, stat_days, rows)


def open_days(connection: Connection, subject: Subject, first: int, end: int) -> list[int]:
    """Days from the first to before the end whose facts are to be counted."""
    wanted = select(stat_days.c.day).where(
        stat_days.c.subject == subject.value,
        stat_days.c.day >= first,
        stat_days.c.day < end,
        stat_days.c.closed == 0,
    )
    return list(connection.scalars(wanted.order_by(stat_days.c.day)))


def close_some(connection: Connection, now: datetime, most: int, quiet: timedelta = QUIET) -> int:
    """Sum up days that have been quiet, oldest first; how many."""
    _follow_definitions(connection)
    done = 0
    for subject in SUMS:
        wanted = (
            select(stat_days.c.day)
            .where(
                stat_days.c.subject == subject.value,
                stat_days.c.closed == 0,
                stat_days.c.touched <= now - quiet,
            )
            .order_by(stat_days.c.day)
            .limit(most - done)
        )
        days = list(connection.scalars(wanted))
        if days:
            close(connection, subject, days)
            done += len(days)
    return done


def close(connection: Connection, subject: Subject, days: Sequence[int]) -> None:
    """Sum up these days."""
    sums = SUMS[subject]
    connection.execute(delete(sums).where(sums.c.day.in_(days)))
    known = kept(subject)
    columns = ["dim", "day", "hour", "code", *known]
    for dim in ("", *DIMS[subject]):
        connection.execute(insert(sums).from_select(columns, _summed(subject, dim, days, known)))
    connection.execute(
        update(stat_days)
        .where(stat_days.c.subject == subject.value, stat_days.c.day.in_(days))
        .values(closed=1)
    )


def _summed(subject: Subject, dim: str, days: Sequence[int], known: dict[str, Measure]) -> Select[Any]:
    """Rows of the sums; each moment of an order's life is summed up by itself, then they are put together."""
    code = TABLES[subject].c[dim] if dim else literal("")
    parts = []
    for moment in dict.fromkeys(measure.moment for measure in known.values()):
        one = next(measure for measure in known.values() if measure.moment == moment)
        hour = literal(0) if dim else one.hour
        figures = [
            (aggregate(measure) if measure.moment == moment else literal(0)).label(name)
            for name, measure in known.items()
        ]
        keys = [one.day, *([] if dim else [one.hour]), *([code] if dim else [])]
        parts.append(
            select(one.day.label("day"), hour.label("hour"), code.label("code"), *figures)
            .where(one.day.in_(days))
            .group_by(*keys)
        )
    if len(parts) == 1:
        inner = parts[0].subquery()
        return select(
            literal(dim), inner.c.day, inner.c.hour, inner.c.code, *(inner.c[name] for name in known)
        )
    inner = union_all(*parts).subquery()
    together = [
        func.max(inner.c[name]) if one.how is How.PEAK else func.sum(inner.c[name])
        for name, one in known.items()
    ]
    keys = [inner.c.day, inner.c.hour, inner.c.code]
    return select(literal(dim), *keys, *together).group_by(*keys)


def _follow_definitions(connection: Connection) -> None:
    """A release that counts something otherwise finds the sums of the one before: all days are open then."""
    kind, code = _FINGERPRINT
    now = fingerprint()
    was = connection.execute(
        select(stat_labels.c.label).where(stat_labels.c.kind == kind, stat_labels.c.code == code)
    ).scalar_one_or_none()
    if was == now:
        return
    for sums in SUMS.values():
        connection.execute(delete(sums))
    connection.execute(update(stat_days).values(closed=0))
    upsert(connection, stat_labels, [{"kind": kind, "code": code, "label": now}])


def fingerprint(known: Iterable[Measure] | None = None) -> str:
    """Tells one set of definitions from another."""
    every = known if known is not None else (one for subject in SUMS for one in kept(subject).values())
    return hashlib.sha256(
        "\n".join(f"{one.key} {one.day.name} {sql_of(one)}" for one in every).encode()
    ).hexdigest()
