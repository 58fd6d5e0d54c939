"""Incidents for the page: something that many call about, with its calls, orders and live counts."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as PathParam
from pydantic import Field

from hotline.conversation import CallId
from hotline.store.users import User
from hotline.web.auth import Body, Editor, Reader
from hotline.web.names import names_in_forms
from hotline.web.order_moves import actor_of
from hotline.web.problems import Problem
from hotline.web.shapes import call_row_json, iso, mask_contact, mask_words, order_row_json
from hotline.web.sight import need_call, need_order, seen_orders, sight_of
from hotline.web.site import Site, SiteDep
from workorders.case_messages import CloseIncident, Gather, OpenIncident
from workorders.case_queries import Tally
from workorders.cases import Incident
from workorders.incident_lists import Counted, Wanted
from workorders.incidents import KINDS
from workorders.queries import OrderFilter

router = APIRouter(prefix="/api/v1", tags=["incidents"])

Json = dict[str, Any]
Id = Annotated[int, PathParam(ge=1, le=2**31 - 1)]
Text = Annotated[str, Field(max_length=64)]
SHOWN = 100
"""Orders of an incident on its page."""
SHOWN_NEAR = 20
"""Orders that may belong to it."""
LISTED = 50
"""Rows of a page of what a count counts."""


class Opening(Body):
    """A new incident; with `party`, all orders of that cluster become part of it."""

    kind: str = Field(max_length=16)
    title: str = Field(min_length=1, max_length=128)
    district: str = Field(default="510000", pattern=r"^[0-9]{6}$")
    words: list[Annotated[str, Field(max_length=32)]] = Field(default=[], max_length=20)
    party: str = Field(default="", max_length=160)
    greeting: str = Field(default="", max_length=1000)
    queue: str = Field(default="", max_length=32)
    orders: list[Text] = Field(default=[], max_length=200)


class Members(Body):
    """Orders and calls that become part of it, or no longer are."""

    orders: list[Text] = Field(default=[], max_length=100)
    calls: list[Text] = Field(default=[], max_length=100)
    out: bool = False


class Closing(Body):
    """What became of it."""

    outcome: str = Field(min_length=1, max_length=2000)


@router.get("/incidents")
async def incidents(
    session: Reader, site: SiteDep, status: Annotated[str, Query(pattern="^(open|closed|)$")] = ""
) -> Json:
    """Incidents, newest first, and parties that many call about without one; counts are of what the user
    may see."""
    found = await site.ask(site.deps.cases.incidents, status, 50)
    seen, sees = seen_orders(site, session.user), sight_of(site, session.user).calls
    listed = [_incident(each, await site.ask(site.deps.cases.tally, each.id, seen, sees)) for each in found]
    clusters = await site.ask(site.deps.similar.clusters, site.deps.now(), seen)
    places = site.deps.service.rules.places
    return {
        "incidents": listed,
        "kinds": list(KINDS),
        "clusters": [
            {
                "party": each.party,
                "name": each.party.partition(":")[2],
                "district": each.party.partition(":")[0],
                "place": places.full_name(places.nearest(each.party.partition(":")[0])),
                "orders": each.orders,
                "callers": each.callers,
                "last": iso(each.last),
            }
            for each in clusters
        ],
    }


@router.get("/clusters/list")
async def cluster(
    session: Reader,
    site: SiteDep,
    party: Annotated[str, Query(min_length=1, max_length=160)],
    of: Literal[Counted.ORDERS, Counted.CALLERS],
    after: Annotated[str, Query(max_length=64)] = "",
) -> Json:
    """What a cluster's counts count, as far as the user may see it; masked."""
    user, deps = session.user, site.deps
    seen = seen_orders(site, user)
    number, refs = await site.ask(deps.similar.behind, party, of, deps.now(), seen, after, LISTED)
    return await _listed(site, user, of, number, refs)


@router.post("/incidents", status_code=201)
async def open_incident(form: Opening, session: Editor, site: SiteDep) -> Json:
    """Open one. The person's click decides; nothing is opened by itself."""
    now, deps = site.deps.now(), site.deps
    numbers = [(await need_order(site, session.user, each)).order.number for each in form.orders]
    if form.party:
        seen = seen_orders(site, session.user)
        numbers += await site.ask(deps.similar.numbers_of, form.party, now, 200 - len(numbers), seen)
    command = OpenIncident(
        form.kind,
        form.title,
        form.district,
        session.user.name,
        actor_of(session.user),
        now,
        tuple(form.words),
        form.party,
        form.greeting,
        form.queue,
        tuple(numbers),
    )
    made = await site.ask(deps.service.handle, command)
    await site.record(session.user.name, "incident.open", made.subject, f"orders={len(numbers)}")
    return await _whole(site, int(made.subject), session)


@router.get("/incidents/{incident}")
async def incident(incident: Id, session: Reader, site: SiteDep) -> Json:
    """One, with those of its orders that the user may see."""
    return await _whole(site, incident, session)


