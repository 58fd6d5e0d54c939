"""Units, agents, lawyers and a chief who deal with the orders of a simulated month.

What happens to an order next, and when, follows from the order and the seed alone: whoever is killed in the
middle goes on at the same place. Every move goes through the service, like those of real people.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

from sqlalchemy import Engine, select

from hotline.store.engine import reading
from workorders.calendar import SHANGHAI, Term, TermUnit
from workorders.errors import ForbiddenMove, RoutingError
from workorders.messages import ActOnOrder, Moved
from workorders.model import OPEN, SYSTEM, Action, Actor, Kind, Pool, State, WorkOrder
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work
from workorders.tables import work_orders

UNDONE_AFTER = timedelta(days=2)
"""When a mistaken merge is undone."""
OVER = (State.ARCHIVED, State.CANCELLED)
FAR = timedelta(days=36_500)
"""Never."""
LATE = (Action.CLAIM, Action.CONTACT, Action.ASK_EXTENSION)
"""Moves that may be refused and are tried again later: who claims holds too many already, a lease or a term
has ended meanwhile."""

Step = tuple[datetime, ActOnOrder | None]
"""When, and what; None: nothing that a person does."""


@dataclass
class People:
    """Everybody who works on orders; what is next is kept in a heap that can be made anew at any time."""

    engine: Engine
    service: WorkOrderService
    texts: Mapping[str, Any]
    agents: tuple[str, ...]
    seed: int
    moves: dict[str, int] = field(default_factory=dict)
    """Moves made, by action."""
    late: int = 0
    """Moves that were refused for coming too late."""
    _heap: list[tuple[datetime, str]] = field(default_factory=list)
    _due: dict[str, datetime] = field(default_factory=dict)
    """Order's number → when it is looked at; what stands in the heap besides is out of date."""
    _same: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Caller and matter → orders, the oldest first."""

    def begin(self) -> None:
        """Look at all orders that are not over."""
        c = work_orders.c
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(c.number, c.state, c.caller_contact, c.matter).order_by(c.id)
            ).all()
        for row in rows:
            self._same.setdefault((row.caller_contact, row.matter), []).append(row.number)
        for row in rows:
            if State(row.state) not in OVER:
                self.look(row.number)

    def filed(self, numbers: Iterable[str]) -> None:
        """Orders that are there now."""
        for number in numbers:
            order = self._order(number)
            known = self._same.setdefault((order.caller_contact, order.matter), [])
            if number not in known:
                known.append(number)
            self.look(number)

    def look(self, number: str) -> None:
        """Somebody or something has changed the order: decide anew what comes next."""
        at, _ = self._step(self._order(number))
        self._due[number] = at
        heappush(self._heap, (at, number))

    def next(self) -> datetime | None:
        """When somebody does something next."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap and self._heap[0][0].year < 2100 else None

    def act(self, now: datetime) -> None:
        """Make the next move; `now` is when it is on record, never before what happened last."""
        _, number = heappop(self._heap)
        order = self._order(number)
        _, planned = self._step(order)
        act = None if planned is None else replace(planned, at=now)
        if act is None or not self._make(order, act):
            self._due.pop(number, None)
            if act is not None:  # too late: something else will happen to it
                self._due[number] = now + timedelta(hours=1)
                heappush(self._heap, (self._due[number], number))
            return
        self.look(number)

    def _order(self, number: str) -> WorkOrder:
        with unit_of_work(self.engine)() as uow:
            order = uow.orders.by_number(number)
        if order is None:
            raise LookupError(f"order {number} is lost")
        return order

    def _make(self, order: WorkOrder, act: ActOnOrder) -> bool:
        try:
            self._handle(act)
        except RoutingError:  # nobody above: the chief chooses
            self._handle(
                replace(act, by=self.texts["chief"], role=Actor.SUPERVISOR, to=self._elsewhere(order))
            )
        except ForbiddenMove:
            if act.action not in LATE:
                raise
            self.late += 1
            return False
        self.moves[act.action] = self.moves.get(act.action, 0) + 1
        if act.action == Action.UNMERGE and order.life.parent:
            self.look(order.life.parent)  # one caller fewer to be asked there
        return True

    def _handle(self, act: ActOnOrder) -> Moved:
        return self.service.handle(act)

    def _elsewhere(self, order: WorkOrder) -> str:
        kind = order.unit.rpartition("-")[0]
        declined = {*order.life.returned_by, order.life.against_unit, order.unit}
        codes = [unit.code for unit in self.service.rules.units() if unit.code not in declined]
        same = [code for code in codes if code.startswith(f"{kind}-")]
        return (same or codes)[0]

    # -- what comes next -----------------------------------------------------------------------------------

    def _step(self, order: WorkOrder) -> Step:
        steps: dict[State, Callable[[WorkOrder, Random], Step]] = {
            State.DRAFT: self._of_draft,
            State.FILED: self._of_nothing,
            State.DISPATCHED: self._of_dispatched,
            State.SIGNED: self._of_signed,
            State.SUSPENDED: self._of_suspended,
            State.RETURNED: self._of_returned,
            State.REPLIED: self._of_replied,
            State.VISITING: self._of_visiting,
            State.SETTLED: self._of_settled,
            State.MERGED: self._of_merged,
            State.ARCHIVED: self._of_nothing,
            State.CANCELLED: self._of_nothing,
        }
        life = order.life
        key = (order.call_id, order.matter_no, order.state, life.entered, life.extensions, life.asked_days)
        return steps[order.state](order, Random(f"{self.seed}:{key}:{life.redos}:{len(life.visits)}"))

    def _of_nothing(self, order: WorkOrder, _chance: Random) -> Step:
        return order.filed_at + FAR, None

    def _of_draft(self, order: WorkOrder, chance: Random) -> Step:
        at = order.filed_at + timedelta(minutes=chance.randrange(5, 300))
        if chance.random() < 0.1:
            return at, self._agent(order, Action.CANCEL, at, text=self.texts["cancel"])
        return at, self._agent(order, Action.SUBMIT, at)

    def _of_dispatched(self, order: WorkOrder, chance: Random) -> Step:
        if order.life.pool is not Pool.OUT and order.life.returns == 0:
            return self._of_pooled(order, chance)
        at = self._hours(_since(order), chance.expovariate(1 / 2.2))
        same = self._same.get((order.caller_contact, order.matter), [])
        if order.number in same[1:] and not order.life.returns and self._going_on(same[0], order):
            merge = self._agent(order, Action.MERGE, at, text=self.texts["merged"], to=same[0])
            return at, replace(merge, by=self.texts["chief"], role=Actor.SUPERVISOR)
        if chance.random() < 0.05 and not order.life.returns:
            return at, self._unit(order, Action.RETURN, at, text=chance.choice(self.texts["returns"]))
        return at, self._unit(order, Action.SIGN, at)

    def _of_pooled(self, order: WorkOrder, chance: Random) -> Step:
        life = order.life
        if life.pool is Pool.OPEN:
            at = self._hours(
                max(_since(order), life.held_until or _since(order)), chance.expovariate(1 / 0.8)
            )
            return at, self._act(order, Action.CLAIM, chance.choice(self.agents), Actor.AGENT, at)
        if life.held_until is not None:
            taken = life.held_until - timedelta(minutes=self.service.rules.policies.life.pool.lease_minutes)
            again = Random(f"{self.seed}:{order.number}:{life.held_until}")
            if again.random() < 0.12:
                return life.held_until + FAR, None  # never calls: the lease ends by itself
            at = taken + timedelta(minutes=again.randrange(2, 28))
            return at, self._act(order, Action.CONTACT, life.holder, Actor.AGENT, at)
        at = self._hours(_since(order), 1 + chance.expovariate(1 / 2))
        reply = chance.choice(self.texts["replies"])
        return at, self._act(order, Action.REPLY, life.holder, Actor.AGENT, at, text=reply)

    def _of_signed(self, order: WorkOrder, chance: Random) -> Step:
        life, since = order.life, _since(order)
        if life.asked_days:
            at = self._hours(life.paused_at or since, chance.randrange(1, 6))
            if chance.random() < 0.2:
                return at, self._chief(order, Action.REFUSE_EXTENSION, at, text=self.texts["refused"])
            return at, self._chief(order, Action.GRANT_EXTENSION, at, text=self.texts["extended"])
        fate = Random(f"{self.seed}:{order.call_id}:{order.matter_no}:{life.redos}").random()
        if fate < 0.08 and order.version <= 4:
            at = self._hours(since, chance.randrange(2, 12))
            if order.due is not None and at < order.due:
                days = chance.randrange(2, 9)
                return at, self._unit(
                    order, Action.ASK_EXTENSION, at, text=self.texts["extension"], days=days
                )
        if 0.08 <= fate < 0.12 and order.version <= 4:
            at = self._hours(since, chance.randrange(1, 8))
            return at, self._unit(order, Action.SUSPEND, at, text=self.texts["suspend"])
        slow = 60 if fate > 0.96 else 7 + 10 * life.extensions
        at = self._hours(since, 1 + chance.expovariate(1 / slow))
        reply = chance.choice(self.texts["replies"])
        return at, self._unit(order, Action.REPLY, at, text=reply)

    def _of_suspended(self, order: WorkOrder, chance: Random) -> Step:
        at = self._hours(_since(order), chance.randrange(6, 40))
        return at, self._unit(order, Action.RESUME, at)

    def _of_returned(self, order: WorkOrder, chance: Random) -> Step:
        at = self._hours(_since(order), chance.randrange(1, 5))
        return at, self._chief(order, Action.REASSIGN, at, text=self.texts["reassign"])

    def _of_replied(self, order: WorkOrder, chance: Random) -> Step:
        at = self._hours(_since(order), chance.expovariate(1 / 3))
        if chance.random() < 0.05 and not order.life.holder:
            return at, self._chief(order, Action.REJECT, at, text=self.texts["reject"])
        return at, self._chief(order, Action.APPROVE, at)

    def _of_visiting(self, order: WorkOrder, chance: Random) -> Step:
        """One caller after the other, those of merged orders too, until nobody is left to be asked."""
        life = order.life
        for caller in self._callers(order):
            visits = [visit for visit in life.visits if visit.caller == caller]
            if any(visit.outcome != "failed" for visit in visits):
                continue
            failed = {visit.at.astimezone(SHANGHAI).date() for visit in visits}
            if len(failed) < self.service.rules.policies.life.visit_days:
                return self._ask(order, caller, visits[-1].at if visits else None, chance)
        last = life.visits[-1].at if life.visits else None
        at = self._hours(_since(order), 1) if last is None else last + timedelta(minutes=20)
        unhappy = any(visit.rating is not None and visit.rating <= 2 for visit in life.visits)
        if unhappy and not life.redos and life.kind is Kind.ORDINARY:
            return at, self._agent(order, Action.REDO, at, text=self.texts["redo"])
        return at, self._agent(order, Action.SETTLE, at)

    def _ask(self, order: WorkOrder, caller: str, last: datetime | None, chance: Random) -> Step:
        at = self._hours(_since(order), chance.randrange(3, 12))
        if last is not None:
            at = self.service.calendar.later(last, 1)
        [outcome] = chance.choices(["reached", "failed", "gave_up"], [76, 21, 3])
        [rating] = chance.choices([5, 4, 3, 2, 1, None], [45, 28, 10, 6, 4, 7])
        act = self._agent(order, Action.VISIT, at, to=caller)
        return at, replace(act, outcome=outcome, rating=rating if outcome == "reached" else None)

    def _callers(self, order: WorkOrder) -> list[str]:
        """Who is to be asked: the order's own caller, and those of orders merged into it."""
        own = [] if order.life.anonymous else [""]
        with unit_of_work(self.engine)() as uow:
            inside = [uow.orders.by_number(number) for number in uow.orders.children(order.number)]
        return own + [each.number for each in inside if each is not None and not each.life.anonymous]

    def _of_settled(self, order: WorkOrder, _chance: Random) -> Step:
        at = _since(order) + timedelta(days=1)
        return at, self._act(order, Action.ARCHIVE, SYSTEM, Actor.SYSTEM, at)

    def _of_merged(self, order: WorkOrder, chance: Random) -> Step:
        """One in twelve merges was a mistake, noticed while the other order goes on."""
        at = _since(order) + UNDONE_AFTER
        mistaken = chance.random() < 1 / 12
        if not mistaken:
            return at + FAR, None
        return at, self._chief(order, Action.UNMERGE, at, text=self.texts["unmerged"])

    def _going_on(self, number: str, other: WorkOrder) -> bool:
        first = self._order(number)
        undone = any(entry == other.number for entry in first.life.related)
        return first.state in OPEN and first.life.kind is other.life.kind and other.version < 4 and not undone

    # -- who does it ---------------------------------------------------------------------------------------

    def _hours(self, since: datetime, hours: float) -> datetime:
        """So many working hours later, in office hours."""
        whole = self.service.calendar.due(since, Term(TermUnit.WORKING_HOURS, max(1, int(hours)))).at
        return whole + timedelta(minutes=(hours % 1) * 20)

    def _unit(self, order: WorkOrder, action: Action, at: datetime, **more: Any) -> ActOnOrder:
        return self._act(order, action, self.texts["clerk"], Actor.UNIT, at, unit=order.unit, **more)

    def _agent(self, order: WorkOrder, action: Action, at: datetime, **more: Any) -> ActOnOrder:
        return self._act(order, action, order.life.owner or self.agents[0], Actor.AGENT, at, **more)

    def _chief(self, order: WorkOrder, action: Action, at: datetime, **more: Any) -> ActOnOrder:
        return self._act(order, action, self.texts["chief"], Actor.SUPERVISOR, at, **more)

    def _act(
        self, order: WorkOrder, action: Action, by: str, role: Actor, at: datetime, **more: Any
    ) -> ActOnOrder:
        return ActOnOrder(order.number, action, by, role, at, **more)


def _since(order: WorkOrder) -> datetime:
    return order.life.entered or order.filed_at
