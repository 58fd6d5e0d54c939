"""The list behind a figure: exactly the rows it counts, found with the same condition, a page at a time."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Row,
    Select,
    and_,
    func,
    or_,
    select,
)

from hotline.errors import ConfigError
from hotline.stats.kpi.model import TABLES, Kpi, Measure, Subject
from hotline.stats.labels import read_labels
from hotline.stats.scope import Scope, Teams, applies, row_condition
from hotline.store.engine import reading
from hotline.store.stat_tables import agent_hours, call_facts, order_facts
from hotline.store.tables import calls
from workorders.tables import UtcDateTime

MAX_ROWS = 500
_CHUNK = 1_000

_ORDER: dict[Subject, tuple[Column[Any], ...]] = {
    Subject.CALLS: (call_facts.c.started, call_facts.c.call_id),
    Subject.ORDERS: (order_facts.c.filed, order_facts.c.order_id),
    Subject.HOURS: (agent_hours.c.day, agent_hours.c.hour, agent_hours.c.agent),
}
"""Oldest first."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A figure whose list is wanted."""

    kpi: Kpi
    part: str
    """`numerator`, `denominator` or `rows`: one of the figure's lists."""
    scope: Scope
    key: str | None = None
    """Of the row; None: the whole report."""

    @property
    def measure(self) -> Measure:
        """What is counted. Raises `ConfigError` for a part that is no count of rows."""
        found = self.kpi.lists.get(self.part)
        if found is None or not applies(self.kpi.subject, self.scope):
            raise ConfigError([f"part: {self.kpi.key} has no list of that"])
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list."""

    subject: Subject
    count: int
    """Of the whole list."""
    rows: tuple[dict[str, Any], ...]
    """Column → value; `remote` and `number` of calls are personal data."""
    next: str | None
    """Cursor of the rows after these."""


class Lists:
    """Lists on one database. Blocks; raises `StoreError` and `ConfigError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, behind: Behind, cursor: str = "", limit: int = 50) -> Page:
        """The rows after the cursor, oldest first."""
        with reading(self._engine) as connection:
            where = self._where(connection, behind)
            return page_of(connection, behind.measure.subject, where, cursor, limit)

    def every(self, behind: Behind) -> Iterator[dict[str, Any]]:
        """All rows, oldest first; memory does not grow with them."""
        subject = behind.measure.subject
        with reading(self._engine) as connection:
            wanted = _select(subject, self._where(connection, behind)).order_by(*_ORDER[subject])
            for row in connection.execute(wanted.execution_options(yield_per=_CHUNK)):
                yield dict(row._mapping)

    def _where(self, connection: Connection, behind: Behind) -> ColumnElement[bool]:
        teams: Teams = read_labels(connection, None).teams
        return row_condition(behind.measure, behind.scope, behind.key, teams)


def page_of(
    connection: Connection, subject: Subject, where: ColumnElement[bool], cursor: str, limit: int
) -> Page:
    """The facts that fit, after the cursor, oldest first. Raises `ConfigError` for a cursor that is none."""
    size = max(1, min(limit, MAX_ROWS))
    count = connection.execute(select(func.count()).select_from(TABLES[subject]).where(where)).scalar_one()
    found = connection.execute(_after(_select(subject, where), subject, cursor).limit(size + 1)).all()
    rows = tuple(dict(row._mapping) for row in found[:size])
    return Page(subject, count, rows, _cursor(subject, found[size - 1]) if len(found) > size else None)


def _select(subject: Subject, where: ColumnElement[bool]) -> Select[Any]:
    if subject is Subject.CALLS:
        wanted = select(call_facts, calls.c.remote, calls.c.dialled, calls.c.ended)
        return wanted.outerjoin(calls, calls.c.id == call_facts.c.call_id).where(where)
    return select(TABLES[subject]).where(where)


def _after(wanted: Select[Any], subject: Subject, cursor: str) -> Select[Any]:
    order = _ORDER[subject]
    wanted = wanted.order_by(*order)
    if not cursor:
        return wanted
    return wanted.where(_behind(order, _position(subject, cursor)))


def _behind(order: Sequence[ColumnElement[Any]], position: Sequence[Any]) -> ColumnElement[bool]:
    head, first = order[0], position[0]
    after: ColumnElement[bool] = head > first
    return after if len(order) == 1 else or_(after, and_(head == first, _behind(order[1:], position[1:])))


def _cursor(subject: Subject, row: Row[Any]) -> str:
    values = [getattr(row, column.name) for column in _ORDER[subject]]
    text = "|".join(value.isoformat() if isinstance(value, datetime) else str(value) for value in values)
    return urlsafe_b64encode(text.encode()).decode()


def _position(subject: Subject, cursor: str) -> list[Any]:
    order = _ORDER[subject]
    try:
        parts = urlsafe_b64decode(cursor.encode()).decode().split("|", len(order) - 1)
        found = [_read(column, part) for column, part in zip(order, parts, strict=True)]
    except ValueError as error:  # binascii.Error and UnicodeError are ValueErrors
        raise ConfigError(["cursor: not one of this list"]) from error
    return found


def _read(column: Column[Any], text: str) -> Any:
    if isinstance(column.type, UtcDateTime):
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        return at
    return int(text) if isinstance(column.type, Integer) else text