@router.get("/incidents/{incident}/list")
async def behind(
    incident: Id,
    session: Reader,
    site: SiteDep,
    of: Counted,
    state: Annotated[str, Query(max_length=24)] = "",
    after: Annotated[str, Query(max_length=64)] = "",
) -> Json:
    """What one of its counts counts, as far as the user may see it; masked. A call that the user may not
    open counts as a hidden row."""
    if await site.ask(site.deps.cases.incident, incident) is None:
        raise Problem(404, "incident.unknown")
    user = session.user
    wanted = Wanted(incident, of, state, seen_orders(site, user), sight_of(site, user).calls)
    number, refs = await site.ask(site.deps.cases.behind, wanted, after, LISTED)
    return await _listed(site, user, of, number, refs)


@router.post("/incidents/{incident}/members")
async def gather(incident: Id, form: Members, session: Editor, site: SiteDep) -> Json:
    """Put orders and calls to it, or take them out."""
    numbers = [(await need_order(site, session.user, each)).order.number for each in form.orders]
    calls = [await need_call(site, session.user, each) for each in form.calls]
    command = Gather(
        incident,
        session.user.name,
        actor_of(session.user),
        site.deps.now(),
        tuple(numbers),
        tuple(calls),
        form.out,
    )
    await site.ask(site.deps.service.handle, command)
    action = "incident.leave" if form.out else "incident.join"
    await site.record(session.user.name, action, str(incident), " ".join([*numbers, *form.calls]))
    return await _whole(site, incident, session)


@router.post("/incidents/{incident}/close")
async def close(incident: Id, form: Closing, session: Editor, site: SiteDep) -> Json:
    """It is over. For supervisors."""
    command = CloseIncident(
        incident, form.outcome, session.user.name, actor_of(session.user), site.deps.now()
    )
    await site.ask(site.deps.service.handle, command)
    await site.record(session.user.name, "incident.close", str(incident))
    return await _whole(site, incident, session)


async def _whole(site: Site, number: int, session: Any) -> Json:
    found = await site.ask(site.deps.cases.incident, number)
    if found is None:
        raise Problem(404, "incident.unknown")
    seen, sees = seen_orders(site, session.user), sight_of(site, session.user).calls
    tally = await site.ask(site.deps.cases.tally, number, seen, sees)
    numbers = await site.ask(site.deps.cases.orders_of, number, SHOWN, seen)
    rows = await site.ask(_rows, site, session.user, tuple(numbers))
    called = await site.ask(site.deps.cases.calls_of, number, SHOWN, sees)
    near = await site.ask(site.deps.cases.suggested, found, SHOWN_NEAR, seen)
    suggested = await site.ask(_rows, site, session.user, tuple(near))
    return _incident(found, tally) | {"members": rows, "called": called, "suggested": suggested}


def _rows(site: Site, user: Any, numbers: tuple[str, ...]) -> list[Json]:
    seen: OrderFilter = seen_orders(site, user)
    found = site.deps.orders.listed(numbers, seen)
    names = names_in_forms(site.deps.orders, [row.number for row in found])
    return [order_row_json(row, names[row.number]) for row in found]


async def _listed(site: Site, user: User, of: Counted, number: int, refs: list[str]) -> Json:
    """A page of a list, with what it takes to ask for the next."""
    rows = await site.ask(LISTS[of], site, user, tuple(refs))
    return {"count": number, "rows": rows, "next": refs[-1] if len(refs) == LISTED else None}


def _calls(site: Site, user: User, ids: tuple[str, ...]) -> list[Json]:
    rows = {row.call: row for row in site.deps.calls.rows(ids, sight_of(site, user))}
    return [call_row_json(rows[each]) if each in rows else {"hidden": True} for each in map(CallId, ids)]


def _callers(site: Site, _user: User, firsts: tuple[str, ...]) -> list[Json]:
    return [
        {
            "caller": mask_contact(view.order.caller_contact),
            "number": view.order.number,
            "call": view.order.call_id,
            "filed_at": iso(view.order.filed_at),
        }
        for view in site.deps.orders.several(firsts)
    ]


LISTS = {Counted.ORDERS: _rows, Counted.CALLS: _calls, Counted.CALLERS: _callers}


def _incident(each: Incident, tally: Tally) -> Json:
    return {
        "id": each.id,
        "kind": each.kind,
        "title": mask_words(each.title),
        "district": each.district,
        "words": list(each.words),
        "greeting": each.greeting,
        "queue": each.queue,
        "status": each.status,
        "opened_at": iso(each.opened_at),
        "opened_by": each.opened_by,
        "closed_at": iso(each.closed_at),
        "closed_by": each.closed_by,
        "outcome": mask_words(each.outcome),
        "calls": tally.calls,
        "orders": tally.orders,
        "callers": tally.callers,
        "states": dict(tally.states),
    }
