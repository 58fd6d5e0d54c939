"""REST for handling units: fetch, sign, answer and return their own orders, by token.

An order of another unit and one that does not exist give the same answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from hotline.web.auth import Body
from hotline.web.problems import Problem
from hotline.web.site import Site, SiteDep, site_of
from workorders.messages import ActOnOrder, Moved, ReplyToWorkOrder, ReturnWorkOrder, SignWorkOrder
from workorders.model import Actor, State
from workorders.queries import OrderFilter, OrderRow, OrderView

router = APIRouter(prefix="/units/v1", tags=["units"])

MAX_TOKEN = 200


@dataclass(frozen=True, slots=True)
class UnitGuard:
    """Lets through whoever brings a unit's token."""

    async def __call__(self, request: Request) -> str:
        """The unit's code. Raises `Problem` 401, the same for a missing, malformed or unknown token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        site = site_of(request)
        unit = None
        if scheme.lower() == "bearer" and 0 < len(token) <= MAX_TOKEN:
            unit = await site.ask(site.deps.tokens.unit_of, token)
        if unit is None:
            raise Problem(401, "unit.token", headers={"WWW-Authenticate": 'Bearer realm="hotline12348"'})
        return unit


Unit = Annotated[str, Depends(UnitGuard())]


class Answer(BaseModel):
    """Base of what units get."""


class OrderListItem(Answer):
    """One line of the in-tray."""

    number: str
    state: State
    urgency: str
    matter: str
    matter_label: str
    service_label: str
    district: str = Field(description="Six-digit county code")
    summary: str
    flags: list[str]
    filed_at: datetime
    sign_by: datetime | None = Field(description="Sign before this instant")
    due: datetime | None = Field(description="Answer before this instant")


class OrderList(Answer):
    """A page of the in-tray, newest first."""

    orders: list[OrderListItem]
    next: str | None = Field(description="Give as `after` for the next page; null on the last")


class OrderFieldItem(Answer):
    """A field of the form."""

    name: str
    value: str
    display: str
    confidence: float
    machine_value: str | None = Field(description="What the machine had, once a person corrected it")


class HistoryItem(Answer):
    """One line of the order's history."""

    at: datetime
    actor: str
    action: str
    to_state: State
    text: str | None


class UnitOrder(OrderListItem):
    """An order with everything its unit needs to handle it, the caller's number included."""

    caller_contact: str
    fields: list[OrderFieldItem]
    history: list[HistoryItem]
    provisional: bool = Field(description="A deadline crosses a year whose holidays are not official yet")
    version: int


class MovedOrder(Answer):
    """What a command gives back."""

    number: str
    state: State
    version: int


class Sign(Body):
    """Take the order."""

    by: str = Field(min_length=1, max_length=64, description="Who acts, in the unit's own words")


class Reply(Sign):
    """Answer the order."""

    text: str = Field(min_length=1, max_length=4000)


class Return(Sign):
    """Send the order back."""

    reason: str = Field(min_length=1, max_length=1000)


@router.get("/orders")
async def in_tray(
    unit: Unit,
    site: SiteDep,
    state: State | None = None,
    text: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> OrderList:
    """The unit's orders, newest first."""
    wanted = OrderFilter(text=text, state=state, unit=unit, limit=limit, after=after or None)
    rows = await site.ask(site.deps.orders.search, wanted)
    return OrderList(
        orders=[_item(row) for row in rows], next=rows[-1].cursor if len(rows) == limit else None
    )


@router.get("/orders/{number}")
async def order(number: str, unit: Unit, site: SiteDep) -> UnitOrder:
    """One of the unit's orders. The reading is put on record."""
    view = await site.ask(site.deps.orders.get, number)
    if view is None or view.order.unit != unit or view.order.life.against_unit == unit:
        raise Problem(404, "order.unknown")
    await site.record(f"unit:{unit}", "order.read", view.order.number)
    return _order(view)


@router.post("/orders/{number}/sign")
async def sign(number: str, form: Sign, unit: Unit, site: SiteDep) -> MovedOrder:
    """Take an order. Taking it again changes nothing."""
    return await _do(site, unit, SignWorkOrder(number, unit, form.by, site.deps.now()))


@router.post("/orders/{number}/reply")
async def reply(number: str, form: Reply, unit: Unit, site: SiteDep) -> MovedOrder:
    """Answer a signed order. 409 when its state does not allow it."""
    return await _do(site, unit, ReplyToWorkOrder(number, unit, form.by, form.text, site.deps.now()))


@router.post("/orders/{number}/return")
async def send_back(number: str, form: Return, unit: Unit, site: SiteDep) -> MovedOrder:
    """Send an order back with a reason. 409 when its state does not allow it."""
    return await _do(site, unit, ReturnWorkOrder(number, unit, form.by, form.reason, site.deps.now()))


class UnitMove(Sign):
    """Any of the other moves a unit may make."""

    action: Literal["ask_extension", "suspend", "resume"]
    text: str = Field(default="", max_length=4000, description="Why; needed but for resume")
    days: int = Field(default=0, ge=0, le=366, description="Working days asked for")


@router.post("/orders/{number}/moves")
async def move(number: str, form: UnitMove, unit: Unit, site: SiteDep) -> MovedOrder:
    """Ask for more time, suspend until the caller has added something, resume. 409 when it does not fit."""
    act = ActOnOrder(
        number, form.action, form.by, Actor.UNIT, site.deps.now(), unit=unit, text=form.text, days=form.days
    )
    moved = await site.ask(site.deps.service.handle, act)
    await site.record(f"unit:{unit}", f"order.{form.action}", moved.number)
    return MovedOrder(number=moved.number, state=State(moved.state), version=moved.version)


async def _do(
    site: Site, unit: str, command: SignWorkOrder | ReplyToWorkOrder | ReturnWorkOrder
) -> MovedOrder:
    moved: Moved = await site.ask(site.deps.service.handle, command)
    action = {SignWorkOrder: "order.sign", ReplyToWorkOrder: "order.reply"}.get(type(command), "order.return")
    await site.record(f"unit:{unit}", action, moved.number)
    return MovedOrder(number=moved.number, state=State(moved.state), version=moved.version)


def _item(row: OrderRow) -> OrderListItem:
    return OrderListItem(
        number=row.number,
        state=row.state,
        urgency=row.urgency,
        matter=row.matter,
        matter_label=row.matter_label,
        service_label=row.service_label,
        district=row.district,
        summary=row.summary,
        flags=list(row.flags),
        filed_at=row.filed_at,
        sign_by=row.sign_by,
        due=row.due,
    )


def _order(view: OrderView) -> UnitOrder:
    order = view.order
    return UnitOrder(
        number=order.number,
        state=order.state,
        urgency=order.urgency,
        matter=order.matter,
        matter_label=order.matter_label,
        service_label=order.service_label,
        district=order.district,
        summary=order.summary,
        flags=list(order.flags),
        filed_at=order.filed_at,
        sign_by=order.sign_by,
        due=order.due,
        caller_contact=order.caller_contact,
        fields=[
            OrderFieldItem(
                name=item.field.name,
                value=item.field.value,
                display=item.field.display,
                confidence=item.field.confidence,
                machine_value=item.machine_value,
            )
            for item in order.fields
        ],
        history=[
            HistoryItem(
                at=entry.at,
                actor=entry.actor,
                action=entry.action.value,
                to_state=entry.to_state,
                text=entry.text,
            )
            for entry in view.history
        ],
        provisional=order.provisional,
        version=order.version,
    )
