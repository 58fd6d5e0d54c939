"""A work order and its legal moves: one table, pure functions over frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from workorders.errors import ForbiddenMove, StaleOrder, UnknownOrder
from workorders.messages import (
    EditWorkOrder,
    FieldValue,
    ReplyToWorkOrder,
    ReturnWorkOrder,
    SignWorkOrder,
    WorkOrderDispatched,
    WorkOrderEvent,
    WorkOrderReplied,
    WorkOrderReturned,
    WorkOrderSigned,
)

SYSTEM = "system"
"""The actor of what the line does by itself."""
SUMMARY = "summary"
"""The summary is edited like a field, under this name."""
NAME_LENGTH = 64


class State(StrEnum):
    """Where an order stands. Chinese names: `ivr_flows/policies.yaml`, `states`."""

    FILED = "filed"
    DISPATCHED = "dispatched"
    SIGNED = "signed"
    REPLIED = "replied"
    RETURNED = "returned"


class Action(StrEnum):
    """What can be done to an order."""

    FILE = "file"
    DISPATCH = "dispatch"
    SIGN = "sign"
    REPLY = "reply"
    RETURN = "return"
    EDIT = "edit"


MOVES: Mapping[tuple[State, Action], State] = MappingProxyType(
    {
        (State.FILED, Action.DISPATCH): State.DISPATCHED,
        (State.DISPATCHED, Action.SIGN): State.SIGNED,
        (State.DISPATCHED, Action.RETURN): State.RETURNED,
        (State.SIGNED, Action.REPLY): State.REPLIED,
        (State.SIGNED, Action.RETURN): State.RETURNED,
        (State.FILED, Action.EDIT): State.FILED,
        (State.DISPATCHED, Action.EDIT): State.DISPATCHED,
        (State.SIGNED, Action.EDIT): State.SIGNED,
        (State.RETURNED, Action.EDIT): State.RETURNED,
    }
)
"""Every legal move; what is not here is forbidden. A replied order is not rewritten."""


@dataclass(frozen=True, slots=True)
class OrderField:
    """A field of an order, with what became of it."""

    field: FieldValue
    machine_value: str | None = None
    """What the machine had, once a person has corrected it."""


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One matter of one call, on its way to a unit."""

    number: str
    call_id: str
    matter_no: int
    matter: str
    matter_label: str
    service: str
    service_label: str
    district: str
    """Six-digit code the order was routed by; `510000` when the place is unknown."""
    summary: str
    caller_contact: str
    """Personal data."""
    source: str
    fields: tuple[OrderField, ...]
    flags: tuple[str, ...]
    urgency: str
    unit: str
    unit_name: str
    state: State
    filed_at: datetime
    """UTC."""
    sign_by: datetime | None
    """UTC; when the unit must have taken it."""
    due: datetime | None
    """UTC; when the unit must have answered."""
    provisional: bool
    """A deadline crosses a year whose holidays are not official yet."""
    policy: str
    """Id of the deadline rule that was applied."""
    version: int

    def field(self, name: str) -> OrderField | None:
        """The field of that name."""
        return next((item for item in self.fields if item.field.name == name), None)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of an order's history."""

    at: datetime
    """UTC."""
    actor: str
    action: Action
    from_state: State | None
    to_state: State
    field: str | None = None
    machine_value: str | None = None
    """An edit: what stood there."""
    human_value: str | None = None
    """An edit: what the person wrote."""
    text: str | None = None
    """A reply, or the reason of a return."""


@dataclass(frozen=True, slots=True)
class Change:
    """A legal move: the order after it, its line of history, and what to tell the world."""

    order: WorkOrder
    entry: HistoryEntry
    event: WorkOrderEvent | None


def target(state: State, action: Action) -> State:
    """The state `action` leads to. Raises `ForbiddenMove`."""
    to = MOVES.get((state, action))
    if to is None:
        raise ForbiddenMove(f"cannot {action} an order that is {state}")
    return to


