"""Which timers an order should have now: a pure function of the order, the rules and the calendar."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from workorders.calendar import WorkCalendar
from workorders.life_rules import LifeRules, TimerRule
from workorders.model import OPEN, Pool, State, WorkOrder

_TO_SIGN = (State.FILED, State.DISPATCHED)


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that happens to an order by itself, once."""

    rule: str
    """Id of the `TimerRule`."""
    at: datetime
    """UTC."""


def wanted(order: WorkOrder, rules: LifeRules, calendar: WorkCalendar) -> tuple[Timer, ...]:
    """The timers of an order as it stands. Those that have gone off already are wanted too: the store knows.

    A state that dispatching does not change wants the same before and after it, so that dispatching need not
    plan anew. A reminder whose time lies before the clock began (a same-day order has no day before) is not
    made.
    """
    found = []
    for rule in rules.timers:
        base = _base(order, rule)
        if base is None:
            continue
        at = _shifted(base, rule, calendar)
        if rule.amount < 0 and at <= (order.life.clock_from or order.filed_at):
            continue
        found.append(Timer(rule.id, at))
    return tuple(found)


def _base(order: WorkOrder, rule: TimerRule) -> datetime | None:
    life = order.life
    match rule.of:
        case "sign":
            return order.sign_by if order.state in _TO_SIGN else None
        case "finish":
            return order.due if order.state in OPEN and life.paused_at is None else None
        case "lease":
            return life.held_until if life.pool is Pool.HELD else None
        case "appointment":
            return life.appointment_at if order.state in (*OPEN, State.REPLIED, State.VISITING) else None
        case "review":
            return life.entered if order.state is State.REPLIED else None
        case _:
            return life.entered if order.state is State.VISITING else None


def _shifted(base: datetime, rule: TimerRule, calendar: WorkCalendar) -> datetime:
    if rule.unit == "hours":
        return base + timedelta(hours=rule.amount)
    return calendar.later(base, rule.amount)
