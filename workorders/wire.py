"""Events and deliveries as JSON, for the outbox rows and the units' systems."""

from datetime import UTC, datetime

from workorders.errors import WorkOrderError
from workorders.messages import (
    WorkOrderDispatched,
    WorkOrderEvent,
    WorkOrderFiled,
    WorkOrderReplied,
    WorkOrderReturned,
    WorkOrderSigned,
)


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
                "due": None if due is None else due.astimezone(UTC).isoformat(),
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
