"""The log of queue, calls and agents in the database: rows are added, read back, and closed after a crash."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, or_, select

from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import CallId
from hotline.store.engine import reading, storable, writing
from hotline.store.tables import acd_log

LOOK_BACK = timedelta(days=7)
"""How far back `recover` looks for what a killed process left open."""
PAGE = 1_000
"""Rows read at once by `iter_between`."""

_ENTERS = (LogKind.ENTERQUEUE, LogKind.REQUEUE)
_EXITS = (
    LogKind.CONNECT,
    LogKind.ABANDON,
    LogKind.EXITWITHTIMEOUT,
    LogKind.EXITEMPTY,
    LogKind.CALLBACK,
)


class AcdLogStore:
    """The table of `AcdLog` lines. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, lines: Sequence[AcdLog]) -> None:
        """Write lines, all or none."""
        if lines:
            with writing(self._engine) as connection:
                connection.execute(acd_log.insert(), [_values(line) for line in lines])

    def of_call(self, call: CallId) -> list[AcdLog]:
        """Everything about a call, in the order it happened."""
        wanted = select(acd_log).where(acd_log.c.call_id == storable(call)).order_by(acd_log.c.id)
        with reading(self._engine) as connection:
            return [_line(row) for row in connection.execute(wanted)]

    def iter_between(self, start: datetime, end: datetime) -> Iterator[AcdLog]:
        """Lines from `start` to before `end` (aware), by time; memory does not grow with them."""
        c = acd_log.c
        # by the index of times: by id alone a large table would be read from its beginning
        wanted = select(acd_log).where(c.at < end).order_by(c.at, c.id).limit(PAGE)
        after = c.at >= start
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(wanted.where(after)).all()
            yield from (_line(row) for row in rows)
            if len(rows) < PAGE:
                return
            after = or_(c.at > rows[-1].at, and_(c.at == rows[-1].at, c.id > rows[-1].id))
            after = and_(after, c.at >= rows[-1].at)

    def recover(self, now: datetime) -> list[AcdLog]:
        """Close what a process that was killed left open: agents signed in (AGENTLOGOFF) and calls in the
        queue (ABANDON), both with the reason `restart`; the lines written. Harmless when repeated."""
        with writing(self._engine) as connection:
            since = now - LOOK_BACK
            lines = [*_signed_in(connection, since, now), *_in_queue(connection, since, now)]
            if lines:
                connection.execute(acd_log.insert(), [_values(line) for line in lines])
        return lines


def _signed_in(connection: Connection, since: datetime, now: datetime) -> list[AcdLog]:
    there: dict[str, None] = {}
    kinds = (LogKind.AGENTLOGIN, LogKind.AGENTLOGOFF)
    for row in connection.execute(_of_kinds(kinds, since)):
        if row.kind == LogKind.AGENTLOGIN.value:
            there[row.agent] = None
        else:
            there.pop(row.agent, None)
    return [AcdLog(now, LogKind.AGENTLOGOFF, None, name, "", {"reason": "restart"}) for name in there]


def _in_queue(connection: Connection, since: datetime, now: datetime) -> list[AcdLog]:
    waiting: dict[str, Row[Any]] = {}
    for row in connection.execute(_of_kinds((*_ENTERS, *_EXITS), since)):
        if row.kind in {kind.value for kind in _ENTERS}:
            waiting[row.call_id] = row
        elif not row.facts.get("handed"):
            waiting.pop(row.call_id, None)
    return [
        AcdLog(now, LogKind.ABANDON, CallId(call), None, row.queue, {"reason": "restart"})
        for call, row in waiting.items()
    ]


def _of_kinds(kinds: Sequence[LogKind], since: datetime) -> Select[Any]:
    wanted = select(acd_log).where(acd_log.c.kind.in_([kind.value for kind in kinds]))
    return wanted.where(acd_log.c.at >= since).order_by(acd_log.c.id)


def _values(line: AcdLog) -> dict[str, Any]:
    return {
        "at": line.at,
        "kind": line.kind.value,
        "call_id": line.call,
        "agent": storable(line.agent) if line.agent is not None else None,
        "queue": storable(line.queue),
        "facts": dict(line.facts),
    }


def _line(row: Row[Any]) -> AcdLog:
    call = CallId(row.call_id) if row.call_id is not None else None
    return AcdLog(row.at, LogKind(row.kind), call, row.agent, row.queue, row.facts)
