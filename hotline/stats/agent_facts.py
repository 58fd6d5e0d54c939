"""Computes agents' time by hour from the log, and writes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, select

from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import CallId
from hotline.stats.agent_fold import CHANGES, Doing, Hours, hours, spans
from hotline.stats.days import begins, slot
from hotline.store.stat_tables import agent_hours
from hotline.store.tables import acd_log

Reach = tuple[datetime, datetime]
"""First and last changed line of an agent."""


def write_agent_facts(connection: Connection, changed: Mapping[str, Reach]) -> set[str]:
    """Compute the hours of these agents anew, as far as the changed lines reach; the calls whose wrap-up may
    have changed with them."""
    wrapped: set[str] = set()
    for agent, (first, last) in sorted(changed.items()):
        before, after = _neighbour(connection, agent, first), _neighbour(connection, agent, last, later=True)
        since = slot(before or first)[0]
        until = slot(after or last)[0]
        lines = _lines(connection, agent, since, until + 1)
        found = list(spans(lines))
        wrapped |= {span.call for span in found if span.call is not None and span.until >= first}
        _write(connection, agent, (since, until), hours(found))
    return wrapped


def _neighbour(connection: Connection, agent: str, at: datetime, *, later: bool = False) -> datetime | None:
    """When the line before, or after, was."""
    wanted = _changes(agent)
    if later:
        wanted = wanted.where(acd_log.c.at > at).order_by(acd_log.c.at)
    else:
        wanted = wanted.where(acd_log.c.at < at).order_by(acd_log.c.at.desc())
    row = connection.execute(wanted.limit(1)).one_or_none()
    return None if row is None else row.at


def _lines(connection: Connection, agent: str, since: int, until: int) -> list[AcdLog]:
    """The lines of these days, and the one before and after them, in order."""
    start, end = begins(since), begins(until)
    wanted = _changes(agent)
    before = wanted.where(acd_log.c.at < start).order_by(acd_log.c.at.desc(), acd_log.c.id.desc()).limit(1)
    after = wanted.where(acd_log.c.at >= end).order_by(acd_log.c.at, acd_log.c.id).limit(1)
    inside = wanted.where(acd_log.c.at >= start, acd_log.c.at < end).order_by(acd_log.c.at, acd_log.c.id)
    rows = [row for each in (before, inside, after) for row in connection.execute(each)]
    return [_line(row) for row in rows]


def _write(connection: Connection, agent: str, days: tuple[int, int], found: Hours) -> None:
    (since, until), there = days, agent_hours.c
    connection.execute(
        delete(agent_hours).where(there.agent == agent, there.day >= since, there.day <= until)
    )
    rows = [
        {
            "day": day,
            "hour": hour,
            "agent": agent,
            **{f"{doing.value}_ms": spent.get(doing, 0) for doing in Doing},
        }
        for (day, hour), spent in sorted(found.items())
        if since <= day <= until
    ]
    if rows:
        connection.execute(agent_hours.insert(), rows)


def _changes(agent: str) -> Select[Any]:
    kinds = [kind.value for kind in CHANGES]
    return select(acd_log).where(acd_log.c.agent == agent, acd_log.c.kind.in_(kinds))


def _line(row: Row[Any]) -> AcdLog:
    call = CallId(row.call_id) if row.call_id is not None else None
    return AcdLog(row.at, LogKind(row.kind), call, row.agent, row.queue, row.facts)


def whole(connection: Connection) -> dict[str, Reach]:
    """Every agent's first and last line."""
    first, last = func.min(acd_log.c.at).label("first"), func.max(acd_log.c.at).label("last")
    wanted = select(acd_log.c.agent, first, last)
    wanted = wanted.where(acd_log.c.agent.is_not(None)).group_by(acd_log.c.agent)
    return {row.agent: (row.first, row.last) for row in connection.execute(wanted)}
