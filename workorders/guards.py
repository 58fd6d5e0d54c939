"""When a move of an order's life is refused: one small function a reason (see the table in `life`)."""

from collections.abc import Callable
from dataclasses import dataclass

from workorders.calendar import SHANGHAI, WorkCalendar
from workorders.errors import ForbiddenMove, NotPermitted, StaleOrder, UnknownOrder
from workorders.exchange_rules import TRANSFER, is_outside
from workorders.messages import ActOnOrder
from workorders.model import LEVELS, NAME_LENGTH, OPEN, Action, Actor, Kind, Pool, State, WorkOrder
from workorders.routing import RoutingRules, Unit

MOST_URGENT = "critical"
OUTCOMES = ("reached", "failed", "gave_up")
HOW = ("agent", "robot")
TEXT_LENGTH = 4_000


@dataclass(frozen=True, slots=True)
class Around:
    """What the rules look at besides the order."""

    rules: RoutingRules
    calendar: WorkCalendar
    other: WorkOrder | None = None
    """Merge, unmerge, relate: the other order."""
    children: tuple[str, ...] = ()
    """Orders merged into this one."""
    callers: tuple[str, ...] = ()
    """Of these, the ones whose callers are to be asked too."""
    held: int = 0
    """Claim: orders the person already holds and has not reached the caller of."""


Guard = Callable[[WorkOrder, ActOnOrder, Around], None]
"""Raises `ForbiddenMove` when the move is refused."""


def known(order: WorkOrder, act: ActOnOrder) -> None:
    """Whether the order exists for who acts.

    The same error as for a number that does not exist: a unit cannot find out others' orders by trying, and
    whoever is complained of cannot find out the complaint. Raises `UnknownOrder`.
    """
    life = order.life
    if act.role == Actor.UNIT and (order.unit != act.unit or life.against_unit == act.unit):
        raise UnknownOrder("no order of that number in this unit's in-tray")
    if life.against_person and life.against_person == act.by and act.role != Actor.SYSTEM:
        raise UnknownOrder("no order of that number")


def whole(order: WorkOrder) -> None:
    """Retention has not deleted what it is about."""
    _refuse(order.content_deleted_at is not None, "the order's content was deleted when its time was over")


