"""Reads of orders for pages, the API and exports; plain queries, nothing is changed."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    Table,
    and_,
    func,
    or_,
    select,
)

from workorders.calendar import SHANGHAI
from workorders.errors import WorkOrderError
from workorders.model import Action, HistoryEntry, State, WorkOrder
from workorders.number import BadNumber, is_valid, parse
from workorders.ports import TaskKind
from workorders.sql import field_from, order_from, translated
from workorders.tables import order_fields, order_history, order_outbox, work_orders

MAX_LIMIT = 500
MAX_WORDS = 8
CHUNK = 200
"""Orders of an export read at a time."""
PHONE_DIGITS = 4
"""A run of this many digits is also looked for in callers' numbers."""
_c = work_orders.c
_ByOrder = dict[int, list[RowMapping]]


class BadCursor(WorkOrderError):
    """`after` is not a cursor of this search."""

    code = "order.bad_cursor"


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its history."""

    order: WorkOrder
    history: tuple[HistoryEntry, ...]
    """Oldest first."""
    deliveries: tuple["DeliveryView", ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """How a delivery to the unit's own system stands."""

    delivery_id: str
    status: str
    """waiting, done or dead."""
    attempts: int
    problem: str | None
    """Code of the last failure."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list."""

    number: str
    call_id: str
    filed_at: datetime
    state: State
    urgency: str
    matter: str
    matter_label: str
    service_label: str
    district: str
    summary: str
    unit: str
    unit_name: str
    sign_by: datetime | None
    due: datetime | None
    flags: tuple[str, ...]
    cursor: str
    """Give as `after` to go on behind this row."""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What to look for; None and empty mean everything."""

    text: str = ""
    """Words, all of which must occur in number, labels, unit, summary or fields; or a telephone number."""
    state: State | None = None
    unit: str | None = None
    matter: str | None = None
    """Code or prefix of codes."""
    first_day: date | None = None
    """Asia/Shanghai day of filing, inclusive."""
    last_day: date | None = None
    """Inclusive."""
    hidden_from: tuple[str, ...] = ()
    """Names of who looks: complaints about them, and about the unit that looks, do not exist for them."""
    limit: int = 50
    after: str | None = None
    """`OrderRow.cursor` of the last row seen."""


class OrderQueries:
    """Blocking reads on an engine. Raises `StorageFailed` when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(read_only=True)

    def get(self, number: str) -> OrderView | None:
        """The order of a number as people write it; None when there is none, or it is no number."""
        try:
            canonical = str(parse(number))
        except BadNumber:
            return None
        return next(iter(self._views(select(work_orders).where(_c.number == canonical))), None)

    def by_call(self, call_id: str) -> list[OrderView]:
        """A call's orders, by matter."""
        return self._views(select(work_orders).where(_c.call_id == call_id).order_by(_c.matter_no))

    def search(self, wanted: OrderFilter) -> list[OrderRow]:
        """Newest first. Raises `BadCursor`."""
        query = (
            select(work_orders)
            .where(*_conditions(wanted))
            .order_by(_c.filed_at.desc(), _c.id.desc())
            .limit(max(1, min(wanted.limit, MAX_LIMIT)))
        )
        with translated(), self._engine.connect() as connection:
            return [_row(row) for row in connection.execute(query).mappings()]

    def count(self, wanted: OrderFilter) -> int:
        """How many orders the filter means, whatever its limit and cursor."""
        uncut = _conditions(wanted, paged=False)
        with translated(), self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(work_orders).where(*uncut)) or 0

    def iter_export(self, first: datetime, last: datetime) -> Iterator[OrderView]:
        """Orders filed at or after `first` and before `last`, oldest first, in chunks.

        Every chunk is a read of its own: a long download holds no transaction open.
        """
        position: tuple[datetime, int] | None = None
        while True:
            query = (
                select(work_orders)
                .where(_c.filed_at >= first, _c.filed_at < last)
                .order_by(_c.filed_at, _c.id)
                .limit(CHUNK)
            )
            if position is not None:
                query = query.where(_behind(position, newest_first=False))
            with translated(), self._engine.connect() as connection:
                rows = connection.execute(query).mappings().all()
                views = _details(connection, rows)
            yield from views
            if len(rows) < CHUNK:
                return
            position = (rows[-1]["filed_at"], rows[-1]["id"])

    def _views(self, query: Select[Any]) -> list[OrderView]:
        with translated(), self._engine.connect() as connection:
            return _details(connection, connection.execute(query).mappings().all())


