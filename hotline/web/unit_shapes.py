"""What units get: orders as their API, feed and page show them. Each field says its data class."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from hotline.sniffing import KINDS
from hotline.veil import Sight, veil, veil_history
from workorders.attachments import Attachment
from workorders.model import HistoryEntry, State
from workorders.outward import CallerAccess, DataClass, Outward
from workorders.queries import OrderRow, OrderView

INTERNAL = {"x-data-class": DataClass.INTERNAL.value}
PERSONAL = {"x-data-class": DataClass.PERSONAL.value}
NUMBER = "SC-20261123-510116-00001-9"


def classed(data_class: dict[str, str], description: str = "", **more: Any) -> Any:
    """A field that says its data class in the OpenAPI document."""
    return Field(description=description or None, json_schema_extra=dict(data_class), **more)


class OrderListItem(BaseModel):
    """One line of the in-tray."""

    number: str = classed(INTERNAL, examples=[NUMBER])
    state: State = classed(INTERNAL)
    urgency: str = classed(INTERNAL, "critical, urgent, normal or low")
    matter: str = classed(INTERNAL, examples=["labour.wages"])
    matter_label: str = classed(INTERNAL)
    service_label: str = classed(INTERNAL)
    district: str = classed(INTERNAL, "Six-digit county code", examples=["510116"])
    channel: str = classed(INTERNAL, "phone, webrtc, web, wechat, tv, visit or 12345")
    summary: str = classed(PERSONAL, "Numbers and names masked, unless the policy shows them")
    flags: list[str] = classed(INTERNAL)
    filed_at: datetime = classed(INTERNAL)
    sign_by: datetime | None = classed(INTERNAL, "Sign before this instant")
    due: datetime | None = classed(INTERNAL, "Answer before this instant")
    content_deleted_at: datetime | None = classed(
        INTERNAL, "When all that was personal was deleted, its time being over; delete your copy too"
    )


class OrderList(BaseModel):
    """A page of the in-tray, newest first."""

    orders: list[OrderListItem]
    next: str | None = Field(description="Give as `after` for the next page; null on the last")


class OrderFieldItem(BaseModel):
    """A field of the form."""

    name: str = classed(INTERNAL)
    data_class: DataClass = classed(INTERNAL)
    value: str = classed(PERSONAL)
    display: str = classed(PERSONAL)
    confidence: float = classed(INTERNAL)
    machine_value: str | None = classed(PERSONAL, "What the machine had, once a person corrected it")


class HistoryItem(BaseModel):
    """One line of the order's history."""

    at: datetime = classed(INTERNAL)
    actor: str = classed(INTERNAL)
    action: str = classed(INTERNAL)
    to_state: State = classed(INTERNAL)
    text: str | None = classed(PERSONAL)


class FileItem(BaseModel):
    """A file of the order."""

    key: str = classed(INTERNAL, "Names the file in its address")
    name: str = classed(PERSONAL)
    kind: str = classed(INTERNAL, "By its content: pdf, png, jpeg, docx, xlsx or txt")
    media_type: str = classed(INTERNAL)
    size: int = classed(INTERNAL, "Bytes")
    sha256: str = classed(INTERNAL)
    by: str = classed(INTERNAL)
    at: datetime = classed(INTERNAL)


class UnitOrder(OrderListItem):
    """An order with everything its unit needs to handle it."""

    unit: str = classed(INTERNAL)
    unit_name: str = classed(INTERNAL)
    caller_contact: str = classed(PERSONAL, "The caller's number, masked as the policy says")
    caller_access: CallerAccess = classed(INTERNAL, "What the policy lets this unit see of the caller")
    masked: bool = classed(INTERNAL, "Whether anything personal is masked here")
    fields: list[OrderFieldItem] = classed(PERSONAL)
    attachments: list[FileItem] = classed(PERSONAL)
    history: list[HistoryItem] = classed(PERSONAL)
    provisional: bool = classed(INTERNAL, "A deadline crosses a year whose holidays are not official yet")
    version: int = classed(INTERNAL, "Rises by one with every change")


class MovedOrder(BaseModel):
    """What a command gives back."""

    number: str = Field(examples=[NUMBER])
    state: State
    version: int


def list_item(row: OrderRow, summary: str) -> OrderListItem:
    """A row of the list with its summary as it may be seen."""
    return OrderListItem(
        number=row.number,
        state=row.state,
        urgency=row.urgency,
        matter=row.matter,
        matter_label=row.matter_label,
        service_label=row.service_label,
        district=row.district,
        channel=row.channel,
        summary=summary,
        flags=list(row.flags),
        filed_at=row.filed_at,
        sign_by=row.sign_by,
        due=row.due,
        content_deleted_at=row.content_deleted_at,
    )


def unit_order(view: OrderView, sight: Sight, outward: Outward) -> UnitOrder:
    """An order as its unit may see it."""
    order = veil(view.order, sight, outward)
    return UnitOrder(
        number=order.number,
        state=order.state,
        urgency=order.urgency,
        matter=order.matter,
        matter_label=order.matter_label,
        service_label=order.service_label,
        district=order.district,
        channel=order.channel,
        summary=order.summary,
        flags=list(order.flags),
        filed_at=order.filed_at,
        sign_by=order.sign_by,
        due=order.due,
        content_deleted_at=order.content_deleted_at,
        unit=order.unit,
        unit_name=order.unit_name,
        caller_contact=order.caller_contact,
        caller_access=outward.access(view.order),
        masked=sight is not Sight.ALL,
        fields=[
            OrderFieldItem(
                name=item.field.name,
                data_class=outward.class_of(item.field.name),
                value=item.field.value,
                display=item.field.display,
                confidence=item.field.confidence,
                machine_value=item.machine_value,
            )
            for item in order.fields
        ],
        attachments=[file_item(each) for each in view.attachments],
        history=[history_item(each) for each in veil_history(view.history, view.order, sight, outward)],
        provisional=order.provisional,
        version=order.version,
    )


def history_item(entry: HistoryEntry) -> HistoryItem:
    """A line of history."""
    return HistoryItem(
        at=entry.at,
        actor=entry.actor,
        action=entry.action.value,
        to_state=entry.to_state,
        text=entry.text,
    )


def file_item(file: Attachment) -> FileItem:
    """A file."""
    return FileItem(
        key=file.key,
        name=file.name,
        kind=file.kind,
        media_type=KINDS[file.kind].media_type,
        size=file.size,
        sha256=file.sha256,
        by=file.by,
        at=file.at,
    )