def fresh(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """The person saw the order as it is. Raises `StaleOrder`."""
    if act.version is not None and act.version != order.version:
        raise StaleOrder("the order has changed since it was read")


def with_text(what: str) -> Guard:
    """Words are needed."""

    def guard(_order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
        _refuse(not act.text.strip(), f"{what} needs text")
        _refuse(len(act.text) > TEXT_LENGTH, f"{what} is longer than {TEXT_LENGTH} characters")

    return guard


def field_named(_order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """A correction names a field."""
    _refuse(not 1 <= len(act.field) <= NAME_LENGTH, f"a field's name has 1 to {NAME_LENGTH} characters")


def first_return(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """An order goes back once; from then on only a supervisor sends it back. Lines outside always may."""
    if order.life.returns and act.role != Actor.SUPERVISOR and not is_outside(order.unit):
        raise NotPermitted("the order has been returned before: only a supervisor may do it again")


def target_unit(order: WorkOrder, act: ActOnOrder, around: Around) -> Unit:
    """The unit that a reassignment means. Raises `RoutingError` when there is none."""
    rules = around.rules
    if act.to:
        return rules.by_code(act.to)
    if is_outside(order.unit):
        return rules.unit(rules.kind(order.matter, order.service), rules.places.nearest(order.district))
    unit = around.rules.above(order.unit)
    while unit.code in (order.life.against_unit, *order.life.returned_by):
        unit = around.rules.above(unit.code)
    return unit


def to_another(order: WorkOrder, act: ActOnOrder, around: Around) -> None:
    """A reassignment goes to a unit that is neither complained of nor, but for supervisors, has declined."""
    unit = target_unit(order, act, around)
    _refuse(unit.code == order.life.against_unit, "a complaint is not assigned to whom it is about")
    _refuse(
        is_outside(unit.code) and act.action == Action.REASSIGN, "to another line it is sent, not assigned"
    )
    _refuse(unit.code == order.unit and order.state is not State.RETURNED, "the order is that unit's already")
    if unit.code in order.life.returned_by and act.role != Actor.SUPERVISOR:
        raise NotPermitted("that unit has returned the order: only a supervisor may send it there again")


def to_outside(_order: WorkOrder, act: ActOnOrder, around: Around) -> None:
    """Another line or system that takes orders."""
    _refuse(not is_outside(act.to), "name the line or system outside")
    system = around.rules.exchange.system(act.to)
    _refuse(TRANSFER not in system.takes, "that system takes no orders")


def from_outside(order: WorkOrder, _act: ActOnOrder, _around: Around) -> None:
    """Another line had sent it here."""
    _refuse(order.source != TRANSFER, "the order did not come from another line")


def no_children(_order: WorkOrder, _act: ActOnOrder, around: Around) -> None:
    """No merged order hangs on it, whose caller would be forgotten."""
    _refuse(bool(around.children), "other orders have been merged into this one: take them out first")


def not_to_subject(order: WorkOrder, _act: ActOnOrder, _around: Around) -> None:
    """A complaint does not reach the unit it is about."""
    past_subject(order)


def past_subject(order: WorkOrder) -> None:
    """The same, for who has only the order."""
    against = order.life.against_unit
    _refuse(bool(against) and order.unit == against, "a complaint is not assigned to whom it is about")


def not_held(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """Who took the order out of the pool has it."""
    _refuse(order.life.pool is Pool.HELD and act.by != order.life.holder, "somebody has taken the order")


def by_holder(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """On the line, only who took the order out of the pool answers it."""
    if act.role == Actor.UNIT:
        _refuse(order.state is not State.SIGNED, "the order must be signed first")
    else:
        mine = order.life.pool is Pool.HELD and order.life.holder == act.by
        _refuse(not mine, "only who took the order out of the pool answers it here")


def may_extend(order: WorkOrder, act: ActOnOrder, around: Around) -> None:
    """An extension is asked for before the order is due, one at a time, and not longer than allowed."""
    longest = around.rules.policies.life.extension_days
    _refuse(order.due is None, "the order has no deadline")
    _refuse(order.due is not None and act.at > order.due, "an extension is asked for before the order is due")
    _refuse(bool(order.life.asked_days), "an extension is being asked for already")
    _refuse(not 1 <= act.days <= longest, f"an extension has 1 to {longest} working days")


def extension_asked(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """There is a request; from the second extension on a supervisor decides."""
    _refuse(not order.life.asked_days, "no extension has been asked for")
    if order.life.extensions and act.role != Actor.SUPERVISOR:
        raise NotPermitted("a second extension is a supervisor's decision")


def no_extension_asked(order: WorkOrder, _act: ActOnOrder, _around: Around) -> None:
    """The clock is not paused twice."""
    _refuse(bool(order.life.asked_days), "an extension is being asked for")


def level_rises(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """Supervision gets sharper, never milder."""
    _refuse(act.level not in LEVELS[1:], "a level is yellow, orange or red")
    _refuse(LEVELS.index(act.level) <= LEVELS.index(order.life.level), "that level is in force already")


def by_reviewer(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """The answer to a complaint is looked at by a supervisor."""
    if order.life.kind is Kind.COMPLAINT and act.role != Actor.SUPERVISOR:
        raise NotPermitted("a supervisor reviews complaints")


def sound_visit(_order: WorkOrder, act: ActOnOrder, around: Around) -> None:
    """An attempt has an outcome, a mark only where the caller was reached; the caller is the order's."""
    _refuse(act.to not in ("", *around.callers), "the order has no such caller")
    _refuse(act.outcome not in OUTCOMES, f"an outcome is one of {', '.join(OUTCOMES)}")
    _refuse(act.how not in HOW, f"a visit is made by one of {', '.join(HOW)}")
    if act.rating is not None:
        _refuse(act.outcome != "reached" or not 1 <= act.rating <= 5, "a mark is 1 to 5 of a caller reached")


def reached(order: WorkOrder, _act: ActOnOrder, _around: Around) -> None:
    """The caller has been asked and was not content."""
    _refuse(
        not any(visit.outcome == "reached" for visit in order.life.visits), "the caller was not asked yet"
    )


def visited(order: WorkOrder, _act: ActOnOrder, around: Around) -> None:
    """Nobody is forgotten: asked, anonymous, gave up, or not reached on enough different days.

    The callers of merged orders count like the order's own.
    """
    own = () if order.life.anonymous else ("",)
    needed = around.rules.policies.life.visit_days
    for caller in (*own, *around.callers):
        visits = [visit for visit in order.life.visits if visit.caller == caller]
        if any(visit.outcome in ("reached", "gave_up") for visit in visits):
            continue
        days = {visit.at.astimezone(SHANGHAI).date() for visit in visits if visit.outcome == "failed"}
        _refuse(len(days) < needed, f"the caller must be asked, or not reached on {needed} different days")


def mergeable(order: WorkOrder, act: ActOnOrder, around: Around) -> None:
    """Two orders that are not answered yet, of one kind, neither part of a merged one underneath."""
    other = _other(order, around)
    _refuse(other.state not in (State.FILED, *OPEN), f"cannot merge into an order that is {other.state}")
    _refuse(other.life.kind is not order.life.kind, "a complaint is merged with complaints only")
    no_children(order, act, around)
    against = other.life.against_person
    if against and against == act.by:
        raise UnknownOrder("no order of that number")


def relatable(order: WorkOrder, act: ActOnOrder, around: Around) -> None:
    """Another order, which is not related yet."""
    other = _other(order, around)
    _refuse(other.number in order.life.related, "the orders are related already")
    if other.life.against_person and other.life.against_person == act.by:
        raise UnknownOrder("no order of that number")


def to_somebody(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """A hand-over names a new owner; only the owner or a supervisor gives an order away."""
    _refuse(not 1 <= len(act.to) <= NAME_LENGTH or act.to == order.life.owner, "name the new owner")
    _refuse(act.to == order.life.against_person, "a complaint is not assigned to whom it is about")
    if act.role == Actor.AGENT and order.life.owner not in ("", act.by):
        raise NotPermitted("only the owner or a supervisor hands an order over")


def a_complaint(order: WorkOrder, act: ActOnOrder, around: Around) -> None:
    """Only complaints are about somebody."""
    _refuse(order.life.kind is not Kind.COMPLAINT, "the order is no complaint")
    _refuse(not act.to and not act.person, "name the unit or the person complained of")
    _refuse(len(act.person) > NAME_LENGTH, f"a name has up to {NAME_LENGTH} characters")
    if act.to:
        around.rules.by_code(act.to)


def poolable(order: WorkOrder, _act: ActOnOrder, around: Around) -> None:
    """Complaints and emergencies are never pooled; nor is what is there already."""
    _refuse(not may_be_pooled(order, around.rules), "complaints and emergencies are never pooled")
    _refuse(order.life.pool is not Pool.OUT, "the order is in the pool already")


def may_be_pooled(order: WorkOrder, rules: RoutingRules) -> bool:
    """Neither a complaint nor an emergency."""
    urgent = order.urgency == MOST_URGENT or set(order.flags) & set(rules.policies.life.emergencies)
    return order.life.kind is not Kind.COMPLAINT and not urgent


def claimable(order: WorkOrder, act: ActOnOrder, around: Around) -> None:
    """In the pool and free; the person has not too many already."""
    life = order.life
    free = life.pool is Pool.OPEN or (
        life.pool is Pool.HELD and life.held_until is not None and life.held_until <= act.at
    )
    _refuse(not may_be_pooled(order, around.rules), "complaints and emergencies are never pooled")
    _refuse(not free, "somebody else was quicker, or the order is not in the pool")
    cap = around.rules.policies.life.pool.cap
    _refuse(around.held >= cap, f"nobody holds more than {cap} orders whose callers were not reached")


def holds(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """The order is this person's, out of the pool, in time."""
    life = order.life
    _refuse(life.pool is not Pool.HELD or life.holder != act.by, "the order is not yours")
    _refuse(life.held_until is None, "the caller has been reached already")
    _refuse(life.held_until is not None and life.held_until <= act.at, "the time to reach the caller is over")


def may_release(order: WorkOrder, act: ActOnOrder, _around: Around) -> None:
    """The holder gives it back, a supervisor takes it back, the line when the lease is over."""
    life = order.life
    _refuse(life.pool is not Pool.HELD, "nobody holds the order")
    if act.role == Actor.AGENT and life.holder != act.by:
        raise NotPermitted("the order is not yours")
    if act.role == Actor.SYSTEM:
        _refuse(life.held_until is None or life.held_until > act.at, "the lease is not over")


def _other(order: WorkOrder, around: Around) -> WorkOrder:
    if around.other is None:
        raise UnknownOrder("no other order of that number")
    _refuse(around.other.number == order.number, "an order cannot be paired with itself")
    return around.other


def _refuse(wrong: bool, why: str) -> None:
    if wrong:
        raise ForbiddenMove(why)