def dispatch(order: WorkOrder, at: datetime) -> Change:
    """Put the order into its unit's in-tray."""
    moved = _moved(order, Action.DISPATCH)
    return Change(
        moved,
        HistoryEntry(at, SYSTEM, Action.DISPATCH, order.state, moved.state),
        WorkOrderDispatched(order.number, order.call_id, order.unit, order.unit_name, order.due),
    )


def sign(order: WorkOrder, command: SignWorkOrder) -> Change:
    """The unit takes the order. Raises `UnknownOrder` for another unit's order, `ForbiddenMove`."""
    _owned(order, command.unit)
    moved = _moved(order, Action.SIGN)
    entry = HistoryEntry(command.at, command.by, Action.SIGN, order.state, moved.state)
    return Change(moved, entry, WorkOrderSigned(order.number, order.unit))


def reply(order: WorkOrder, command: ReplyToWorkOrder) -> Change:
    """The unit answers. Raises `UnknownOrder` for another unit's order, `ForbiddenMove` also without text."""
    _owned(order, command.unit)
    if not command.text.strip():
        raise ForbiddenMove("a reply needs text")
    moved = _moved(order, Action.REPLY)
    entry = HistoryEntry(
        command.at, command.by, Action.REPLY, order.state, moved.state, text=command.text.strip()
    )
    return Change(moved, entry, WorkOrderReplied(order.number, order.unit))


def send_back(order: WorkOrder, command: ReturnWorkOrder) -> Change:
    """The unit returns it. Raises `UnknownOrder` for another unit's, `ForbiddenMove` also without reason."""
    _owned(order, command.unit)
    reason = command.reason.strip()
    if not reason:
        raise ForbiddenMove("a return needs a reason")
    moved = _moved(order, Action.RETURN)
    entry = HistoryEntry(command.at, command.by, Action.RETURN, order.state, moved.state, text=reason)
    return Change(moved, entry, WorkOrderReturned(order.number, order.unit, reason))


def edit(order: WorkOrder, command: EditWorkOrder) -> Change:
    """A person corrects one field, or adds one; the machine's value and its evidence stay.

    Raises `StaleOrder` when the order has changed since the person read it, `ForbiddenMove`.
    """
    if not 1 <= len(command.field) <= NAME_LENGTH:
        raise ForbiddenMove(f"a field's name has 1 to {NAME_LENGTH} characters")
    if order.version != command.version:
        raise StaleOrder("the order has changed since it was read")
    moved = _moved(order, Action.EDIT)
    before: str
    if command.field == SUMMARY:
        before = order.summary
        moved = replace(moved, summary=command.value)
    else:
        before, fields = _corrected(order.fields, command)
        moved = replace(moved, fields=fields)
    entry = HistoryEntry(
        command.at,
        command.by,
        Action.EDIT,
        order.state,
        moved.state,
        field=command.field,
        machine_value=before,
        human_value=command.value,
    )
    return Change(moved, entry, None)


def _moved(order: WorkOrder, action: Action) -> WorkOrder:
    return replace(order, state=target(order.state, action), version=order.version + 1)


def _owned(order: WorkOrder, unit: str) -> None:
    # The same error as for a number that does not exist: a unit cannot find out others' orders by trying.
    if order.unit != unit:
        raise UnknownOrder("no order of that number in this unit's in-tray")


def _corrected(fields: tuple[OrderField, ...], command: EditWorkOrder) -> tuple[str, tuple[OrderField, ...]]:
    after: list[OrderField] = []
    before: str | None = None
    for item in fields:
        if item.field.name != command.field:
            after.append(item)
            continue
        before = item.field.value
        value = replace(item.field, value=command.value, display=command.value, confidence=1.0)
        machine = item.field.value if item.machine_value is None else item.machine_value
        after.append(OrderField(value, machine))
    if before is None:
        after.append(OrderField(FieldValue(command.field, command.value, command.value, 1.0), ""))
    return before or "", tuple(after)
