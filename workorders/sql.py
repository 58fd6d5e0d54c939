"""Orders in the database: the unit of work and its repository, on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from workorders.errors import StaleOrder, UnknownOrder, WorkOrderError
from workorders.life_columns import life_columns, life_from
from workorders.messages import EvidenceSpan, FieldValue
from workorders.model import OPEN, Action, HistoryEntry, OrderField, Pool, State, WorkOrder
from workorders.ports import DueTimer, DuplicateOrder, OutboxTask
from workorders.tables import order_fields, order_history, order_outbox, order_sequences, work_orders
from workorders.timer_plan import claim_timer, plan_timers, unplanned
from workorders.timers import Timer

WAITING = "waiting"
DONE = "done"
DEAD = "dead"


class StorageFailed(WorkOrderError):
    """The database refused or could not be reached. The driver's words, which may quote rows, are dropped."""

    code = "order.storage"
    retryable = True


class SqlUnitOfWork:
    """One transaction on an engine.

    On SQLite the engine's transactions must BEGIN IMMEDIATE, or two writers that have both read can fail.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
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
        return SqlOrders(self.connection)

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
            self.connection.commit()


def unit_of_work(engine: Engine) -> Callable[[], SqlUnitOfWork]:
    """A factory for the service."""
    return lambda: SqlUnitOfWork(engine)


class SqlOrders:
    """Orders on one connection; see `workorders.ports.OrderRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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

    def provisional(self) -> Sequence[str]:
        """Numbers of orders whose deadlines are provisional, and that go on."""
        going_on = work_orders.c.state.in_([State.DRAFT.value, *(state.value for state in OPEN)])
        wanted = select(work_orders.c.number).where(work_orders.c.provisional.is_(True), going_on)
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
        with translated():
            try:
                order_id = self._connection.execute(
                    insert(work_orders).values(**_columns(order)).returning(work_orders.c.id)
                ).scalar_one()
            except IntegrityError:
                raise DuplicateOrder("the call's matter has been filed already") from None
            self._put_fields(order_id, order.fields)
            add_history(self._connection, order_id, entry)

    def save(self, order: WorkOrder, entry: HistoryEntry) -> None:
        """Write an order's next version. Raises `StaleOrder`, `UnknownOrder`."""
        with translated():
            order_id = order_id_of(self._connection, order.number)
            changed = self._connection.execute(
                update(work_orders)
                .where(work_orders.c.id == order_id, work_orders.c.version == order.version - 1)
                .values(**_columns(order))
            )
            if changed.rowcount != 1:
                raise StaleOrder("the order has changed since it was read")
            if entry.action is Action.EDIT:
                self._connection.execute(delete(order_fields).where(order_fields.c.order_id == order_id))
                self._put_fields(order_id, order.fields)
            add_history(self._connection, order_id, entry)

    def _put_fields(self, order_id: int, fields: Sequence[OrderField]) -> None:
        rows = [_field_columns(order_id, position, item) for position, item in enumerate(fields)]
        if rows:
            self._connection.execute(insert(order_fields), rows)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into `StorageFailed`, without its message."""
    try:
        yield
    except DBAPIError as error:
        raise StorageFailed(f"the database refused ({type(error.orig).__name__})") from None
    except PoolTimeout:
        raise StorageFailed("all connections to the database are busy") from None


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


def add_history(connection: Connection, order_id: int, entry: HistoryEntry) -> None:
    """Append a line of history."""
    connection.execute(
        insert(order_history).values(
            order_id=order_id,
            at=entry.at,
            actor=entry.actor,
            action=entry.action.value,
            from_state=None if entry.from_state is None else entry.from_state.value,
            to_state=entry.to_state.value,
            field=entry.field,
            machine_value=entry.machine_value,
            human_value=entry.human_value,
            text=entry.text,
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


def order_from(row: RowMapping, fields: tuple[OrderField, ...]) -> WorkOrder:
    """A row as an order."""
    return WorkOrder(
        number=row["number"],
        call_id=row["call_id"],
        matter_no=row["matter_no"],
        matter=row["matter"],
        matter_label=row["matter_label"],
        service=row["service"],
        service_label=row["service_label"],
        district=row["district"],
        summary=row["summary"],
        caller_contact=row["caller_contact"],
        source=row["source"],
        fields=fields,
        flags=tuple(row["flags"]),
        urgency=row["urgency"],
        unit=row["unit"],
        unit_name=row["unit_name"],
        state=State(row["state"]),
        filed_at=row["filed_at"],
        sign_by=row["sign_by"],
        due=row["due_at"],
        provisional=row["provisional"],
        policy=row["policy"],
        version=row["version"],
        life=life_from(row),
    )


def field_from(row: RowMapping) -> OrderField:
    """A row as a field with its evidence."""
    evidence = tuple(
        EvidenceSpan(span["utterance"], span["start"], span["end"], span["text"]) for span in row["evidence"]
    )
    value = FieldValue(row["name"], row["value"], row["display"], row["confidence"], evidence)
    return OrderField(value, row["machine_value"])


def _columns(order: WorkOrder) -> dict[str, Any]:
    return {
        "number": order.number,
        "call_id": order.call_id,
        "matter_no": order.matter_no,
        "matter": order.matter,
        "matter_label": order.matter_label,
        "service": order.service,
        "service_label": order.service_label,
        "district": order.district,
        "summary": order.summary,
        "caller_contact": order.caller_contact,
        "source": order.source,
        "flags": list(order.flags),
        "urgency": order.urgency,
        "unit": order.unit,
        "unit_name": order.unit_name,
        "state": order.state.value,
        "filed_at": order.filed_at,
        "sign_by": order.sign_by,
        "due_at": order.due,
        "provisional": order.provisional,
        "policy": order.policy,
        "version": order.version,
        "search_text": search_text(order),
        **life_columns(order.life),
    }


def search_text(order: WorkOrder) -> str:
    """What a search looks through: one line a part, case folded."""
    parts = [order.number, order.matter_label, order.service_label, order.unit_name, order.summary]
    parts += [item.field.display for item in order.fields]
    return "\n".join(part.casefold() for part in parts if part)


def _field_columns(order_id: int, position: int, item: OrderField) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "position": position,
        "name": item.field.name,
        "value": item.field.value,
        "display": item.field.display,
        "confidence": item.field.confidence,
        "evidence": [
            {"utterance": span.utterance, "start": span.start, "end": span.end, "text": span.text}
            for span in item.field.evidence
        ],
        "machine_value": item.machine_value,
    }
