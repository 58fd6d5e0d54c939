"""Legal holds for supervisors: what is kept for an inquiry beyond its time, and why; every step on record."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from hotline.conversation import CallId
from hotline.store.holds import Hold, HoldStore
from hotline.store.users import Session
from hotline.web.api import Reason
from hotline.web.auth import Guard
from hotline.web.problems import Problem
from hotline.web.shapes import iso
from hotline.web.sight import need_call, need_order, sight_of
from hotline.web.site import Site, SiteDep

router = APIRouter(prefix="/api/v1", tags=["page"])

Supervisor = Annotated[Session, Depends(Guard("supervise"))]
Json = dict[str, Any]


@router.get("/holds")
async def all_holds(session: Supervisor, site: SiteDep) -> Json:
    """Every hold in force, but those on calls that do not exist for the user."""
    found = await site.ask(_holds(site).all)
    unseen = await site.ask(
        site.deps.calls.unseen, [each.call for each in found], sight_of(site, session.user)
    )
    return {"holds": [_json(each) for each in found if each.call not in unseen]}


@router.get("/calls/{call}/hold")
async def hold_of(call: str, session: Supervisor, site: SiteDep) -> Json:
    """The hold on a call; null without one."""
    return await _hold_of(site, await need_call(site, session.user, call))


@router.put("/calls/{call}/hold", status_code=204)
async def place(call: str, form: Reason, session: Supervisor, site: SiteDep) -> None:
    """Keep a call's recording and words, and its orders', beyond their time. Twice is harmless."""
    await _place(site, session, await need_call(site, session.user, call), form.reason)


@router.post("/calls/{call}/hold/release", status_code=204)
async def release(call: str, form: Reason, session: Supervisor, site: SiteDep) -> None:
    """Let retention have the call again. 404 when it is not held."""
    await _release(site, session, await need_call(site, session.user, call), form.reason)


@router.get("/orders/{number}/hold")
async def hold_of_order(number: str, session: Supervisor, site: SiteDep) -> Json:
    """The hold on an order, with all that came in with it; null without one."""
    return await _hold_of(site, await _call_of(site, session, number))


@router.put("/orders/{number}/hold", status_code=204)
async def place_on_order(number: str, form: Reason, session: Supervisor, site: SiteDep) -> None:
    """Keep what an order says beyond its time, as a hold on its call does: for orders that have no call."""
    await _place(site, session, await _call_of(site, session, number), form.reason)


@router.post("/orders/{number}/hold/release", status_code=204)
async def release_order(number: str, form: Reason, session: Supervisor, site: SiteDep) -> None:
    """Let retention have the order again. 404 when it is not held."""
    await _release(site, session, await _call_of(site, session, number), form.reason)


async def _call_of(site: Site, session: Session, number: str) -> CallId:
    """The call of an order, or what stands for one where it came another way. Raises `Problem` 404."""
    return CallId((await need_order(site, session.user, number)).order.call_id)


async def _hold_of(site: Site, call: CallId) -> Json:
    found = await site.ask(_holds(site).of, call)
    return {"hold": _json(found) if found is not None else None}


async def _place(site: Site, session: Session, call: CallId, reason: str) -> None:
    await site.record(session.user.name, "hold.place", call, reason)
    await site.ask(_holds(site).place, call, session.user.name, reason, site.deps.now())


async def _release(site: Site, session: Session, call: CallId, reason: str) -> None:
    await site.record(session.user.name, "hold.release", call, reason)
    if not await site.ask(_holds(site).release, call, session.user.name, site.deps.now()):
        raise Problem(404, "hold.none")


def _holds(site: Site) -> HoldStore:
    return HoldStore(site.deps.users.engine)


def _json(hold: Hold) -> Json:
    return {"call": hold.call, "who": hold.who, "reason": hold.reason, "at": iso(hold.at)}
