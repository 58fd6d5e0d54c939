"""REST for handling units: fetch, sign, answer and return their own orders, by token.

An order of another unit and one that does not exist give the same answer.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from hotline.personal import hide
from hotline.store.outbound import Outbound
from hotline.veil import Sight, unasked
from hotline.web.auth import Body
from hotline.web.names import names_in_forms
from hotline.web.problems import Problem
from hotline.web.site import Site, SiteDep
from hotline.web.unit_shapes import NUMBER, MovedOrder, OrderList, UnitOrder, list_item, unit_order
from hotline.web.unit_token import DOCUMENTED, Acting, Bearer, Reading
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor, State
from workorders.outward import CallerAccess
from workorders.queries import OrderFilter, OrderView


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str = Field(description="Stable; decide by it", examples=["order.forbidden_move"])


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for its OpenAPI document."""
    said = {
        400: "The order number, cursor or text cannot be read",
        401: "No token, or one that is unknown, revoked or expired",
        403: "The token lacks the scope, or the policy does not let the unit see this",
        404: "No such order in this unit's in-tray",
        409: "The order's state does not allow it",
        411: "The length of the file is missing",
        413: "Larger than allowed",
        415: "A kind of file that is not taken",
        422: "The request is not as described",
        429: "Too many requests at once",
        503: "The database is busy; try again",
        507: "The disk is full; try later",
    }
    schema = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    return {
        status: {"description": said[status], "content": {"application/problem+json": schema}}
        for status in (*statuses, 503)
    }


router = APIRouter(prefix="/units/v1", tags=["units"], dependencies=[DOCUMENTED])

OrderPath = Annotated[str, Path(max_length=64, examples=[NUMBER], description="The order's number")]
NOT_FOUND = problems(400, 401, 403, 404, 422)
MOVE = problems(400, 401, 403, 404, 409, 422)
MIN_REASON = 4


class Sign(Body):
    """Take the order."""

    by: str = Field(min_length=1, max_length=64, description="Who acts, in the unit's own words")


class Reply(Sign):
    """Answer the order."""

    text: str = Field(min_length=1, max_length=4000)


class Return(Sign):
    """Send the order back."""

    reason: str = Field(min_length=1, max_length=1000)


class UnitMove(Sign):
    """Any of the other moves a unit may make."""

    action: Literal["ask_extension", "suspend", "resume"] = Field(examples=["ask_extension"])
    text: str = Field(default="", max_length=4000, description="Why; needed but for resume")
    days: int = Field(default=0, ge=0, le=366, description="Working days asked for", examples=[5])


