"""What a move of an order's life changes besides the state: one small function each (see `life`)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from workorders.calendar import TermUnit
from workorders.guards import Around, target_unit
from workorders.messages import ActOnOrder, FieldValue
from workorders.model import SUMMARY, Actor, OrderField, Pool, State, Visit, WorkOrder

APPOINTMENT = "appointment"
Effect = Callable[[WorkOrder, ActOnOrder, Around], WorkOrder]
"""Order with its new state already in place → order after the move."""


def unchanged(order: WorkOrder, _act: ActOnOrder, _around: Around) -> WorkOrder:
    """Nothing more."""
    return order


def counted(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """Both deadlines, from where their clocks began, with what extensions and pauses added."""
    del act
    life, calendar = order.life, around.calendar
    policy = around.rules.policies.by_id(order.policy)
    if policy is None:
        return order  # the rule has been taken out of the data: what was promised stays
    sign = None if policy.sign is None else calendar.due(life.sign_from or order.filed_at, policy.sign)
    start = life.clock_from or order.filed_at
    finish = None if policy.finish is None else calendar.due(start, policy.finish)
    due = None if finish is None else calendar.later(finish.at, life.added_days)
    provisional = (sign is not None and sign.provisional) or (finish is not None and finish.provisional)
    if due is not None and life.added_days:
        provisional = provisional or calendar.crosses_provisional(start, due)
    return replace(order, sign_by=None if sign is None else sign.at, due=due, provisional=provisional)


def recounted(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """Both deadlines by the calendar as it is now; one that runs by the clock does not change."""
    policy = around.rules.policies.by_id(order.policy)
    again = counted(order, act, around)
    if policy is not None and policy.finish is not None and policy.finish.unit is TermUnit.HOURS:
        return replace(again, due=order.due)
    return again


def paused(order: WorkOrder, act: ActOnOrder, _around: Around) -> WorkOrder:
    """The caller's clock stands."""
    return _with(order, paused_at=act.at)


