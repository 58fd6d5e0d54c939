"""The life of an order: `apply` is the only way one changes, by the table in `workorders.life_table`."""

from dataclasses import replace
from datetime import datetime

from workorders import effects as to_do
from workorders import guards as only
from workorders.errors import ForbiddenMove, NotPermitted
from workorders.exchange_rules import TRANSFER
from workorders.guards import Around
from workorders.life_table import TABLE, Rule
from workorders.messages import (
    ActOnOrder,
    WorkOrderDispatched,
    WorkOrderEvent,
    WorkOrderMoved,
    WorkOrderReplied,
    WorkOrderReturned,
    WorkOrderSigned,
)
from workorders.model import (
    SUMMARY,
    SYSTEM,
    Action,
    Actor,
    Change,
    HistoryEntry,
    Kind,
    Pool,
    State,
    WorkOrder,
)


def permitted(state: State, action: Action, role: Actor) -> bool:
    """Whether the table lets the role try it; guards may still refuse."""
    rule = TABLE.get((state, action))
    return rule is not None and role in rule.roles


def choices(order: WorkOrder, role: Actor, by: str = "") -> tuple[Action, ...]:
    """What a page may offer to somebody; guards may still refuse.

    `by`: who; what the order's present standing rules out anyway is left out then.
    """
    if order.content_deleted_at is not None:
        return ()
    may = (action for action in Action if permitted(order.state, action, role))
    return tuple(action for action in may if not by or _sensible(order, action, role, by))


def _sensible(order: WorkOrder, action: Action, role: Actor, by: str) -> bool:
    life = order.life
    held = life.pool is Pool.HELD
    mine = held and life.holder == by
    holds = {
        Action.CLAIM: life.pool is not Pool.OUT and not mine,
        Action.CONTACT: mine and life.held_until is not None,
        Action.RELEASE: mine or (held and role is Actor.SUPERVISOR),
        Action.REPLY: mine or role is Actor.UNIT,
        Action.POOL: life.pool is Pool.OUT and life.kind is not Kind.COMPLAINT,
        Action.GRANT_EXTENSION: life.asked_days > 0,
        Action.REFUSE_EXTENSION: life.asked_days > 0,
        Action.NAME_SUBJECT: life.kind is Kind.COMPLAINT,
        Action.RETURN_OUTSIDE: order.source == TRANSFER,
    }
    return holds.get(action, True)


def apply(order: WorkOrder, act: ActOnOrder, around: Around) -> Change:
    """Make the move.

    Raises `UnknownOrder` (another unit's order, a complaint about who acts), `ForbiddenMove` when the table
    or a guard refuses, `NotPermitted` when the role may not, `StaleOrder`, `RoutingError`.
    """
    rule = _rule(order, act)
    for guard in rule.guards:
        guard(order, act, around)
    moved = rule.effect(_moved(order, rule), act, around)
    if moved.state not in (rule.moves[order.state], *rule.elsewhere):
        raise ForbiddenMove(f"{rule.action} leads nowhere from {order.state}")
    return _change(order, moved, act, rule)


def dispatch(order: WorkOrder, at: datetime) -> Change:
    """Put the order into its unit's in-tray: the one move that looks at nothing but the order.

    Raises `ForbiddenMove`, also for a complaint about that unit.
    """
    act = ActOnOrder(order.number, Action.DISPATCH, SYSTEM, Actor.SYSTEM, at)
    rule = _rule(order, act)
    only.past_subject(order)
    return _change(order, _moved(order, rule), act, rule)


def _rule(order: WorkOrder, act: ActOnOrder) -> Rule:
    action, role = Action(act.action), Actor(act.role)
    only.known(order, act)
    only.whole(order)
    rule = TABLE.get((order.state, action))
    if rule is None:
        raise ForbiddenMove(f"cannot {action} an order that is {order.state}")
    if role not in rule.roles:
        raise NotPermitted(f"{role} may not {action} an order that is {order.state}")
    return rule


def _moved(order: WorkOrder, rule: Rule) -> WorkOrder:
    return replace(order, state=rule.moves[order.state], version=order.version + 1)


def _change(order: WorkOrder, moved: WorkOrder, act: ActOnOrder, rule: Rule) -> Change:
    after = to_do.entered(to_do.first_owner(moved, act), order.state, act.at)
    return Change(after, _entry(order, after, act, rule), None if rule.silent else _event(after, act))


def _entry(order: WorkOrder, moved: WorkOrder, act: ActOnOrder, rule: Rule) -> HistoryEntry:
    field = before = after = None
    text: str | None = act.text.strip() or None
    if rule.action is Action.EDIT:
        field, before, after, text = act.field, _value(order, act.field), act.text, None
    elif rule.trace is not None:
        field, read = rule.trace
        before, after = read(order), read(moved)
    return HistoryEntry(act.at, act.by, rule.action, order.state, moved.state, field, before, after, text)


def _value(order: WorkOrder, name: str) -> str:
    if name == SUMMARY:
        return order.summary
    found = order.field(name)
    return found.field.value if found is not None else ""


def _event(order: WorkOrder, act: ActOnOrder) -> WorkOrderEvent:
    match Action(act.action):
        case Action.DISPATCH:
            return WorkOrderDispatched(order.number, order.call_id, order.unit, order.unit_name, order.due)
        case Action.SIGN:
            return WorkOrderSigned(order.number, order.unit)
        case Action.REPLY:
            return WorkOrderReplied(order.number, order.unit)
        case Action.RETURN:
            return WorkOrderReturned(order.number, order.unit, act.text.strip())
        case action:
            return WorkOrderMoved(order.number, order.unit, action.value, order.state.value)


def counterpart(order: WorkOrder, act: ActOnOrder, moved: WorkOrder) -> Change:
    """The other order's side of a pairing: its own line of history, and for a relation the way back.

    Its version rises too, so that A into B and B into A at once cannot both succeed.
    """
    only.whole(order)
    life = order.life
    if act.action == Action.RELATE:
        life = replace(life, related=(*life.related, moved.number))
    after = replace(order, life=life, version=order.version + 1)
    action = Action(act.action)
    text = act.text.strip() or None
    entry = HistoryEntry(act.at, act.by, action, order.state, order.state, "other", None, moved.number, text)
    return Change(after, entry, None)
