"""Orders in the database: the unit of work and its repository, on SQLite and PostgreSQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from workorders.attachments import Attachment
from workorders.errors import StaleOrder, UnknownOrder
from workorders.exchange_rows import SqlExchange
from workorders.history_rows import add_history
from workorders.incident_rows import SqlIncidents
from workorders.model import OPEN, Action, HistoryEntry, OrderField, Pool, State, WorkOrder
from workorders.order_columns import attachment_from, field_columns, field_from, order_columns, order_from
from workorders.ports import DueTimer, DuplicateOrder, OutboxTask
from workorders.referral_rows import SqlReferrals
from workorders.storage import translated
from workorders.tables import (
    order_attachments,
    order_fields,
    order_outbox,
    order_sequences,
    work_orders,
)
from workorders.timer_plan import claim_timer, plan_timers, unplanned
from workorders.timers import Timer
from workorders.unit_changes import Standing, UnitChange, changes_for_units, write_changes
from workorders.word_tables import order_words, word_columns, write_words

WAITING = "waiting"
DONE = "done"
DEAD = "dead"
_BEFORE = tuple(
    work_orders.c[name] for name in ("id", "unit", "state", "against_unit", "search_text", "caller_contact")
)
"""What a change is compared with."""


class SqlUnitOfWork:
    """One transaction on an engine.

    On SQLite the engine's transactions must BEGIN IMMEDIATE, or two writers that have both read can fail.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._changes: list[UnitChange] = []

    def __enter__(self) -> Self:
        self._changes.clear()
        with translated():
            self._connection = self._engine.connect()
            try:
                self._connection.begin()
            except BaseException:
                self._connection.close()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # rolls back what was not committed

    @property
    def orders(self) -> "SqlOrders":
        """The orders."""
        return SqlOrders(self.connection, self._changes)

    @property
    def incidents(self) -> SqlIncidents:
        """Incidents."""
        return SqlIncidents(self.connection)

    @property
    def exchange(self) -> SqlExchange:
        """What other systems have and say."""
        return SqlExchange(self.connection)

    @property
    def referrals(self) -> SqlReferrals:
        """Referrals, appointments and links."""
        return SqlReferrals(self.connection)

    @property
    def connection(self) -> Connection:
        """The open transaction's connection."""
        if self._connection is None:
            raise RuntimeError("the unit of work has not been entered")
        return self._connection

    def put(self, task: OutboxTask) -> None:
        """Write an outbox row with the order."""
        with translated():
            put_task(self.connection, task)

    def plan(self, number: str, timers: Sequence[Timer]) -> None:
        """Let these be the order's waiting timers."""
        with translated():
            plan_timers(self.connection, order_id_of(self.connection, number), timers)

    def claim_timer(self, now: datetime) -> DueTimer | None:
        """The next timer that is due; see `workorders.ports.UnitOfWork`."""
        with translated():
            return claim_timer(self.connection, now)

    def unplanned(self, limit: int) -> Sequence[str]:
        """Numbers of orders that have never had their timers planned, and have not ended."""
        with translated():
            return unplanned(self.connection, limit)

    def commit(self) -> None:
        """Make everything lasting. Raises `StorageFailed`."""
        with translated():
            write_changes(self.connection, self._changes)
            self._changes.clear()
            self.connection.commit()


def unit_of_work(engine: Engine) -> Callable[[], SqlUnitOfWork]:
    """A factory for the service."""
    return lambda: SqlUnitOfWork(engine)


