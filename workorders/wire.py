"""Events and deliveries as JSON, for the outbox rows and the units' systems."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from workorders.errors import WorkOrderError
from workorders.messages import (
    WorkOrderDispatched,
    WorkOrderDue,
    WorkOrderEvent,
    WorkOrderFiled,
    WorkOrderMoved,
    WorkOrderReplied,
    WorkOrderReturned,
    WorkOrderSigned,
)
from workorders.model import WorkOrder
from workorders.ports import OutboxTask, TaskKind


class BadPayload(WorkOrderError):
    """An outbox row that this version cannot read."""

    code = "order.bad_payload"


def event_to_json(event: WorkOrderEvent) -> dict[str, str | None]:
    """A flat JSON object with `type`; times ISO 8601 UTC."""
    match event:
        case WorkOrderFiled(number, call_id):
            return {"type": "filed", "number": number, "call_id": call_id}
        case WorkOrderDispatched(number, call_id, unit, unit_name, due):
            return {
                "type": "dispatched",
                "number": number,
                "call_id": call_id,
                "unit": unit,
                "unit_name": unit_name,
                "due": _iso(due),
            }
        case WorkOrderSigned(number, unit):
            return {"type": "signed", "number": number, "unit": unit}
        case WorkOrderReplied(number, unit):
            return {"type": "replied", "number": number, "unit": unit}
        case WorkOrderReturned(number, unit, reason):
            return {"type": "returned", "number": number, "unit": unit, "reason": reason}
        case WorkOrderMoved(number, unit, action, state):
            return {"type": "moved", "number": number, "unit": unit, "action": action, "state": state}
        case WorkOrderDue(number, unit, timer, at):
            return {"type": "timer", "number": number, "unit": unit, "timer": timer, "at": _iso(at)}


_PLAIN: Mapping[str | None, tuple[Callable[..., WorkOrderEvent], tuple[str, ...]]] = {
    "filed": (WorkOrderFiled, ("number", "call_id")),
    "signed": (WorkOrderSigned, ("number", "unit")),
    "replied": (WorkOrderReplied, ("number", "unit")),
    "returned": (WorkOrderReturned, ("number", "unit", "reason")),
    "moved": (WorkOrderMoved, ("number", "unit", "action", "state")),
}
"""Events of text only: type → class, names in the order of its fields."""


def event_from_json(payload: dict[str, str | None]) -> WorkOrderEvent:
    """The reverse. Raises `BadPayload` for an object of another version."""

    def text(name: str) -> str:
        value = payload.get(name)
        if not isinstance(value, str):
            raise BadPayload(f"no text under {name!r}")
        return value

    def moment(name: str) -> datetime:
        try:
            return datetime.fromisoformat(text(name))
        except ValueError as error:
            raise BadPayload(f"no time under {name!r}") from error

    kind = payload.get("type")
    if kind == "dispatched":
        when = None if payload.get("due") is None else moment("due")
        return WorkOrderDispatched(text("number"), text("call_id"), text("unit"), text("unit_name"), when)
    if kind == "timer":
        return WorkOrderDue(text("number"), text("unit"), text("timer"), moment("at"))
    if kind not in _PLAIN:
        raise BadPayload("an event of unknown type")
    event, names = _PLAIN[kind]
    return event(*(text(name) for name in names))


def event_task(event: WorkOrderEvent, unit: str, at: datetime) -> OutboxTask:
    """The outbox row that publishes an event."""
    return OutboxTask(TaskKind.EVENT, event.number, unit, event_to_json(event), at)


def order_to_json(order: WorkOrder) -> dict[str, Any]:
    """An order as a unit's own system gets it; times ISO 8601 UTC. Holds personal data."""
    return {
        "type": "order",
        "number": order.number,
        "state": order.state.value,
        "version": order.version,
        "unit": order.unit,
        "unit_name": order.unit_name,
        "matter": order.matter,
        "matter_label": order.matter_label,
        "service": order.service,
        "service_label": order.service_label,
        "district": order.district,
        "urgency": order.urgency,
        "flags": list(order.flags),
        "summary": order.summary,
        "caller_contact": order.caller_contact,
        "fields": [
            {"name": item.field.name, "value": item.field.value, "display": item.field.display}
            for item in order.fields
        ],
        "filed_at": _iso(order.filed_at),
        "sign_by": _iso(order.sign_by),
        "due": _iso(order.due),
        "provisional": order.provisional,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