@router.get("/orders", responses=problems(400, 401, 403, 422))
async def in_tray(
    bearer: Reading,
    site: SiteDep,
    state: State | None = None,
    text: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> OrderList:
    """The unit's orders, newest first; the caller is masked here, whatever the policy."""
    wanted = OrderFilter(text=text, state=state, seen_by=bearer.unit, limit=limit, after=after or None)
    return await list_orders(site, wanted)


async def list_orders(site: Site, wanted: OrderFilter) -> OrderList:
    """A page of a list, masked."""
    rows = await site.ask(site.deps.orders.search, wanted)
    names = await site.ask(names_in_forms, site.deps.orders, [row.number for row in rows])
    return OrderList(
        orders=[list_item(row, hide(row.summary, names[row.number])) for row in rows],
        next=rows[-1].cursor if len(rows) == wanted.limit else None,
    )


@router.get("/orders/{number}", responses=NOT_FOUND)
async def order(
    number: OrderPath,
    bearer: Reading,
    site: SiteDep,
    reason: Annotated[
        str, Query(max_length=200, description="Why the caller must be seen; needs the scope `caller`")
    ] = "",
) -> UnitOrder:
    """One of the unit's orders. The reading is put on record; so is the reason for unmasking the caller."""
    view = await own_order(site, number, bearer.unit)
    outward = site.deps.service.rules.outward
    sight = unasked(outward, view.order)
    if reason:
        if "caller" not in bearer.scopes:
            raise Problem(403, "unit.scope", "The token lacks the scope caller")
        sight = await unmasked(site, view, bearer.who, reason)
    await site.record(bearer.who, "order.read", view.order.number, f"token {bearer.token}")
    await handed_out(site, [(view, sight)], bearer.unit, f"{bearer.who}#{bearer.token}", "rest")
    return unit_order(view, sight, outward)


async def own_order(site: Site, number: str, unit: str, names: tuple[str, ...] = ()) -> OrderView:
    """An order that the unit may see, and that is no complaint about who has one of the names.

    Raises `Problem` 404.
    """
    view = await site.ask(site.deps.orders.get, number)
    if view is None or not view.standing.seen_by(unit) or view.order.life.against_person in {*names} - {""}:
        raise Problem(404, "order.unknown")
    return view


async def unmasked(site: Site, view: OrderView, who: str, reason: str) -> Sight:
    """Put the reason on record; then everything may be seen. Raises `Problem` where the policy says no."""
    if len(reason.strip()) < MIN_REASON:
        raise Problem(422, "web.invalid", "Invalid: reason")
    if site.deps.service.rules.outward.access(view.order) is CallerAccess.HIDDEN:
        raise Problem(403, "unit.caller_hidden", "The policy does not let this unit see the caller")
    await site.record(who, "order.unmask", view.order.number, reason.strip())
    return Sight.ALL


async def handed_out(
    site: Site, orders: list[tuple[OrderView, Sight]], unit: str, who: str, way: str
) -> None:
    """Log each order that leaves, before it does."""
    now = site.deps.now()
    rows = [
        Outbound(now, who, unit, way, view.order.number, view.order.version, sight.classes)
        for view, sight in orders
    ]
    await site.ask(site.deps.units.outbound.record, rows)


@router.post("/orders/{number}/sign", responses=MOVE)
async def sign(number: OrderPath, form: Sign, bearer: Acting, site: SiteDep) -> MovedOrder:
    """Take an order. Taking it again changes nothing."""
    return await act_as(site, bearer, number, form, Action.SIGN)


@router.post("/orders/{number}/reply", responses=MOVE)
async def reply(number: OrderPath, form: Reply, bearer: Acting, site: SiteDep) -> MovedOrder:
    """Answer a signed order. 409 when its state does not allow it."""
    return await act_as(site, bearer, number, form, Action.REPLY, form.text.strip())


@router.post("/orders/{number}/return", responses=MOVE)
async def send_back(number: OrderPath, form: Return, bearer: Acting, site: SiteDep) -> MovedOrder:
    """Send an order back with a reason. 409 when its state does not allow it."""
    return await act_as(site, bearer, number, form, Action.RETURN, form.reason.strip())


@router.post("/orders/{number}/moves", responses=MOVE)
async def move(number: OrderPath, form: UnitMove, bearer: Acting, site: SiteDep) -> MovedOrder:
    """Ask for more time, suspend until the caller has added something, resume. 409 when it does not fit."""
    return await act_as(site, bearer, number, form, Action(form.action), form.text, form.days)


async def act_as(
    site: Site, bearer: Bearer, number: str, form: Sign, action: Action, text: str = "", days: int = 0
) -> MovedOrder:
    """Make a move as the token's unit, and put it on record."""
    act = ActOnOrder(
        number, action, form.by, Actor.UNIT, site.deps.now(), unit=bearer.unit, text=text, days=days
    )
    return await make_move(site, act, bearer.who)


async def make_move(site: Site, act: ActOnOrder, who: str) -> MovedOrder:
    """Make a unit's move; the order must have reached the unit. Raises `Problem` 404."""
    await own_order(site, act.number, act.unit)
    moved = await site.ask(site.deps.service.handle, act)
    await site.record(who, f"order.{act.action}", moved.number)
    return MovedOrder(number=moved.number, state=State(moved.state), version=moved.version)
