"""The floor for supervisors: who is on duty, who waits, which talks go on, and the day's figures."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Path as PathParam

from hotline.acd.ports import Seat
from hotline.acd.tally import tally
from hotline.conversation import CallId
from hotline.store.users import Session, User
from hotline.store.views import LOCAL, local_midnight
from hotline.web.alerts import KEY, SEEN, SEEN_DAYS, Waiter, alerts_json, find
from hotline.web.auth import Guard
from hotline.web.problems import Problem
from hotline.web.shapes import mask_contact
from hotline.web.sight import sight_of
from hotline.web.site import Site, SiteDep
from hotline.web.staffing import Staffing
from workorders.similar import Cluster

router = APIRouter(prefix="/api/v1", tags=["floor"])

Supervisor = Annotated[Session, Depends(Guard("supervise"))]
Json = dict[str, Any]
GATHERED_EVERY = timedelta(seconds=30)
"""How often parties that many call about are looked for."""


@router.get("/floor")
async def floor(session: Supervisor, site: SiteDep) -> Json:
    """Everything of this moment; numbers masked. The day's figures are counted from the stored log."""
    staffing, now = site.staffing, site.deps.now()
    today = now.astimezone(LOCAL).date()
    waiting = await _waiting(site)
    talks = [
        {
            "call": call,
            "caller": await _caller(site, call),
            "agent": talk.agent,
            "on_hold": talk.on_hold,
            "parties": sorted(kind.value for kind in talk.parties.values()),
        }
        for call, talk in staffing.floor.talks.items()
    ]
    return {
        "now": now.isoformat(timespec="milliseconds"),
        "agents": [_agent(seat) for seat in sorted(staffing.acd.seats.values(), key=_order)],
        "waiting": waiting,
        "talks": talks,
        "alerts": await _alerts(site, session.user, waiting),
        "today": asdict(await site.ask(_today, staffing, today)),
        "busy": {**staffing.busy, **staffing.busy_by_itself},
    }


@router.post("/floor/alerts/{key}/seen", status_code=204)
async def see_alert(key: Annotated[str, PathParam(pattern=KEY)], session: Supervisor, site: SiteDep) -> None:
    """Say that one takes care of an alert; it is on record who and when. Twice is harmless."""
    if all(row["key"] != key for row in await _alerts(site, session.user, await _waiting(site))):
        raise Problem(404, "web.not_found")
    if site.seen.by(key) is None:
        await site.record(session.user.name, SEEN, key)
        site.seen.add(key, session.user.name, site.deps.now())


@router.delete("/floor/agents/{name}", status_code=204)
async def force_out(name: str, session: Supervisor, site: SiteDep) -> None:
    """Sign an agent out; a talk going on goes on. Who did it is put on record first."""
    staffing = site.staffing
    if name not in staffing.acd.seats:
        raise Problem(404, "agent.unknown")
    await site.record(session.user.name, "agent.sign_out", name)
    staffing.acd.sign_out(name, by=session.user.name)


async def open_alerts(site: Site, user: User) -> list[Json]:
    """What nobody has seen to yet, as the floor shows it."""
    rows = await _alerts(site, user, await _waiting(site))
    return [row for row in rows if row["seen_by"] is None]


async def _waiting(site: Site) -> list[Json]:
    return [
        {
            "call": each.wanted.call,
            "caller": await _caller(site, each.wanted.call),
            "waited_s": round(each.waited_s),
            "position": each.position,
            "priority": each.wanted.priority,
            "reasons": list(each.wanted.reasons),
        }
        for each in site.staffing.acd.waiting
    ]


async def _alerts(site: Site, user: User, waiting: list[Json]) -> list[Json]:
    now, staffing = site.deps.now(), site.staffing
    policy = staffing.policy.alerts
    await _read_seen(site)
    since = now - timedelta(hours=policy.hours)
    calls = await site.ask(site.deps.calls.flagged, since, sight=sight_of(site, user))
    waiters = [
        Waiter(row["call"], row["caller"], now - timedelta(seconds=row["waited_s"])) for row in waiting
    ]
    clusters = await _clusters(site, now)
    return alerts_json(find(policy, calls, waiters, staffing.roster().values(), now, clusters), site.seen)


async def _clusters(site: Site, now: datetime) -> list[Cluster]:
    """Looked for once in `GATHERED_EVERY`, however many look at the floor."""
    gathered = site.gathered
    async with gathered.lock:
        if gathered.at is None or now - gathered.at >= GATHERED_EVERY:
            gathered.clusters = await site.ask(site.deps.similar.clusters, now)
            gathered.at = now
    return gathered.clusters


async def _read_seen(site: Site) -> None:
    if not site.seen.read:
        since = site.deps.now() - timedelta(days=SEEN_DAYS)
        site.seen.begin(await site.ask(site.deps.audit.of_action, SEEN, since))


def _today(staffing: Staffing, today: date) -> Any:
    end = local_midnight(today + timedelta(days=1))
    return tally(staffing.log(local_midnight(today), end + timedelta(days=1)), end)


async def _caller(site: Site, call: str) -> str:
    view = await site.ask(site.deps.calls.get, CallId(call))
    return mask_contact(view.row.remote) if view is not None else ""


def _order(seat: Seat) -> str:
    return seat.agent.display


def _agent(seat: Seat) -> Json:
    return {
        "name": seat.agent.name,
        "display": seat.agent.display,
        "presence": seat.presence.value,
        "reason": seat.reason,
        "since": seat.since.isoformat(timespec="milliseconds"),
        "call": seat.call,
        "skills": sorted(seat.agent.skills),
    }
