"""REST for other lines and authorities: send orders, fetch what is theirs, say how it stands; by token.

docs/exchange.md has it in Chinese. An order that is not theirs and one that does not exist give the same
answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as PathParam
from pydantic import AwareDatetime, BaseModel, Field

from hotline.veil import Sight, veil
from hotline.web.auth import Body
from hotline.web.problems import Problem
from hotline.web.site import Site, SiteDep, site_of
from workorders.case_messages import ActOnReferral, HearOutside, TakeTransfer
from workorders.exchange_wire import SCHEMA, referral_to_json
from workorders.messages import FieldValue, FileWorkOrder
from workorders.model import Actor, WorkOrder
from workorders.queries import OrderFilter, OrderView
from workorders.wire import order_to_json

router = APIRouter(prefix="/exchange/v1", tags=["exchange"])

MAX_TOKEN = 200
Id = Annotated[str, PathParam(min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True)
class SystemGuard:
    """Lets through whoever brings a system's token."""

    async def __call__(self, request: Request) -> str:
        """The system's code. Raises `Problem` 401, the same for a missing, malformed or unknown token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        site = site_of(request)
        system = None
        if scheme.lower() == "bearer" and 0 < len(token) <= MAX_TOKEN:
            system = await site.ask(site.deps.partners.system_of, token)
        if system is None:
            raise Problem(401, "exchange.token", headers={"WWW-Authenticate": 'Bearer realm="hotline12348"'})
        return system


System = Annotated[str, Depends(SystemGuard())]


class SentField(Body):
    """One field of the form."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")
    value: str = Field(max_length=2000)


class SentOrder(Body):
    """An order that another line hands over."""

    outside_number: str = Field(
        min_length=1, max_length=64, description="Yours; sent again it is the same order"
    )
    summary: str = Field(min_length=1, max_length=4000)
    caller_contact: str = Field(max_length=255, description="The caller's number")
    matter: str = Field(default="other", max_length=64, description="Code of ivr_flows/intents.yaml")
    service: str = Field(default="consult", max_length=64)
    district: str = Field(
        default="510000", pattern=r"^[0-9]{6}$", description="County code; 510000 when unknown"
    )
    flags: list[str] = Field(default=[], max_length=16)
    fields: list[SentField] = Field(default=[], max_length=32)
    anonymous: bool = Field(default=False, description="The caller does not want to be called back")


class Event(Body):
    """How an order stands that was sent to you."""

    event: str = Field(
        min_length=1, max_length=64, description="Your id of this message; the same again is one"
    )
    status: Literal["accepted", "finished", "returned"]
    outside_number: str = Field(default="", max_length=64, description="Yours; kept and shown")
    text: str = Field(default="", max_length=4000, description="The answer, or why it comes back")


class ReferralEvent(Body):
    """How something stands that was referred to you."""

    event: str = Field(min_length=1, max_length=64)
    status: Literal["accepted", "registered", "finished", "returned"]
    outside_number: str = Field(default="", max_length=64, description="Your case number; kept and shown")
    text: str = Field(default="", max_length=2000, description="Result or reason")


class Taken(BaseModel):
    """What became of what you sent."""

    number: str = Field(description="Ours; quote it in everything about the order")
    status: str
    created: bool = Field(description="False when you had sent it before")


class Standing(BaseModel):
    """How an order stands that came from you."""

    number: str
    outside_number: str
    status: str = Field(description="Our state of it, or returned")
    text: str = Field(description="The last answer or reason")
    unit_name: str
    filed_at: AwareDatetime
    due: AwareDatetime | None
    updated_at: AwareDatetime


@router.post("/orders", status_code=201)
async def send(form: SentOrder, response: Response, system: System, site: SiteDep) -> Taken:
    """Hand an order over. 201 for a new one, 200 with the same answer for one that was sent before."""
    labels = site.deps.labels
    for code in (form.matter, form.service):
        if code not in labels:
            raise Problem(422, "web.invalid", "Invalid: body.matter or body.service")
    command = TakeTransfer(
        system,
        form.outside_number,
        _filing(form, labels, site.deps.service.rules.labels.flags, site.deps.now()),
    )
    taken = await site.ask(site.deps.service.handle, command)
    await site.record(system, "exchange.take", taken.subject, f"created={taken.created}")
    response.status_code = 201 if taken.created else 200
    return Taken(number=taken.subject, status=taken.status, created=taken.created)


