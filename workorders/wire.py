"""Events and deliveries as JSON, for the outbox rows and the units' systems."""

from datetime import UTC, datetime
from typing import Any

from workorders.errors import WorkOrderError
from workorders.messages import (
    WorkOrderDispatched,
    WorkOrderEvent,
    WorkOrderFiled,
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


def event_from_json(payload: dict[str, str | None]) -> WorkOrderEvent:
    """The reverse. Raises `BadPayload` for an object of another version."""

    def text(name: str) -> str:
        value = payload.get(name)
        if not isinstance(value, str):
            raise BadPayload(f"no text under {name!r}")
        return value

    match payload.get("type"):
        case "filed":
            return WorkOrderFiled(text("number"), text("call_id"))
        case "dispatched":
            due = payload.get("due")
            try:
                when = None if due is None else datetime.fromisoformat(due)
            except (TypeError, ValueError) as error:
                raise BadPayload("no time under 'due'") from error
            return WorkOrderDispatched(text("number"), text("call_id"), text("unit"), text("unit_name"), when)
        case "signed":
            return WorkOrderSigned(text("number"), text("unit"))
        case "replied":
            return WorkOrderReplied(text("number"), text("unit"))
        case "returned":
            return WorkOrderReturned(text("number"), text("unit"), text("reason"))
        case _:
            raise BadPayload("an event of unknown type")


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