class SqlOrders:
    """Orders on one connection; see `workorders.ports.OrderRepository`.

    What units are to be told of is added to `changes`; whoever commits writes it first (`write_changes`).
    """

    def __init__(self, connection: Connection, changes: list[UnitChange]) -> None:
        self._connection = connection
        self._changes = changes

    def by_number(self, number: str) -> WorkOrder | None:
        """The order of that number."""
        with translated():
            return load_order(self._connection, work_orders.c.number == number)

    def by_key(self, call_id: str, matter_no: int) -> WorkOrder | None:
        """The order of that call's matter."""
        with translated():
            return load_order(
                self._connection,
                (work_orders.c.call_id == call_id) & (work_orders.c.matter_no == matter_no),
            )

    def children(self, number: str) -> tuple[str, ...]:
        """Numbers of the orders merged into that one."""
        with translated():
            found = self._connection.scalars(
                select(work_orders.c.number).where(work_orders.c.parent == number).order_by(work_orders.c.id)
            )
            return tuple(found)

    def last_matter(self, call_id: str) -> int:
        """The highest matter number of a call's orders; 0 when it has none."""
        wanted = select(func.max(work_orders.c.matter_no)).where(work_orders.c.call_id == call_id)
        with translated():
            return int(self._connection.scalar(wanted) or 0)

    def held_by(self, person: str) -> int:
        """Orders the person holds; counted by one transaction at a time for each person."""
        with translated():
            if self._connection.dialect.name == "postgresql":
                # SQLite's transactions have the write lock already.
                key = func.hashtext(f"order pool {person}")
                self._connection.execute(select(func.pg_advisory_xact_lock(key)))
            held = select(func.count()).where(
                work_orders.c.holder == person,
                work_orders.c.pool == Pool.HELD.value,
                work_orders.c.held_until.is_not(None),
            )
            return int(self._connection.scalar(held) or 0)

    def provisional(self, *, others: bool = False) -> Sequence[str]:
        """Numbers of orders whose deadlines are provisional (or all), and that go on."""
        going_on = work_orders.c.state.in_([State.DRAFT.value, *(state.value for state in OPEN)])
        wanted = select(work_orders.c.number).where(going_on)
        if not others:
            wanted = wanted.where(work_orders.c.provisional.is_(True))
        with translated():
            return list(self._connection.scalars(wanted.order_by(work_orders.c.id)))

    def next_sequence(self, day: str, district: str) -> int:
        """The next sequence number; the row stays locked until the transaction ends."""
        dialect = sqlite if self._connection.dialect.name == "sqlite" else postgresql
        counted = (
            dialect.insert(order_sequences)
            .values(day=day, district=district, last=1)
            .on_conflict_do_update(
                index_elements=[order_sequences.c.day, order_sequences.c.district],
                set_={"last": order_sequences.c.last + 1},
            )
            .returning(order_sequences.c.last)
        )
        with translated():
            return int(self._connection.execute(counted).scalar_one())

    def add(self, order: WorkOrder, entry: HistoryEntry) -> None:
        """Insert an order. Raises `DuplicateOrder`; the transaction can then only be left."""
        columns = order_columns(order)
        with translated():
            try:
                order_id = self._connection.execute(
                    insert(work_orders).values(**columns).returning(work_orders.c.id)
                ).scalar_one()
            except IntegrityError:
                raise DuplicateOrder("the call's matter has been filed already") from None
            self._connection.execute(insert(order_words).values(word_columns(order_id, columns)))
            self._put_fields(order_id, order.fields)
            self._note(None, order, order_id, entry)

    def save(self, order: WorkOrder, entry: HistoryEntry) -> None:
        """Write an order's next version. Raises `StaleOrder`, `UnknownOrder`."""
        columns = order_columns(order)
        with translated():
            there = self._connection.execute(select(*_BEFORE).where(work_orders.c.number == order.number))
            row = there.one_or_none()
            if row is None:
                raise UnknownOrder("no order of that number")
            order_id, before = row.id, Standing(row.unit, State(row.state), row.against_unit)
            changed = self._connection.execute(
                update(work_orders)
                .where(work_orders.c.id == order_id, work_orders.c.version == order.version - 1)
                .values(**columns)
            )
            if changed.rowcount != 1:
                raise StaleOrder("the order has changed since it was read")
            if (row.search_text, row.caller_contact) != (columns["search_text"], columns["caller_contact"]):
                write_words(self._connection, word_columns(order_id, columns))
            if entry.action is Action.EDIT:
                self._connection.execute(delete(order_fields).where(order_fields.c.order_id == order_id))
                self._put_fields(order_id, order.fields)
            self._note(before, order, order_id, entry)

    def attachments(self, number: str) -> tuple[Attachment, ...]:
        """The order's files, oldest first."""
        order_id = select(work_orders.c.id).where(work_orders.c.number == number).scalar_subquery()
        wanted = select(order_attachments).where(order_attachments.c.order_id == order_id)
        with translated():
            rows = self._connection.execute(wanted.order_by(order_attachments.c.id)).mappings()
            return tuple(attachment_from(row) for row in rows)

    def attach(self, number: str, attachment: Attachment) -> None:
        """Note a file of an order. Raises `UnknownOrder`."""
        values = {
            "key": attachment.key,
            "name": attachment.name,
            "kind": attachment.kind,
            "size": attachment.size,
            "sha256": attachment.sha256,
            "unit": attachment.unit,
            "actor": attachment.by,
            "at": attachment.at,
        }
        with translated():
            order_id = order_id_of(self._connection, number)
            self._connection.execute(insert(order_attachments).values(order_id=order_id, **values))

    def _note(self, before: Standing | None, order: WorkOrder, order_id: int, entry: HistoryEntry) -> None:
        history_id = add_history(self._connection, order_id, entry)
        after = Standing(order.unit, order.state, order.life.against_unit)
        self._changes += changes_for_units(before, after, order_id, history_id)

    def _put_fields(self, order_id: int, fields: Sequence[OrderField]) -> None:
        rows = [field_columns(order_id, position, item) for position, item in enumerate(fields)]
        if rows:
            self._connection.execute(insert(order_fields), rows)


def put_task(connection: Connection, task: OutboxTask) -> None:
    """Insert an outbox row. Raises `UnknownOrder`."""
    connection.execute(
        insert(order_outbox).values(
            delivery_id=task.delivery_id,
            order_id=order_id_of(connection, task.number),
            kind=task.kind.value,
            unit=task.unit,
            payload=task.payload,
            status=WAITING,
            attempts=0,
            created_at=task.at,
            next_at=task.at,
        )
    )


def order_id_of(connection: Connection, number: str) -> int:
    """The row id of an order. Raises `UnknownOrder`."""
    found = connection.execute(select(work_orders.c.id).where(work_orders.c.number == number)).scalar()
    if found is None:
        raise UnknownOrder("no order of that number")
    return int(found)


def load_order(connection: Connection, where: Any) -> WorkOrder | None:
    """The one order a condition means, with its fields."""
    row = connection.execute(select(work_orders).where(where)).mappings().one_or_none()
    if row is None:
        return None
    fields = (
        connection.execute(
            select(order_fields).where(order_fields.c.order_id == row["id"]).order_by(order_fields.c.position)
        )
        .mappings()
        .all()
    )
    return order_from(row, tuple(field_from(item) for item in fields))