def running(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """The clock goes on: the deadline moves by the working days that began meanwhile.

    A deadline that had passed when the clock was stopped does not move: nothing is gained by a late pause.
    """
    life = order.life
    if life.paused_at is None:
        return order
    late = order.due is None or life.paused_at >= order.due
    pause = 0 if late else around.calendar.workdays_begun(life.paused_at, act.at)
    policy = around.rules.policies.by_id(order.policy)
    going = _with(order, paused_at=None, asked_days=0)
    if not pause or order.due is None:
        return going
    if policy is not None and policy.finish is not None and policy.finish.unit is TermUnit.HOURS:
        return replace(going, due=order.due + (act.at - life.paused_at))
    return _longer(going, pause, around)


def extension_asked(order: WorkOrder, act: ActOnOrder, _around: Around) -> WorkOrder:
    """The request stands, and the clock with it."""
    return _with(order, asked_days=act.days, paused_at=act.at)


def extended(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """The clock goes on with the days asked for."""
    days = order.life.asked_days
    going = running(order, act, around)
    return _longer(_with(going, extensions=going.life.extensions + 1), days, around)


def sent_back(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """Counted and remembered; the caller's clock is not set back."""
    going = running(order, act, around)
    life = going.life
    return _with(going, returns=life.returns + 1, returned_by=(*life.returned_by, order.unit))


def reassigned(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """Another unit, with a time to sign of its own; the caller's clock is not set back."""
    unit = target_unit(order, act, around)
    going = _with(running(order, act, around), sign_from=act.at)
    moved = replace(going, unit=unit.code, unit_name=unit.name)
    sign_by = counted(moved, act, around).sign_by
    return replace(moved, sign_by=sign_by)


def redone(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """The unit has its whole time again, from now."""
    life = replace(
        order.life,
        redos=order.life.redos + 1,
        clock_from=act.at,
        sign_from=act.at,
        added_days=0,
        visits=(),
        level="",
    )
    return counted(replace(order, life=life), act, around)


def urged(order: WorkOrder, _act: ActOnOrder, _around: Around) -> WorkOrder:
    """One more urging."""
    return _with(order, urges=order.life.urges + 1)


def supervised(order: WorkOrder, act: ActOnOrder, _around: Around) -> WorkOrder:
    """The new level."""
    return _with(order, level=act.level)


def answered(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """No request is left open, and nobody holds it any more."""
    return _with(running(order, act, around), pool=Pool.OUT, held_until=None)


def visit_noted(order: WorkOrder, act: ActOnOrder, _around: Around) -> WorkOrder:
    """One more attempt."""
    visit = Visit(act.at, act.by, act.how, act.outcome, act.rating, act.to)
    return _with(order, visits=(*order.life.visits, visit))


def closed(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """Out of the pool; the clock no longer matters."""
    return _with(running(order, act, around), pool=Pool.OUT, holder="", held_until=None)


def merged(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """It goes on inside the other one, whose deadline now counts for the caller too."""
    return _with(closed(order, act, around), parent=act.to)


def unmerged(order: WorkOrder, _act: ActOnOrder, _around: Around) -> WorkOrder:
    """Where it was before; what was suspended is in hand again."""
    return replace(_with(order, parent="", before=None), state=order.life.before or State.RETURNED)


def appointed(order: WorkOrder, act: ActOnOrder, _around: Around) -> WorkOrder:
    """When the caller is expected somewhere, where that changes."""
    return _with(order, appointment_at=act.when) if act.field == APPOINTMENT else order


def related(order: WorkOrder, act: ActOnOrder, _around: Around) -> WorkOrder:
    """Knows the other one."""
    return _with(order, related=(*order.life.related, act.to))


def handed_over(order: WorkOrder, act: ActOnOrder, _around: Around) -> WorkOrder:
    """Somebody else answers for it to the caller."""
    return _with(order, owner=act.to)


def subject_named(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """Whom the complaint is about; out of that unit's hands at once."""
    life = order.life
    named = _with(
        order,
        against_unit=act.to or life.against_unit,
        against_person=act.person or life.against_person,
        owner="" if act.person and act.person == life.owner else life.owner,
    )
    theirs = named.unit == named.life.against_unit and order.state is not State.DRAFT
    return replace(running(named, act, around), state=State.RETURNED) if theirs else named


def pooled(order: WorkOrder, _act: ActOnOrder, _around: Around) -> WorkOrder:
    """Anyone qualified may take it."""
    return _with(order, pool=Pool.OPEN, holder="", held_until=None)


def claimed(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """One person's, until the lease is over."""
    lease = timedelta(minutes=around.rules.policies.life.pool.lease_minutes)
    return _with(order, pool=Pool.HELD, holder=act.by, held_until=act.at + lease)


def contacted(order: WorkOrder, _act: ActOnOrder, _around: Around) -> WorkOrder:
    """The caller was reached: the claim lasts."""
    return _with(order, held_until=None)


def edited(order: WorkOrder, act: ActOnOrder, around: Around) -> WorkOrder:
    """One field corrected or added; the machine's value and its evidence stay."""
    if act.field == SUMMARY:
        return replace(order, summary=act.text)
    after: list[OrderField] = []
    found = False
    for item in order.fields:
        if item.field.name != act.field:
            after.append(item)
            continue
        found = True
        value = replace(item.field, value=act.text, display=act.text, confidence=1.0)
        machine = item.field.value if item.machine_value is None else item.machine_value
        after.append(OrderField(value, machine))
    if not found:
        after.append(OrderField(FieldValue(act.field, act.text, act.text, 1.0), ""))
    return with_party(replace(order, fields=tuple(after)), around)


def with_party(order: WorkOrder, around: Around) -> WorkOrder:
    """Whom the caller has it with, by the fields as they are."""
    said = {item.field.name: item.field.value for item in order.fields}
    return _with(order, party=around.rules.policies.life.similar.party(said, order.district))


def first_owner(order: WorkOrder, act: ActOnOrder) -> WorkOrder:
    """The first agent who does anything to an order answers for it."""
    mine = act.role == Actor.AGENT and not order.life.owner and act.by != order.life.against_person
    return _with(order, owner=act.by) if mine else order


def entered(order: WorkOrder, before: State, at: datetime) -> WorkOrder:
    """Since when the order has its state; where a merged one will go back to."""
    if order.state is before:
        return order
    back = State.SIGNED if before is State.SUSPENDED else before
    return _with(order, entered=at, before=back if order.state is State.MERGED else None)


def _longer(order: WorkOrder, days: int, around: Around) -> WorkOrder:
    due = None if order.due is None else around.calendar.later(order.due, days)
    longer = replace(_with(order, added_days=order.life.added_days + days), due=due)
    if due is None:
        return longer
    start = order.life.clock_from or order.filed_at
    return replace(longer, provisional=order.provisional or around.calendar.crosses_provisional(start, due))


def _with(order: WorkOrder, **changes: Any) -> WorkOrder:
    return replace(order, life=replace(order.life, **changes))