@router.get("/orders/by-outside-number/{outside_number}")
async def standing(outside_number: Id, system: System, site: SiteDep) -> Standing:
    """How an order stands that you sent."""
    reference = await site.ask(site.deps.cases.reference, system, outside_number)
    view = None if reference is None else await site.ask(site.deps.orders.get, reference.order)
    if reference is None or view is None:
        raise Problem(404, "order.unknown")
    return Standing(
        number=reference.order,
        outside_number=outside_number,
        status=reference.status if reference.status == "returned" else view.order.state.value,
        text=reference.text,
        unit_name=view.order.unit_name,
        filed_at=view.order.filed_at,
        due=view.order.due,
        updated_at=reference.updated_at,
    )


@router.get("/orders")
async def sent(
    system: System,
    site: SiteDep,
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> dict[str, Any]:
    """Orders that were sent to you and are yours to handle, newest first; `next` for the next page."""
    wanted = OrderFilter(unit=system, limit=limit, after=after or None)
    rows = await site.ask(site.deps.orders.search, wanted)
    listed = [{"number": row.number, "state": row.state.value, "filed_at": row.filed_at} for row in rows]
    return {"schema": SCHEMA, "orders": listed, "next": rows[-1].cursor if len(rows) == limit else None}


@router.get("/orders/{number}")
async def order(number: Id, system: System, site: SiteDep) -> dict[str, Any]:
    """An order that was sent to you, whole. The reading is put on record."""
    view = await _theirs(site, system, number)
    await site.record(system, "order.read", view.order.number)
    return {"schema": SCHEMA, **order_to_json(_seen(site, view))}


@router.post("/orders/{number}/events")
async def event(number: Id, form: Event, system: System, site: SiteDep) -> Taken:
    """Say how it stands. The same event again changes nothing; 409 for a step that does not fit."""
    command = HearOutside(
        system, form.event, number, form.status, site.deps.now(), form.outside_number, form.text
    )
    heard = await site.ask(site.deps.service.handle, command)
    await site.record(system, f"exchange.{form.status}", heard.subject, f"event={form.event}")
    return Taken(number=heard.subject, status=heard.status, created=heard.created)


@router.get("/referrals")
async def referrals(
    system: System,
    site: SiteDep,
    before: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> dict[str, Any]:
    """What was referred to you, newest first; give the last id as `before` for the next page."""
    found = await site.ask(site.deps.cases.referrals, outside=system, before=before, limit=limit)
    listed = []
    for each in found:
        view = await site.ask(site.deps.orders.get, each.order)
        if view is not None:
            await site.record(system, "order.read", each.order, f"referral={each.id}")
            listed.append(referral_to_json(each, _seen(site, view)))
    return {"schema": SCHEMA, "referrals": listed, "next": found[-1].id if len(found) == limit else None}


@router.post("/referrals/{referral}/events")
async def referral_event(
    referral: Annotated[int, PathParam(ge=1, le=2**31 - 1)],
    form: ReferralEvent,
    system: System,
    site: SiteDep,
) -> Taken:
    """Say how it stands. The same event again changes nothing; 409 for a step that does not fit."""
    there = await site.ask(site.deps.cases.referral, referral)
    if there is None or there.outside != system:
        raise Problem(404, "referral.unknown")
    command = ActOnReferral(
        referral,
        form.status,
        system,
        Actor.SYSTEM,
        site.deps.now(),
        text=form.text,
        outside_number=form.outside_number,
        event=form.event,
    )
    heard = await site.ask(site.deps.service.handle, command)
    await site.record(system, f"referral.{form.status}", there.order, f"referral={referral}")
    return Taken(number=there.order, status=heard.status, created=heard.created)


def _filing(
    form: SentOrder, labels: Mapping[str, str], known: Mapping[str, str], now: datetime
) -> FileWorkOrder:
    return FileWorkOrder(
        call_id="",
        matter_no=1,
        matter=form.matter,
        matter_label=labels[form.matter],
        service=form.service,
        service_label=labels[form.service],
        district=form.district,
        summary=form.summary,
        caller_contact=form.caller_contact,
        fields=tuple(FieldValue(each.name, each.value, each.value, 1.0) for each in form.fields),
        flags=tuple(flag for flag in form.flags if flag in known),
        source="transfer",
        filed_at=now,
        anonymous=form.anonymous,
    )


def _seen(site: Site, view: OrderView) -> WorkOrder:
    """As much as a line or an authority outside needs: the caller, but nothing of the most sensitive kind."""
    return veil(view.order, Sight.PERSONAL, site.deps.service.rules.outward)


async def _theirs(site: Site, system: str, number: str) -> OrderView:
    view = await site.ask(site.deps.orders.get, number)
    if view is None or view.order.unit != system:
        raise Problem(404, "order.unknown")
    return view
