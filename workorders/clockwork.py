"""What happens to orders by itself: timers that go off, deadlines that a new calendar moves.

Each step is one transaction, so whatever dies in between is done at the next start, and nothing twice.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
from anyio import to_thread

from workorders.errors import ForbiddenMove, WorkOrderError
from workorders.guards import Around
from workorders.life import apply
from workorders.life_rules import TimerRule
from workorders.messages import ActOnOrder, WorkOrderDue
from workorders.model import SYSTEM, Action, Actor, WorkOrder
from workorders.ports import DueTimer, UnitOfWork
from workorders.service import WorkOrderService
from workorders.timers import Timer, wanted
from workorders.wire import event_task

log = logging.getLogger(__name__)

POLL_S = 10.0
"""Pause between looks."""
BATCH = 200
"""Timers, or orders, in one go."""


@dataclass(frozen=True, slots=True)
class Clockwork:
    """Any number of processes may run one on the same database."""

    service: WorkOrderService
    wake: Callable[[], None] = lambda: None
    """Told after a timer has gone off: there is something in the outbox."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(self) -> None:
        """Catch up, then look every few seconds, until cancelled."""
        started = False
        while True:
            try:
                if not started:
                    await to_thread.run_sync(self.catch_up)
                    started = True
                if await to_thread.run_sync(self.fire_due):
                    self.wake()
            except WorkOrderError as error:
                log.warning("the orders' clock cannot use the database", extra={"code": error.code})
            except Exception as error:  # noqa: BLE001  supervision point: one bad row must not end the line
                log.error("the orders' clock stumbled", extra={"error": type(error).__name__})
            await anyio.sleep(POLL_S)

    def fire_due(self, limit: int = BATCH) -> int:
        """Let go off what is due; blocks on the database. Gives how many."""
        fired = 0
        while fired < limit and self._fire_one(self.clock()):
            fired += 1
        return fired

    def catch_up(self) -> None:
        """Plan the timers of orders from before there were any, and recount provisional deadlines; blocks."""
        while self._plan_some():
            pass
        self.recount()

    def recount(self, *, others: bool = False) -> int:
        """Deadlines by the calendar as it is now, for orders whose were provisional; gives how many moved.

        `others`: for all that go on, after a year was corrected.
        """
        with self.service.uow_factory() as uow:
            numbers = uow.orders.provisional(others=others)
        return sum(self._recounted(number) for number in numbers)

    def _fire_one(self, now: datetime) -> bool:
        with self.service.uow_factory() as uow:
            due = uow.claim_timer(now)
            if due is None:
                return False
            order = uow.orders.by_number(due.number)
            if order is not None:
                event = WorkOrderDue(order.number, order.unit, due.rule, due.at)
                uow.put(event_task(event, order.unit, now))
                self._act(uow, due, now)
            uow.commit()
        return True

    def _act(self, uow: UnitOfWork, due: DueTimer, now: datetime) -> None:
        """What the rule says; an order that has gone on meanwhile is left as it is."""
        rule = self._rule(due.rule)
        if rule is None:
            return
        act = ActOnOrder(due.number, rule.does, SYSTEM, Actor.SYSTEM, now, text=rule.id, level=rule.level)
        try:
            self.service.within(uow, act)
        except ForbiddenMove:
            log.info("a timer came too late", extra={"timer": rule.id})

    def _rule(self, code: str) -> TimerRule | None:
        timers = self.service.rules.policies.life.timers
        return next((timer for timer in timers if timer.id == code), None)

    def _plan_some(self) -> bool:
        service = self.service
        with service.uow_factory() as uow:
            planned = False
            for number in uow.unplanned(BATCH):
                order = uow.orders.by_number(number)
                timers = self._wanted(order)
                uow.plan(number, timers)
                planned = planned or bool(timers)
            uow.commit()
        return planned

    def _wanted(self, order: WorkOrder | None) -> tuple[Timer, ...]:
        return () if order is None else wanted(order, self.service.rules.policies.life, self.service.calendar)

    def _recounted(self, number: str) -> bool:
        service = self.service
        act = ActOnOrder(number, Action.RECOUNT, SYSTEM, Actor.SYSTEM, self.clock())
        with service.uow_factory() as uow:
            order = uow.orders.by_number(number)
            if order is None:
                return False
            after = apply(order, act, Around(service.rules, service.calendar)).order
            if (order.sign_by, order.due, order.provisional) == (after.sign_by, after.due, after.provisional):
                return False
            service.within(uow, act)
            uow.commit()
        return True
