"""What systems outside get about an order: JSON as docs/exchange.md has it."""

from collections.abc import Mapping
from typing import Any

from workorders.cases import Referral
from workorders.model import WorkOrder
from workorders.wire import order_to_json

SCHEMA = "hotline12348.exchange/1"
"""Changes when a field changes its meaning; new fields may come without that."""


def delivery_to_json(payload: Mapping[str, str | None], order: WorkOrder) -> dict[str, Any]:
    """The body of a delivery: news about an order, a referral with its order, else the order itself."""
    match payload.get("type"):
        case "status":
            return {"schema": SCHEMA, **payload}
        case "referral":
            return {
                "schema": SCHEMA,
                "type": "referral",
                "referral": payload.get("referral"),
                "kind": payload.get("kind"),
                "text": payload.get("text"),
                "order": order_to_json(order),
            }
        case _:
            return order_to_json(order)


def referral_to_json(referral: Referral, order: WorkOrder) -> dict[str, Any]:
    """A referral as its system fetches it; the same as is POSTed, with how it stands."""
    pushed = delivery_to_json(
        {"type": "referral", "referral": str(referral.id), "kind": referral.kind, "text": referral.text},
        order,
    )
    return pushed | {
        "status": referral.status,
        "outside_number": referral.outside_number,
        "created_at": referral.created_at.isoformat(),
        "updated_at": referral.updated_at.isoformat(),
    }
