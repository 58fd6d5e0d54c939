"""Every move of an order's life: who may make it, its guards, its effect and its audit line.

One table, `RULES`; what is not in it is forbidden. `workorders.life.apply` is the only way an order changes.
The states and their Chinese names are explained in docs/orders.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from workorders import effects as to_do
from workorders import guards as only
from workorders.effects import Effect
from workorders.guards import Guard
from workorders.model import OPEN, Action, Actor, State, WorkOrder

Trace = tuple[str, Callable[[WorkOrder], str]]
"""What the audit line says besides the states: a name, and how it reads before and after."""

_D, _F, _T, _S = State.DRAFT, State.FILED, State.DISPATCHED, State.SIGNED
_SYSTEM = frozenset({Actor.SYSTEM})
_UNIT = frozenset({Actor.UNIT})
_CHIEF = frozenset({Actor.SUPERVISOR})
_DESK = frozenset({Actor.AGENT, Actor.SUPERVISOR})
_LINE = _DESK | _SYSTEM
_LIVE = (*OPEN, State.REPLIED, State.VISITING)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    action: Action
    moves: Mapping[State, State]
    """From → to; `elsewhere` names states the effect may choose instead."""
    roles: frozenset[Actor]
    guards: tuple[Guard, ...] = ()
    effect: Effect = to_do.unchanged
    trace: Trace | None = None
    elsewhere: tuple[State, ...] = ()
    silent: bool = False
    """Not worth an event."""


def _stay(*states: State) -> Mapping[State, State]:
    return {state: state for state in states}


def _go(to: State, *states: State) -> Mapping[State, State]:
    return dict.fromkeys(states, to)


def _due(order: WorkOrder) -> str:
    return order.due.isoformat() if order.due is not None else ""


def _due_and_days(order: WorkOrder) -> str:
    return f"{_due(order)} +{order.life.added_days}"


def _last_visit(order: WorkOrder) -> str:
    last = order.life.visits[-1] if order.life.visits else None
    return "" if last is None else f"{last.outcome} {last.rating or ''}".strip()


def _subject(order: WorkOrder) -> str:
    return f"{order.life.against_unit} {order.life.against_person}".strip()


RULES: tuple[Rule, ...] = (
    Rule(Action.SUBMIT, {_D: _F}, _LINE),
    Rule(Action.DISPATCH, {_F: _T}, _SYSTEM, (only.not_to_subject,)),
    Rule(Action.SIGN, {_T: _S}, _UNIT, (only.not_held,)),
    Rule(
        Action.REPLY,
        _go(State.REPLIED, _T, _S),
        _UNIT | _DESK,
        (only.by_holder, only.with_text("a reply")),
        to_do.answered,
    ),
    Rule(
        Action.RETURN,
        _go(State.RETURNED, _T, _S),
        _UNIT | _CHIEF,
        (only.with_text("a return"), only.first_return, only.not_held),
        to_do.sent_back,
    ),
    Rule(
        Action.REASSIGN,
        {State.RETURNED: _F},
        _LINE,
        (only.to_another,),
        to_do.reassigned,
        ("unit", lambda order: order.unit),
    ),
    Rule(
        Action.REASSIGN,
        _go(_F, _T, _S),
        _CHIEF,
        (only.to_another, only.with_text("a reassignment")),
        to_do.reassigned,
        ("unit", lambda order: order.unit),
    ),
    Rule(
        Action.EDIT,
        _stay(_D, *OPEN),
        _DESK,
        (only.field_named, only.fresh),
        to_do.edited,
        silent=True,
    ),
    Rule(
        Action.ASK_EXTENSION,
        _stay(_S),
        _UNIT,
        (only.with_text("an extension"), only.may_extend),
        to_do.extension_asked,
        ("extension", lambda order: str(order.life.asked_days)),
    ),
    Rule(
        Action.GRANT_EXTENSION,
        _stay(_S),
        _DESK,
        (only.extension_asked,),
        to_do.extended,
        ("due", _due),
    ),
    Rule(
        Action.REFUSE_EXTENSION,
        _stay(_S),
        _DESK,
        (only.extension_asked, only.with_text("a refusal")),
        to_do.running,
        ("due", _due),
    ),
    Rule(
        Action.SUSPEND,
        {_S: State.SUSPENDED},
        _UNIT | _DESK,
        (only.with_text("a suspension"), only.no_extension_asked),
        to_do.paused,
    ),
    Rule(Action.RESUME, {State.SUSPENDED: _S}, _UNIT | _LINE, (), to_do.running, ("due", _due)),
    Rule(
        Action.URGE,
        _stay(*OPEN),
        _LINE,
        (),
        to_do.urged,
        ("urges", lambda order: str(order.life.urges)),
    ),
    Rule(
        Action.SUPERVISE,
        _stay(*_LIVE),
        _CHIEF | _SYSTEM,
        (only.level_rises,),
        to_do.supervised,
        ("level", lambda order: order.life.level),
    ),
    Rule(Action.APPROVE, {State.REPLIED: State.VISITING}, _DESK, (only.by_reviewer,)),
    Rule(
        Action.REJECT,
        {State.REPLIED: _S},
        _DESK,
        (only.by_reviewer, only.with_text("a refusal")),
    ),
    Rule(
        Action.VISIT,
        _stay(State.VISITING),
        _LINE,
        (only.sound_visit,),
        to_do.visit_noted,
        ("visit", _last_visit),
    ),
    Rule(
        Action.REDO,
        {State.VISITING: _T},
        _DESK,
        (only.with_text("doing it again"), only.reached),
        to_do.redone,
        ("due", _due),
    ),
    Rule(Action.SETTLE, {State.VISITING: State.SETTLED}, _LINE, (only.visited,)),
    Rule(Action.ARCHIVE, {State.SETTLED: State.ARCHIVED}, _CHIEF | _SYSTEM, (only.visited,)),
    Rule(
        Action.CANCEL,
        _go(State.CANCELLED, _D, _F),
        _DESK,
        (only.with_text("a cancellation"), only.no_children),
        to_do.closed,
    ),
    Rule(
        Action.CANCEL,
        _go(State.CANCELLED, _T, _S, State.SUSPENDED, State.RETURNED),
        _CHIEF,
        (only.with_text("a cancellation"), only.no_children),
        to_do.closed,
    ),
    Rule(
        Action.SEND_OUTSIDE,
        _go(_F, _F, State.RETURNED),
        _DESK,
        (only.to_outside, only.to_another, only.with_text("sending it on")),
        to_do.reassigned,
        ("unit", lambda order: order.unit),
    ),
    Rule(
        Action.SEND_OUTSIDE,
        _go(_F, _T, _S),
        _CHIEF,
        (only.to_outside, only.to_another, only.with_text("sending it on")),
        to_do.reassigned,
        ("unit", lambda order: order.unit),
    ),
    Rule(
        Action.RETURN_OUTSIDE,
        _go(State.CANCELLED, *OPEN),
        _DESK,
        (only.from_outside, only.with_text("a return"), only.no_children),
        to_do.closed,
    ),
    Rule(Action.SPLIT, _stay(_D, *OPEN), _DESK),
    Rule(Action.REFER, _stay(*_LIVE, State.SETTLED), _DESK, (), to_do.appointed),
    Rule(
        Action.REFER_ON,
        _stay(*(state for state in State if state is not _D)),
        _UNIT | _LINE,
        (),
        to_do.appointed,
    ),
    Rule(Action.GATHER, _stay(*(state for state in State if state is not _D)), _LINE),
    Rule(
        Action.MERGE,
        _go(State.MERGED, *OPEN),
        _DESK,
        (only.mergeable,),
        to_do.merged,
        ("parent", lambda order: order.life.parent),
    ),
    Rule(
        Action.UNMERGE,
        _stay(State.MERGED),
        _DESK,
        (only.with_text("taking it out again"),),
        to_do.unmerged,
        ("parent", lambda order: order.life.parent),
        elsewhere=(_F, _T, _S, State.RETURNED),
    ),
    Rule(
        Action.RELATE,
        _stay(*_LIVE, State.SETTLED, State.ARCHIVED),
        _DESK,
        (only.relatable,),
        to_do.related,
        ("related", lambda order: " ".join(order.life.related)),
    ),
    Rule(
        Action.HAND_OVER,
        _stay(_D, *_LIVE),
        _DESK,
        (only.to_somebody,),
        to_do.handed_over,
        ("owner", lambda order: order.life.owner),
    ),
    Rule(
        Action.NAME_SUBJECT,
        _stay(_D, *OPEN),
        _DESK,
        (only.a_complaint,),
        to_do.subject_named,
        ("against", _subject),
        elsewhere=(State.RETURNED,),
        silent=True,
    ),
    Rule(Action.POOL, _stay(_F, _T), _CHIEF | _SYSTEM, (only.poolable,), to_do.pooled),
    Rule(
        Action.CLAIM,
        _stay(_F, _T),
        _DESK,
        (only.claimable,),
        to_do.claimed,
        ("holder", lambda order: order.life.holder),
    ),
    Rule(Action.CONTACT, _stay(_F, _T), _DESK, (only.holds,), to_do.contacted),
    Rule(
        Action.RELEASE,
        _stay(_F, _T),
        _LINE,
        (only.may_release,),
        to_do.pooled,
        ("holder", lambda order: order.life.holder),
    ),
    Rule(
        Action.RECOUNT,
        _stay(_D, *OPEN),
        _SYSTEM,
        (),
        to_do.recounted,
        ("due", _due_and_days),
        silent=True,
    ),
    Rule(Action.ATTACH, _stay(_T, _S, State.SUSPENDED), _UNIT, (only.with_text("a file"), only.not_held)),
    Rule(Action.REMIND, _stay(*_LIVE), _SYSTEM, silent=True),
)


def _table() -> Mapping[tuple[State, Action], Rule]:
    table: dict[tuple[State, Action], Rule] = {}
    for rule in RULES:
        for state in rule.moves:
            if (state, rule.action) in table:
                raise ValueError(f"{rule.action} of {state} stands in the table twice")
            table[state, rule.action] = rule
    return MappingProxyType(table)


TABLE = _table()
"""(state, action) → rule."""
