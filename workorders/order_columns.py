"""Orders, fields and files as column values, and rows back as orders."""

from typing import Any

from sqlalchemy import RowMapping

from workorders.attachments import Attachment
from workorders.life_columns import life_columns, life_from
from workorders.messages import EvidenceSpan, FieldValue
from workorders.model import OrderField, State, WorkOrder


def order_from(row: RowMapping, fields: tuple[OrderField, ...]) -> WorkOrder:
    """A row as an order."""
    return WorkOrder(
        number=row["number"],
        call_id=row["call_id"],
        matter_no=row["matter_no"],
        matter=row["matter"],
        matter_label=row["matter_label"],
        service=row["service"],
        service_label=row["service_label"],
        district=row["district"],
        summary=row["summary"],
        caller_contact=row["caller_contact"],
        source=row["source"],
        channel=row["channel"],
        fields=fields,
        flags=tuple(row["flags"]),
        urgency=row["urgency"],
        unit=row["unit"],
        unit_name=row["unit_name"],
        state=State(row["state"]),
        filed_at=row["filed_at"],
        sign_by=row["sign_by"],
        due=row["due_at"],
        provisional=row["provisional"],
        policy=row["policy"],
        version=row["version"],
        content_deleted_at=row["content_deleted_at"],
        life=life_from(row),
    )


def field_from(row: RowMapping) -> OrderField:
    """A row as a field with its evidence."""
    evidence = tuple(
        EvidenceSpan(span["utterance"], span["start"], span["end"], span["text"]) for span in row["evidence"]
    )
    value = FieldValue(row["name"], row["value"], row["display"], row["confidence"], evidence)
    return OrderField(value, row["machine_value"])


def attachment_from(row: RowMapping) -> Attachment:
    """A row as a file of an order."""
    return Attachment(
        row["key"],
        row["name"],
        row["kind"],
        row["size"],
        row["sha256"],
        row["unit"],
        row["actor"],
        row["at"],
    )


def order_columns(order: WorkOrder) -> dict[str, Any]:
    """An order as a row, without its id."""
    return {
        "number": order.number,
        "call_id": order.call_id,
        "matter_no": order.matter_no,
        "matter": order.matter,
        "matter_label": order.matter_label,
        "service": order.service,
        "service_label": order.service_label,
        "district": order.district,
        "summary": order.summary,
        "caller_contact": order.caller_contact,
        "source": order.source,
        "channel": order.channel,
        "flags": list(order.flags),
        "urgency": order.urgency,
        "unit": order.unit,
        "unit_name": order.unit_name,
        "state": order.state.value,
        "filed_at": order.filed_at,
        "sign_by": order.sign_by,
        "due_at": order.due,
        "provisional": order.provisional,
        "policy": order.policy,
        "version": order.version,
        "search_text": search_text(order),
        **life_columns(order.life),
    }


def search_text(order: WorkOrder) -> str:
    """What a search looks through: one line a part, case folded."""
    fields = [item.field.display for item in order.fields]
    return search_text_of(
        order.number, order.matter_label, order.service_label, order.unit_name, order.summary, *fields
    )


def search_text_of(*parts: str) -> str:
    """The same of any parts; empty ones are left out."""
    return "\n".join(part.casefold() for part in parts if part)


def field_columns(order_id: int, position: int, item: OrderField) -> dict[str, Any]:
    """A field as a row, without its id."""
    return {
        "order_id": order_id,
        "position": position,
        "name": item.field.name,
        "value": item.field.value,
        "display": item.field.display,
        "confidence": item.field.confidence,
        "evidence": [
            {"utterance": span.utterance, "start": span.start, "end": span.end, "text": span.text}
            for span in item.field.evidence
        ],
        "machine_value": item.machine_value,
    }
