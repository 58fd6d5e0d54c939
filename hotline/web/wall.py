"""The wallboard: what a room must see from five metres away, and whom it has lost."""

from collections import Counter
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from hotline.acd.tally import Tally, tally
from hotline.call.drafts import NoDraft
from hotline.conversation import CallId
from hotline.stats.days import day_number
from hotline.stats.figures import text
from hotline.stats.kpi.registry import chosen, name_of
from hotline.stats.periods import By, period
from hotline.stats.scope import Scope
from hotline.store.users import Session
from hotline.store.views import LOCAL
from hotline.web.auth import RIGHTS, Guard, Statistician
from hotline.web.floor import open_alerts
from hotline.web.problems import Problem
from hotline.web.shapes import iso, mask_contact
from hotline.web.site import Site, SiteDep
from hotline.web.stats import statistics_of
from hotline.web.wall_figures import Counted

router = APIRouter(prefix="/api/v1", tags=["wallboard"])

Supervisor = Annotated[Session, Depends(Guard("supervise"))]
Json = dict[str, Any]

FIGURES = (
    "calls",
    "answer_rate",
    "sl_b_15",
    "abandon_rate",
    "asa",
    "satisfaction",
    "response_rate",
    "orders",
)
"""Of today."""
COUNTED_EVERY = timedelta(seconds=2)
"""The day's figures are counted once in this time, however many look."""
RECENT = timedelta(minutes=30)
IN_TIME_S = 15.0


@router.get("/wall")
async def wall(session: Statistician, site: SiteDep) -> Json:
    """Of this moment, and of today. Lists of calls, masked, are for those who supervise."""
    counted = await _counted(site)
    waiting = site.staffing.acd.waiting
    may_see = session.user.role in RIGHTS["supervise"]
    alerts = await open_alerts(site, session.user) if may_see else []
    return {
        "now": iso(site.deps.now()),
        "waiting": len(waiting),
        "oldest_s": round(max((each.waited_s for each in waiting), default=0.0)),
        "talks": len(site.staffing.floor.talks),
        "agents": dict(Counter(seat.presence.value for seat in site.staffing.acd.seats.values())),
        "recent": _level(counted.recent, sum(each.waited_s < IN_TIME_S for each in waiting)),
        "today": counted.figures,
        "lost_count": len(counted.lost),
        "lost": counted.lost if may_see else [],
        "alerts": alerts,
        "alert_count": len(alerts),
    }


@router.post("/wall/lost/{call}/callback")
async def call_back(call: str, session: Supervisor, site: SiteDep) -> Json:
    """Let somebody be called back who hung up: an order in the pool; `number` is null when it comes later."""
    await site.record(session.user.name, "call.call_back", call)
    try:
        number = await site.staffing.call_back(CallId(call), session.user.name, site.deps.now())
    except NoDraft:
        raise Problem(409, "call.no_number") from None
    site.wall.at = None
    return {"number": number}


async def _counted(site: Site) -> Counted:
    """The day's figures, not older than `COUNTED_EVERY`."""
    counted, now = site.wall, site.deps.now()
    async with counted.lock:
        if counted.at is None or now - counted.at >= COUNTED_EVERY:
            stats, today = statistics_of(site), now.astimezone(LOCAL).date()
            await site.ask(stats.facts.refresh)
            kpis = chosen(FIGURES)
            table = await site.ask(stats.reports.table, Scope(By.DAY, period(today, today, By.DAY)), kpis)
            counted.figures = [
                {"kpi": kpi.key, "name": name_of(kpi.key)["name"], "text": text(kpi, cell.figure.value)}
                for kpi, cell in zip(table.kpis, table.total.cells, strict=True)
            ]
            counted.lost = [
                {
                    "call": each.call,
                    "at": iso(each.started),
                    "caller": mask_contact(each.remote),
                    "wait_s": each.wait_s,
                }
                for each in await site.ask(stats.lost, day_number(today))
            ]
            counted.recent = await site.ask(lambda: tally(site.staffing.log(now - RECENT, now)))
            counted.at = now
    return counted


def _level(recent: Tally | None, not_yet: int) -> float | None:
    """Service level (b) of the last half hour in per cent; who has waited for less than 15 s is not in it."""
    if recent is None:
        return None
    whole = recent.offered - recent.quit_in_time - not_yet
    return round(100 * recent.in_time / whole, 1) if whole > 0 else None
