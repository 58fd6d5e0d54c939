"""A unit of work in memory, with the promises of the one on SQL."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import RLock
from types import TracebackType
from typing import Self

from workorders.attachments import Attachment
from workorders.cases import Exchange, Incidents, Referrals
from workorders.errors import StaleOrder, UnknownOrder
from workorders.model import OPEN, HistoryEntry, Pool, State, WorkOrder
from workorders.ports import DueTimer, DuplicateOrder, OutboxTask
from workorders.timers import Timer


@dataclass
class MemoryStore:
    """What has been committed. Call it for a unit of work."""

    orders: dict[str, WorkOrder] = field(default_factory=dict)
    history: dict[str, list[HistoryEntry]] = field(default_factory=dict)
    sequences: dict[tuple[str, str], int] = field(default_factory=dict)
    tasks: list[OutboxTask] = field(default_factory=list)
    timers: dict[str, tuple[Timer, ...]] = field(default_factory=dict)
    fired: set[tuple[str, Timer]] = field(default_factory=set)
    attached: dict[str, tuple[Attachment, ...]] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def __call__(self) -> "MemoryUnitOfWork":
        return MemoryUnitOfWork(self)


class MemoryUnitOfWork:
    """Works on copies, one at a time; commit puts them in place."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __enter__(self) -> Self:
        self._store.lock.acquire()
        self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._store.lock.release()

    @property
    def orders(self) -> "MemoryUnitOfWork":
        return self

    def put(self, task: OutboxTask) -> None:
        if task.number not in self._orders:
            raise UnknownOrder("no order of that number")
        self._tasks.append(task)

    def plan(self, number: str, timers: Sequence[Timer]) -> None:
        if number not in self._orders:
            raise UnknownOrder("no order of that number")
        self._timers[number] = tuple(timers)

    def claim_timer(self, now: datetime) -> DueTimer | None:
        due = sorted(
            (timer.at, number, timer.rule)
            for number, timers in self._timers.items()
            for timer in timers
            if timer.at <= now and (number, timer) not in self._fired
        )
        if not due:
            return None
        at, number, rule = due[0]
        self._fired.add((number, Timer(rule, at)))
        return DueTimer(number, rule, at)

    def unplanned(self, limit: int) -> list[str]:
        ended = {State.DRAFT, State.SETTLED, State.ARCHIVED, State.CANCELLED, State.MERGED}
        numbers = (order.number for order in self._orders.values() if order.state not in ended)
        return [number for number in numbers if number not in self._timers][:limit]

    def provisional(self, *, others: bool = False) -> list[str]:
        going_on = [each for each in self._orders.values() if each.state in {State.DRAFT, *OPEN}]
        return [each.number for each in going_on if others or each.provisional]

    def commit(self) -> None:
        self._store.fired = self._fired
        self._store.attached = self._attached
        self._store.timers = self._timers
        self._store.orders = self._orders
        self._store.history = self._history
        self._store.sequences = self._sequences
        self._store.tasks = self._tasks
        self._take()

    def by_number(self, number: str) -> WorkOrder | None:
        return self._orders.get(number)

    def by_key(self, call_id: str, matter_no: int) -> WorkOrder | None:
        return next(
            (
                order
                for order in self._orders.values()
                if (order.call_id, order.matter_no) == (call_id, matter_no)
            ),
            None,
        )

    def children(self, number: str) -> tuple[str, ...]:
        return tuple(order.number for order in self._orders.values() if order.life.parent == number)

    def last_matter(self, call_id: str) -> int:
        return max(
            (order.matter_no for order in self._orders.values() if order.call_id == call_id), default=0
        )

    @property
    def incidents(self) -> Incidents:
        raise AssertionError("what stands beside orders is tested on the databases")

    @property
    def exchange(self) -> Exchange:
        raise AssertionError("what stands beside orders is tested on the databases")

    @property
    def referrals(self) -> Referrals:
        raise AssertionError("what stands beside orders is tested on the databases")

    def held_by(self, person: str) -> int:
        return sum(
            order.life.pool is Pool.HELD and order.life.holder == person and order.life.held_until is not None
            for order in self._orders.values()
        )

    def next_sequence(self, day: str, district: str) -> int:
        number = self._sequences.get((day, district), 0) + 1
        self._sequences[day, district] = number
        return number

    def add(self, order: WorkOrder, entry: HistoryEntry) -> None:
        if self.by_key(order.call_id, order.matter_no) is not None or order.number in self._orders:
            raise DuplicateOrder("the call's matter has been filed already")
        self._orders[order.number] = replace(order)
        self._history[order.number] = [entry]

    def save(self, order: WorkOrder, entry: HistoryEntry) -> None:
        stored = self._orders.get(order.number)
        if stored is None:
            raise UnknownOrder("no order of that number")
        if stored.version != order.version - 1:
            raise StaleOrder("the order has changed since it was read")
        self._orders[order.number] = order
        self._history[order.number].append(entry)

    def attachments(self, number: str) -> tuple[Attachment, ...]:
        return self._attached.get(number, ())

    def attach(self, number: str, attachment: Attachment) -> None:
        if number not in self._orders:
            raise UnknownOrder("no order of that number")
        self._attached[number] = (*self._attached.get(number, ()), attachment)

    def _take(self) -> None:
        self._orders = dict(self._store.orders)
        self._history = {number: list(entries) for number, entries in self._store.history.items()}
        self._sequences = dict(self._store.sequences)
        self._tasks = list(self._store.tasks)
        self._timers = dict(self._store.timers)
        self._fired = set(self._store.fired)
        self._attached = dict(self._store.attached)
