"""Reads of orders for pages, the API and exports; plain queries, nothing is changed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, Select, Table, case, func, select

from workorders.attachments import Attachment
from workorders.history_rows import history
from workorders.model import Action, HistoryEntry, State, WorkOrder
from workorders.number import BadNumber, parse
from workorders.order_columns import attachment_from, field_from, order_from
from workorders.order_filter import BadCursor, OrderFilter, behind, cursor_of
from workorders.order_search import look, most_counted, newest
from workorders.ports import TaskKind
from workorders.storage import translated
from workorders.tables import order_attachments, order_fields, order_history, order_outbox, work_orders
from workorders.unit_changes import Standing

__all__ = ["BadCursor", "OrderFilter", "OrderQueries", "OrderRow", "OrderView", "most_counted"]

MAX_LIMIT = 500
CHUNK = 200
"""Orders of an export read at a time."""
_c = work_orders.c
_other = work_orders.alias("other_orders")
_ByOrder = dict[int, list[RowMapping]]


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its history."""

    order: WorkOrder
    history: tuple[HistoryEntry, ...]
    """Oldest first."""
    deliveries: tuple["DeliveryView", ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def standing(self) -> Standing:
        """Whose order it is."""
        return Standing(self.order.unit, self.order.state, self.order.life.against_unit)


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
    """Empty once its content was deleted."""
    unit: str
    unit_name: str
    sign_by: datetime | None
    due: datetime | None
    flags: tuple[str, ...]
    channel: str
    content_deleted_at: datetime | None
    """When retention deleted what was personal."""
    cursor: str
    """Give as `after` to go on behind this row."""


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

    def several(self, numbers: Sequence[str]) -> list[OrderView]:
        """The orders of these numbers, in their order; those there are."""
        found = {
            str(each.order.number): each
            for each in self._views(select(work_orders).where(_c.number.in_(numbers)))
        }
        return [found[number] for number in numbers if number in found]

    def by_call(self, call_id: str) -> list[OrderView]:
        """A call's orders, by matter."""
        return self._views(select(work_orders).where(_c.call_id == call_id).order_by(_c.matter_no))

    def search(self, wanted: OrderFilter) -> list[OrderRow]:
        """Newest first. Raises `BadCursor`."""
        limit = max(1, min(wanted.limit, MAX_LIMIT))
        with translated(), self._engine.connect() as connection:
            query = newest(look(connection, wanted), limit)
            return [order_row(row) for row in connection.execute(query).mappings()]

    def values(self, numbers: Sequence[str], field: str) -> dict[str, str]:
        """Order number → the value of one field, where the order has it."""
        wanted = (
            select(_c.number, order_fields.c.value)
            .join(order_fields, order_fields.c.order_id == _c.id)
            .where(_c.number.in_(numbers), order_fields.c.name == field)
        )
        with translated(), self._engine.connect() as connection:
            return {row.number: row.value for row in connection.execute(wanted)}

    def count(self, wanted: OrderFilter) -> int:
        """How many orders the filter means, whatever its limit and cursor."""
        return self.counts([wanted])[0]

    def counts(self, filters: Sequence[OrderFilter]) -> list[int]:
        """How many orders each filter means, all at one moment. Those that differ in their states alone are
        counted together."""
        wholes = [replace(each, states=()) for each in filters]
        with translated(), self._engine.connect() as connection:
            by_state = {
                each: _by_state(connection, each) for each, times in Counter(wholes).items() if times > 1
            }
            return [
                _within(by_state[whole], each.states) if whole in by_state else _count(connection, each)
                for each, whole in zip(filters, wholes, strict=True)
            ]

    def tally(self, wanted: OrderFilter) -> tuple[int, int]:
        """Matters and callers the filter means: merged orders are one matter, each with its caller.

        More than `most_counted` callers are not told apart: both are one more than that.
        """
        most = most_counted(picked=bool(wanted.own))
        with translated(), self._engine.connect() as connection:
            looked = look(connection, wanted, paged=False)
            if looked.settled:
                return most + 1, most + 1
            some = looked.ids().limit(most + 1).subquery()
            inside = case((some.c.id.in_(select(_other.c.id).where(_other.c.parent > "")), 1), else_=0)
            both = select(func.count(), func.coalesce(func.sum(inside), 0)).select_from(some)
            callers, merged = connection.execute(both).one()
            return (callers, callers) if callers > most else (callers - merged, callers)

    def listed(self, numbers: Sequence[str], wanted: OrderFilter) -> list[OrderRow]:
        """Those of these orders that the filter means, newest first."""
        with translated(), self._engine.connect() as connection:
            conditions = look(connection, wanted, paged=False).conditions()
            query = (
                select(work_orders)
                .where(_c.number.in_(numbers), *conditions)
                .order_by(_c.filed_at.desc(), _c.id.desc())
            )
            return [order_row(row) for row in connection.execute(query).mappings()]

    def finds(self, number: str, wanted: OrderFilter) -> bool:
        """Whether the order of that number is among those the filter means."""
        with translated(), self._engine.connect() as connection:
            conditions = look(connection, wanted, paged=False).conditions()
            found = select(_c.id).where(_c.number == number, *conditions)
            return connection.execute(found).first() is not None

    def iter_export(
        self, first: datetime, last: datetime, hidden_from: tuple[str, ...] = ()
    ) -> Iterator[OrderView]:
        """Orders filed at or after `first` and before `last`, oldest first, in chunks.

        Every chunk is a read of its own: a long download holds no transaction open.
        """
        position: tuple[datetime, int] | None = None
        while True:
            query = (
                select(work_orders)
                .where(_c.filed_at >= first, _c.filed_at < last, _c.against_person.not_in(hidden_from))
                .order_by(_c.filed_at, _c.id)
                .limit(CHUNK)
            )
            if position is not None:
                query = query.where(behind(position, newest_first=False))
            with translated(), self._engine.connect() as connection:
                rows = connection.execute(query).mappings().all()
                views = views_of(connection, rows)
            yield from views
            if len(rows) < CHUNK:
                return
            position = (rows[-1]["filed_at"], rows[-1]["id"])

    def _views(self, query: Select[Any]) -> list[OrderView]:
        with translated(), self._engine.connect() as connection:
            return views_of(connection, connection.execute(query).mappings().all())


def _by_state(connection: Connection, wanted: OrderFilter) -> Mapping[str, int]:
    uncut = look(connection, wanted, paged=False).conditions()
    counted = select(_c.state, func.count().label("orders")).where(*uncut).group_by(_c.state)
    return {row.state: row.orders for row in connection.execute(counted)}


def _within(by_state: Mapping[str, int], states: Sequence[State]) -> int:
    """Of no states in particular: of all."""
    return sum(count for state, count in by_state.items() if not states or state in states)


def _count(connection: Connection, wanted: OrderFilter) -> int:
    uncut = look(connection, wanted, paged=False).conditions()
    return connection.scalar(select(func.count()).select_from(work_orders).where(*uncut)) or 0


def views_of(connection: Connection, rows: Sequence[RowMapping]) -> list[OrderView]:
    """Orders with fields, history and deliveries: four reads for all of them together."""
    if not rows:
        return []
    ids = [row["id"] for row in rows]

    def by_order(table: Table, position: ColumnElement[Any], *where: ColumnElement[bool]) -> _ByOrder:
        found: _ByOrder = {}
        columns = history() if table is order_history else select(table)
        query = columns.where(table.c.order_id.in_(ids), *where).order_by(position)
        for item in connection.execute(query).mappings():
            found.setdefault(item["order_id"], []).append(item)
        return found

    fields = by_order(order_fields, order_fields.c.position)
    lines = by_order(order_history, order_history.c.id)
    files = by_order(order_attachments, order_attachments.c.id)
    deliveries = by_order(order_outbox, order_outbox.c.id, order_outbox.c.kind == TaskKind.WEBHOOK)
    return [
        OrderView(
            order_from(row, tuple(field_from(item) for item in fields.get(row["id"], ()))),
            tuple(entry_from(item) for item in lines.get(row["id"], ())),
            tuple(
                DeliveryView(item["delivery_id"], item["status"], item["attempts"], item["problem"])
                for item in deliveries.get(row["id"], ())
            ),
            tuple(attachment_from(item) for item in files.get(row["id"], ())),
        )
        for row in rows
    ]


def entry_from(item: RowMapping) -> HistoryEntry:
    """A row as a line of history."""
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


def order_row(row: RowMapping) -> OrderRow:
    """A row of `work_orders` as a line of a list."""
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
        channel=row["channel"],
        content_deleted_at=row["content_deleted_at"],
        cursor=cursor_of(row["filed_at"], row["id"]),
    )
