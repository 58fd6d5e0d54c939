"""The outbox table: dispatching, claiming with a lease, finishing; all safe among several processes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, func, or_, select, update

from workorders.errors import ForbiddenMove, StaleOrder
from workorders.life import dispatch
from workorders.model import State, WorkOrder
from workorders.ports import OutboxTask, TaskKind
from workorders.sql import (
    DEAD,
    DONE,
    WAITING,
    SqlOrders,
    load_order,
    put_task,
)
from workorders.storage import translated
from workorders.tables import order_outbox, work_orders
from workorders.unit_changes import UnitChange, write_changes
from workorders.wire import event_task

_rows = order_outbox.c


@dataclass(frozen=True, slots=True)
class Claim:
    """A row this process alone may work on until the lease ends."""

    id: int
    delivery_id: str
    unit: str
    payload: dict[str, str | None]
    attempt: int
    """1 for the first."""
    order: WorkOrder | None = None
    """The order as it is now; for webhooks."""


@dataclass(frozen=True, slots=True)
class OutboxFacts:
    """How the outbox stands."""

    waiting: int
    dead: int
    """Given up; a person must look."""
    oldest_age_s: float
    """Seconds since the oldest unfinished row was written; 0 when there is none."""


class OutboxRows:
    """Blocking access to the outbox; each call is its own transaction. Raises `StorageFailed`."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime], lease: timedelta) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._clock = clock
        self._lease = lease
        self._owner = uuid4().hex

    def dispatch_due(self, has_webhook: Callable[[str], bool], limit: int) -> int:
        """Move filed orders into their units' in-trays, one transaction an order. Gives the rows finished.

        The row's change of status, the order's move, its history and the rows that follow from it are one
        transaction, so that whoever does it and however often it is tried, it happens once.
        """
        wanted = select(_rows.id).where(*self._due(TaskKind.DISPATCH)).order_by(_rows.id).limit(limit)
        return sum(self._dispatch(row_id, has_webhook) for row_id in self._look(wanted))

    def claim_events(self, limit: int) -> list[Claim]:
        """Take the oldest events to publish."""
        wanted = (
            select(_rows.id)
            .where(*self._due(TaskKind.EVENT), self._unleased())
            .order_by(_rows.id)
            .limit(limit)
        )
        ids = self._look(wanted)
        if not ids:
            return []
        with translated(), self._engine.begin() as connection:
            return self._claim(connection, ids)

    def claim_webhooks(self, limit: int, except_rows: Collection[int] = ()) -> list[Claim]:
        """Take deliveries, at most one a unit at a time: a unit that hangs holds up no other."""
        busy = select(_rows.unit).where(
            _rows.kind == TaskKind.WEBHOOK, _rows.status == WAITING, _rows.leased_until > self._clock()
        )
        wanted = (
            select(func.min(_rows.id))
            .where(
                *self._due(TaskKind.WEBHOOK),
                self._unleased(),
                _rows.unit.not_in(busy),
                _rows.id.not_in(except_rows),
            )
            .group_by(_rows.unit)
            .limit(limit)
        )
        ids = self._look(wanted)
        if not ids:
            return []
        with translated(), self._engine.begin() as connection:
            return [
                replace(claim, order=self._order_of(connection, claim.id))
                for claim in self._claim(connection, ids)
            ]

    def finish(self, claims: Sequence[Claim]) -> None:
        """Mark claimed rows as done."""
        self._settle(claims, status=DONE, finished_at=self._clock(), problem=None)

    def retry(self, claim: Claim, at: datetime, problem: str) -> None:
        """Give a claimed row back, to be tried again at a time."""
        self._settle([claim], next_at=at, problem=problem)

    def bury(self, claim: Claim, problem: str) -> None:
        """Give a claimed row up: a dead letter."""
        self._settle([claim], status=DEAD, finished_at=self._clock(), problem=problem)

    def release(self, claim: Claim) -> None:
        """Give a claimed row back untried."""
        self._settle([claim], attempts=_rows.attempts - 1)

    def revive(self, delivery_id: str) -> bool:
        """Put a dead letter back into the queue with its attempts forgotten; whether there was one."""
        with translated(), self._engine.begin() as connection:
            revived = connection.execute(
                update(order_outbox)
                .where(_rows.delivery_id == delivery_id, _rows.status == DEAD)
                .values(status=WAITING, attempts=0, next_at=self._clock(), finished_at=None, problem=None)
            )
            return revived.rowcount == 1

    def facts(self) -> OutboxFacts:
        """Counts and age, for metrics and the self-check."""
        with translated(), self._reader.connect() as connection:
            waiting, oldest = connection.execute(
                select(func.count(), func.min(_rows.created_at)).where(_rows.status == WAITING)
            ).one()
            dead = connection.scalar(select(func.count()).where(_rows.status == DEAD))
        age = (self._clock() - oldest).total_seconds() if oldest is not None else 0.0
        return OutboxFacts(waiting, dead or 0, max(age, 0.0))

    def _look(self, wanted: Select[Any]) -> list[int]:
        # A look takes no write lock, so that an idle outbox is in nobody's way.
        with translated(), self._reader.connect() as connection:
            return list(connection.scalars(wanted))

    def _due(self, kind: TaskKind) -> tuple[ColumnElement[bool], ...]:
        return (_rows.kind == kind, _rows.status == WAITING, _rows.next_at <= self._clock())

    def _unleased(self) -> ColumnElement[bool]:
        return or_(_rows.leased_until.is_(None), _rows.leased_until <= self._clock())

    def _claim(self, connection: Connection, ids: Sequence[int]) -> list[Claim]:
        claimed = connection.execute(
            update(order_outbox)
            .where(_rows.id.in_(ids), _rows.status == WAITING, self._unleased())
            .values(
                leased_until=self._clock() + self._lease,
                lease_owner=self._owner,
                attempts=_rows.attempts + 1,
            )
            .returning(_rows.id, _rows.delivery_id, _rows.unit, _rows.payload, _rows.attempts)
        ).all()
        return sorted((_claim_from(row) for row in claimed), key=lambda claim: claim.id)

    def _order_of(self, connection: Connection, row_id: int) -> WorkOrder | None:
        order_id = select(_rows.order_id).where(_rows.id == row_id).scalar_subquery()
        return load_order(connection, work_orders.c.id == order_id)

    def _settle(self, claims: Sequence[Claim], **values: object) -> None:
        with translated(), self._engine.begin() as connection:
            connection.execute(
                update(order_outbox)
                .where(
                    _rows.id.in_([claim.id for claim in claims]),
                    _rows.status == WAITING,
                    _rows.lease_owner == self._owner,
                )
                .values(leased_until=None, lease_owner=None, **values)
            )

    def _dispatch(self, row_id: int, has_webhook: Callable[[str], bool]) -> int:
        try:
            with translated(), self._engine.begin() as connection:
                return self._dispatch_in(connection, row_id, has_webhook)
        except StaleOrder:
            return 0  # somebody edited the order meanwhile; the row still waits
        except ForbiddenMove as error:
            with translated(), self._engine.begin() as connection:
                connection.execute(
                    update(order_outbox)
                    .where(_rows.id == row_id, _rows.status == WAITING)
                    .values(status=DEAD, finished_at=self._clock(), problem=error.code)
                )
            return 1

    def _dispatch_in(self, connection: Connection, row_id: int, has_webhook: Callable[[str], bool]) -> int:
        now = self._clock()
        taken = connection.execute(
            update(order_outbox)
            .where(_rows.id == row_id, _rows.status == WAITING)
            .values(status=DONE, finished_at=now, attempts=_rows.attempts + 1)
        )
        order = self._order_of(connection, row_id)
        if taken.rowcount != 1 or order is None:
            return 0  # another process was quicker
        if order.state in (State.CANCELLED, State.MERGED):
            return 1  # nothing is left to dispatch; taken out of the other order, it is queued anew
        change = dispatch(order, now)
        for_units: list[UnitChange] = []
        SqlOrders(connection, for_units).save(change.order, change.entry)
        if change.event is not None:
            put_task(connection, event_task(change.event, order.unit, now))
        if has_webhook(order.unit):
            payload: dict[str, str | None] = {"type": "dispatched"}
            put_task(connection, OutboxTask(TaskKind.WEBHOOK, order.number, order.unit, payload, now))
        write_changes(connection, for_units)
        return 1


def _claim_from(row: Row[Any]) -> Claim:
    return Claim(row.id, row.delivery_id, row.unit, row.payload, row.attempts)
