"""The workbench of a handling unit's people: their unit's orders and nothing else, the caller masked."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from hotline.store.users import Session
from hotline.veil import Sight, unasked
from hotline.web.api import Reason
from hotline.web.auth import Body, Handler, Reader
from hotline.web.sight import names_of, need_order
from hotline.web.site import Site, SiteDep
from hotline.web.unit_files import Key, Name, give_file, take_file
from hotline.web.unit_shapes import FileItem, MovedOrder, OrderList, UnitOrder, unit_order
from hotline.web.units import OrderPath, handed_out, list_orders, make_move, own_order, unmasked
from workorders.calendar import Term, TermUnit
from workorders.life import choices
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor, State
from workorders.queries import OrderFilter, OrderView

router = APIRouter(prefix="/api/v1", tags=["workbench"])

WORKING = (State.DISPATCHED, State.SIGNED)
ANSWERED = (State.REPLIED, State.VISITING, State.SETTLED, State.ARCHIVED)
OFFERED = ("sign", "reply", "return", "ask_extension", "suspend", "resume")


class Tray(StrEnum):
    """How the workbench sorts a unit's orders."""

    TO_SIGN = "to_sign"
    WORKING = "working"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    ANSWERED = "answered"
    RETURNED = "returned"
    ALL = "all"


class WorkbenchOrder(UnitOrder):
    """An order with what may be done about it."""

    choices: list[str]


class UnitAct(Body):
    """A move of the unit."""

    action: Literal["sign", "reply", "return", "ask_extension", "suspend", "resume"]
    text: str = Field(default="", max_length=4000)
    days: int = Field(default=0, ge=0, le=366)


@router.get("/unit/orders")
async def trays(
    session: Handler,
    site: SiteDep,
    tray: Tray = Tray.ALL,
    text: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """One tray's orders, newest first, and how many are in each tray."""
    unit, now = session.user.unit, site.deps.now()
    soon, mine = _soon(site, now), names_of(session.user)
    wanted = {each: replace(_wanted(each, unit, now, soon), hidden_from=mine) for each in Tray}
    chosen = wanted[tray]
    page: OrderList = await list_orders(
        site,
        OrderFilter(
            text=text,
            seen_by=unit,
            hidden_from=mine,
            states=chosen.states,
            due_from=chosen.due_from,
            due_to=chosen.due_to,
            limit=limit,
            after=cursor or None,
        ),
    )
    counts = await site.ask(site.deps.orders.counts, list(wanted.values()))
    trays = {each.value: count for each, count in zip(wanted, counts, strict=True)}
    return {**page.model_dump(mode="json"), "trays": trays}


@router.get("/unit/orders/{number}")
async def order_of_unit(number: OrderPath, session: Handler, site: SiteDep) -> WorkbenchOrder:
    """One of the unit's orders, masked as the policy says. The reading is put on record."""
    view = await _own(site, number, session)
    sight = unasked(site.deps.service.rules.outward, view.order)
    await site.record(session.user.name, "order.read", view.order.number)
    return await _shown(site, view, sight, session)


@router.post("/unit/orders/{number}/reveal")
async def reveal(number: OrderPath, form: Reason, session: Handler, site: SiteDep) -> WorkbenchOrder:
    """The order with its caller, for a reason that is put on record first. 403 where the policy says no."""
    view = await _own(site, number, session)
    sight = await unmasked(site, view, session.user.name, form.reason)
    return await _shown(site, view, sight, session)


@router.post("/unit/orders/{number}/moves")
async def move_of_unit(number: OrderPath, form: UnitAct, session: Handler, site: SiteDep) -> MovedOrder:
    """Sign, reply, return, ask for an extension, suspend or resume. 409 for what does not fit."""
    await _own(site, number, session)
    act = ActOnOrder(
        number,
        Action(form.action),
        session.user.display,
        Actor.UNIT,
        site.deps.now(),
        unit=session.user.unit,
        text=form.text,
        days=form.days,
    )
    return await make_move(site, act, session.user.name)


@router.post("/unit/orders/{number}/attachments", status_code=201)
async def attach_to_order(
    number: OrderPath, request: Request, session: Handler, site: SiteDep, name: Name
) -> FileItem:
    """Add a file to an order that is not answered yet."""
    user = session.user
    await _own(site, number, session)
    act = ActOnOrder(number, Action.ATTACH, user.display, Actor.UNIT, site.deps.now(), unit=user.unit)
    return await take_file(request, site, act, name, user.name)


@router.get("/unit/orders/{number}/attachments/{file}", response_class=Response)
async def attachment_of_unit(number: OrderPath, file: Key, session: Handler, site: SiteDep) -> Response:
    """A file of one of the unit's orders."""
    view = await _own(site, number, session)
    return await give_file(site, view, file, session.user.name)


@router.get("/orders/{number}/attachments/{file}", response_class=Response)
async def attachment_for_desk(number: OrderPath, file: Key, session: Reader, site: SiteDep) -> Response:
    """A file of an order, for agents and supervisors."""
    view = await need_order(site, session.user, number)
    return await give_file(site, view, file, session.user.name)


async def _shown(site: Site, view: OrderView, sight: Sight, session: Session) -> WorkbenchOrder:
    await handed_out(site, [(view, sight)], session.user.unit, session.user.name, "page")
    offered = [each.value for each in choices(view.order, Actor.UNIT) if each.value in OFFERED]
    if view.order.state is State.DISPATCHED and "reply" in offered:
        offered.remove("reply")  # an order is answered by who has signed it
    order = unit_order(view, sight, site.deps.service.rules.outward)
    return WorkbenchOrder(**order.model_dump(), choices=offered)


def _soon(site: Site, now: datetime) -> datetime:
    """The end of the next working day: what falls due until then is due soon."""
    return site.deps.service.calendar.due(now, Term(TermUnit.WORKING_DAYS, 1)).at


async def _own(site: Site, number: str, session: Session) -> OrderView:
    """An order of the user's unit that is no complaint about the user. Raises `Problem` 404."""
    return await own_order(site, number, session.user.unit, names_of(session.user))


def _wanted(tray: Tray, unit: str, now: datetime, soon: datetime) -> OrderFilter:
    match tray:
        case Tray.TO_SIGN:
            return OrderFilter(seen_by=unit, states=(State.DISPATCHED,))
        case Tray.WORKING:
            return OrderFilter(seen_by=unit, states=(State.SIGNED, State.SUSPENDED))
        case Tray.DUE_SOON:
            return OrderFilter(seen_by=unit, states=WORKING, due_from=now, due_to=soon)
        case Tray.OVERDUE:
            return OrderFilter(seen_by=unit, states=WORKING, due_to=now)
        case Tray.ANSWERED:
            return OrderFilter(seen_by=unit, states=ANSWERED)
        case Tray.RETURNED:
            return OrderFilter(seen_by=unit, states=(State.RETURNED,))
        case Tray.ALL:
            return OrderFilter(seen_by=unit)