def _details(connection: Connection, rows: Sequence[RowMapping]) -> list[OrderView]:
    """Orders with fields, history and deliveries: three reads for all of them together."""
    if not rows:
        return []
    ids = [row["id"] for row in rows]

    def by_order(table: Table, position: ColumnElement[Any], *where: ColumnElement[bool]) -> _ByOrder:
        found: _ByOrder = {}
        query = select(table).where(table.c.order_id.in_(ids), *where).order_by(position)
        for item in connection.execute(query).mappings():
            found.setdefault(item["order_id"], []).append(item)
        return found

    fields = by_order(order_fields, order_fields.c.position)
    history = by_order(order_history, order_history.c.id)
    deliveries = by_order(order_outbox, order_outbox.c.id, order_outbox.c.kind == TaskKind.WEBHOOK)
    return [
        OrderView(
            order_from(row, tuple(field_from(item) for item in fields.get(row["id"], ()))),
            tuple(_entry(item) for item in history.get(row["id"], ())),
            tuple(
                DeliveryView(item["delivery_id"], item["status"], item["attempts"], item["problem"])
                for item in deliveries.get(row["id"], ())
            ),
        )
        for row in rows
    ]


def _entry(item: RowMapping) -> HistoryEntry:
    return HistoryEntry(
        at=item["at"],
        actor=item["actor"],
        action=Action(item["action"]),
        from_state=None if item["from_state"] is None else State(item["from_state"]),
        to_state=State(item["to_state"]),
        field=item["field"],
        machine_value=item["machine_value"],
        human_value=item["human_value"],
        text=item["text"],
    )


def _row(row: RowMapping) -> OrderRow:
    return OrderRow(
        number=row["number"],
        call_id=row["call_id"],
        filed_at=row["filed_at"],
        state=State(row["state"]),
        urgency=row["urgency"],
        matter=row["matter"],
        matter_label=row["matter_label"],
        service_label=row["service_label"],
        district=row["district"],
        summary=row["summary"],
        unit=row["unit"],
        unit_name=row["unit_name"],
        sign_by=row["sign_by"],
        due=row["due_at"],
        flags=tuple(row["flags"]),
        cursor=_cursor(row["filed_at"], row["id"]),
    )


def _conditions(wanted: OrderFilter, *, paged: bool = True) -> Iterator[ColumnElement[bool]]:
    if wanted.state is not None:
        yield _c.state == wanted.state.value
    if wanted.unit is not None:
        yield _c.unit == wanted.unit
        yield _c.against_unit != wanted.unit
    if wanted.hidden_from:
        yield _c.against_person.not_in([*wanted.hidden_from])
    if wanted.matter is not None:
        yield or_(_c.matter == wanted.matter, _c.matter.startswith(wanted.matter + ".", autoescape=True))
    if wanted.first_day is not None:
        yield _c.filed_at >= _midnight(wanted.first_day)
    if wanted.last_day is not None:
        yield _c.filed_at < _midnight(wanted.last_day + timedelta(days=1))
    for word in wanted.text.casefold().split()[:MAX_WORDS]:
        yield _mentions(word)
    if paged and wanted.after is not None:
        yield _behind(_position(wanted.after), newest_first=True)


def _mentions(word: str) -> ColumnElement[bool]:
    # A plain substring: Chinese has no spaces, and the commonest legal words have two characters, fewer than
    # the trigrams that the databases' own text indexes start at.
    found = _c.search_text.contains(word, autoescape=True)
    if is_valid(word):
        return or_(found, _c.number == str(parse(word)))
    if word.isascii() and word.isdigit() and len(word) >= PHONE_DIGITS:
        return or_(found, _c.caller_contact.contains(word, autoescape=True))
    return found


def _behind(position: tuple[datetime, int], *, newest_first: bool) -> ColumnElement[bool]:
    at, row_id = position
    if newest_first:
        return or_(_c.filed_at < at, and_(_c.filed_at == at, _c.id < row_id))
    return or_(_c.filed_at > at, and_(_c.filed_at == at, _c.id > row_id))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def _cursor(at: datetime, row_id: int) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row_id}".encode()).decode()


def _position(cursor: str) -> tuple[datetime, int]:
    try:
        at, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        position = (datetime.fromisoformat(at), int(row_id))
    except ValueError as error:  # binascii.Error and UnicodeError are ValueErrors
        raise BadCursor("not a cursor of this search") from error
    if position[0].tzinfo is None or not 0 <= position[1] < 2**63:
        raise BadCursor("not a cursor of this search")
    return position
