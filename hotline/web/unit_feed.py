"""The change feed of a unit's orders: by cursor, without gaps, waiting for news when asked to."""

import math
from datetime import datetime
from typing import Annotated

import anyio
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from hotline.veil import Sight, unasked, veil_history
from hotline.web.site import Site, SiteDep
from hotline.web.unit_shapes import NUMBER, UnitOrder, unit_order
from hotline.web.unit_token import DOCUMENTED, Following
from hotline.web.units import handed_out, problems
from workorders.feed import FeedChange, FeedPage
from workorders.model import State
from workorders.outward import Outward
from workorders.queries import OrderView

router = APIRouter(prefix="/units/v1", tags=["units"], dependencies=[DOCUMENTED])

LOOK_S = 0.5
"""Pause between looks of a request that waits."""
LONGEST_WAIT_S = 30


class Change(BaseModel):
    """Something that happened to an order of the unit."""

    seq: int = Field(description="1, 2, 3 … in the order of commits, without a gap", examples=[17])
    number: str = Field(examples=[NUMBER])
    at: datetime
    action: str | None = Field(description="Null when the order is the unit's no more", examples=["urge"])
    actor: str | None
    from_state: State | None
    to_state: State | None
    text: str | None = Field(description="A reply, a reason; masked as the policy says")
    gone: bool = Field(description="The order is not the unit's any more: drop what you have of it")
    order: UnitOrder | None = Field(
        description="The order as it stands now, in its last change on this page; null in earlier ones, and "
        "when it is gone"
    )


class Feed(BaseModel):
    """A page of changes."""

    changes: list[Change]
    next: int = Field(description="Give as `after` next time, once this page is stored", examples=[17])
    last: int = Field(description="The feed's last number now; equal to `next` when you are up to date")


@router.get("/feed", responses=problems(401, 403, 422))
async def feed(
    bearer: Following,
    site: SiteDep,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="0: from the beginning")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    wait: Annotated[
        int, Query(ge=0, le=LONGEST_WAIT_S, description="Wait so many seconds for news, if there is none yet")
    ] = 0,
) -> Feed:
    """Every change of the unit's orders behind `after`. Each order that is given out is logged."""
    if wait:
        await _news(site, bearer.unit, after, wait)
    page = await site.ask(site.deps.units.feed.after, bearer.unit, after, limit)
    outward = site.deps.service.rules.outward
    given = [(view, unasked(outward, view.order)) for view in page.orders.values()]
    if given:
        await handed_out(site, given, bearer.unit, f"{bearer.who}#{bearer.token}", "feed")
        await site.record(
            bearer.who, "feed.read", bearer.unit, f"token {bearer.token} after {after} orders {len(given)}"
        )
    last = await site.ask(site.deps.units.feed.last, bearer.unit)
    changes = changes_of(page, outward)
    return Feed(changes=changes, next=page.last, last=max(last, page.last))


def changes_of(page: FeedPage, outward: Outward) -> list[Change]:
    """A page as it may be seen: nothing but its number of an order that the unit may not see now."""
    last_of = {change.number: change.seq for change in page.changes}
    found = []
    for change in page.changes:
        view = page.orders.get(change.number)
        if view is None:
            found.append(_gone(change, gone=change.gone or change.seq == last_of[change.number]))
            continue
        sight = unasked(outward, view.order)
        shown = _told(change, view, sight, outward)
        if change.seq == last_of[change.number] and not change.gone:
            shown = shown.model_copy(update={"order": unit_order(view, sight, outward)})
        found.append(shown)
    return found


def _gone(change: FeedChange, *, gone: bool) -> Change:
    return Change(
        seq=change.seq,
        number=change.number,
        at=change.entry.at,
        action=None,
        actor=None,
        from_state=None,
        to_state=None,
        text=None,
        gone=gone,
        order=None,
    )


def _told(change: FeedChange, view: OrderView, sight: Sight, outward: Outward) -> Change:
    [entry] = veil_history([change.entry], view.order, sight, outward)
    return Change(
        seq=change.seq,
        number=change.number,
        at=entry.at,
        action=entry.action.value,
        actor=entry.actor,
        from_state=entry.from_state,
        to_state=entry.to_state,
        text=entry.text,
        gone=change.gone,
        order=None,
    )


async def _news(site: Site, unit: str, after: int, wait: int) -> None:
    """Return when there is something behind `after`, or after `wait` seconds, or at once when many wait."""
    with site.waiters.one(unit) as may_wait:
        if not may_wait:
            return
        for _ in range(math.ceil(wait / LOOK_S)):
            if await site.ask(site.deps.units.feed.last, unit) > after:
                return
            await anyio.sleep(LOOK_S)
