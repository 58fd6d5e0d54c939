"""What the service and the outbox need from outside: protocols."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self
from uuid import uuid4

from workorders.attachments import Attachment
from workorders.cases import Exchange, Incidents, Referrals
from workorders.errors import WorkOrderError
from workorders.model import HistoryEntry, WorkOrder
from workorders.timers import Timer


class DuplicateOrder(WorkOrderError):
    """Another process has just filed this call's matter. The service answers with that order."""

    code = "order.duplicate"


class TaskKind(StrEnum):
    """What an outbox row asks for."""

    DISPATCH = "dispatch"
    """Put a filed order into its unit's in-tray."""
    EVENT = "event"
    """Publish an event."""
    WEBHOOK = "webhook"
    """Tell the unit's own system."""


@dataclass(frozen=True, slots=True)
class OutboxTask:
    """One thing still to be done about an order."""

    kind: TaskKind
    number: str
    unit: str
    payload: dict[str, str | None]
    """A `workorders.wire` event; empty for a dispatch."""
    at: datetime
    """UTC; not before."""
    delivery_id: str = field(default_factory=lambda: uuid4().hex)
    """Stays the same over all attempts."""


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer that goes off."""

    number: str
    """Of its order."""
    rule: str
    at: datetime
    """UTC; when it was to go off."""


class OrderRepository(Protocol):
    """Orders as the service sees them, inside one transaction."""

    def by_number(self, number: str) -> WorkOrder | None:
        """The order of that number."""

    def by_key(self, call_id: str, matter_no: int) -> WorkOrder | None:
        """The order of that call's matter."""

    def children(self, number: str) -> tuple[str, ...]:
        """Numbers of the orders merged into that one."""

    def last_matter(self, call_id: str) -> int:
        """The highest matter number of a call's orders; 0 when it has none."""

    def held_by(self, person: str) -> int:
        """Orders a person holds out of the pool and has not reached the caller of.

        Until the transaction ends nobody else counts for the same person, so that a cap holds.
        """

    def provisional(self, *, others: bool = False) -> Sequence[str]:
        """Numbers of orders whose deadlines cross a year without an official calendar, and that go on.

        `others`: also those whose deadlines do not.
        """

    def next_sequence(self, day: str, district: str) -> int:
        """The next sequence number of a day (`YYYYMMDD`) and district, from 1."""

    def add(self, order: WorkOrder, entry: HistoryEntry) -> None:
        """Insert an order. Raises `DuplicateOrder` when its call and matter are there already."""

    def attachments(self, number: str) -> tuple[Attachment, ...]:
        """The order's files, oldest first."""

    def attach(self, number: str, attachment: Attachment) -> None:
        """Note a file of an order. Raises `UnknownOrder`."""

    def save(self, order: WorkOrder, entry: HistoryEntry) -> None:
        """Write an order's next version. Raises `StaleOrder` unless the stored one is the version before."""


class UnitOfWork(Protocol):
    """One transaction: entered, then committed, else rolled back on leaving."""

    @property
    def orders(self) -> OrderRepository:
        """The orders."""

    @property
    def incidents(self) -> Incidents:
        """Incidents."""

    @property
    def exchange(self) -> Exchange:
        """What other systems have and say."""

    @property
    def referrals(self) -> Referrals:
        """Referrals, appointments and links."""

    def put(self, task: OutboxTask) -> None:
        """Write an outbox row with the order."""

    def plan(self, number: str, timers: Sequence[Timer]) -> None:
        """Let these be the order's waiting timers; one that has gone off does not come back."""

    def claim_timer(self, now: datetime) -> DueTimer | None:
        """The next timer that is due: it has gone off when the transaction is committed, and never again."""

    def unplanned(self, limit: int) -> Sequence[str]:
        """Numbers of orders that have never had their timers planned, and have not ended."""

    def commit(self) -> None:
        """Make everything lasting."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a unit is told about an order."""

    unit: str
    delivery_id: str
    """Stays the same over all attempts; the receiver drops what it has seen."""
    body: bytes
    """JSON."""


class DepartmentGateway(Protocol):
    """A way to a unit's own system."""

    def serves(self, unit: str) -> bool:
        """Whether this gateway reaches the unit."""

    async def deliver(self, parcel: Parcel) -> None:
        """Hand over; returns once the unit has confirmed. Raises `DeliveryFailed`. Cancelling gives up."""
