"""Referrals for the page: legal aid, mediation, notaries' appointments, video, exports; and slots."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi import Path as PathParam
from pydantic import AwareDatetime, Field

from hotline.store.users import Session, User
from hotline.store.views import LOCAL
from hotline.web.auth import Body, Editor, Guard, Reader
from hotline.web.order_moves import actor_of
from hotline.web.problems import Problem
from hotline.web.shapes import iso, mask_contact, mask_words
from hotline.web.sight import need_order, seen_orders
from hotline.web.site import Site, SiteDep
from hotline.web.video import path_of
from workorders.case_messages import ActOnReferral, OpenSlot, ReferOrder
from workorders.cases import Referral
from workorders.referrals import KINDS, NOTARY, VIDEO, choices

router = APIRouter(prefix="/api/v1", tags=["referrals"])

Json = dict[str, Any]
Id = Annotated[int, PathParam(ge=1, le=2**31 - 1)]
Day = Annotated[date | None, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31))]
Supervisor = Annotated[Session, Depends(Guard("supervise"))]
SLOT_DAYS = 30
LISTED = 50
"""Rows of a page of what a figure counts."""


class Referring(Body):
    """A new referral; which fields a kind reads stands at `workorders.case_messages.ReferOrder`."""

    kind: str = Field(max_length=16)
    institution: str = Field(default="", max_length=128)
    basis: str = Field(default="", max_length=32)
    mode: str = Field(default="", max_length=8)
    party: str = Field(default="", max_length=128)
    party_contact: str = Field(default="", max_length=64)
    deed: str = Field(default="", max_length=64)
    slot: int = Field(default=0, ge=0, le=2**31 - 1)
    text: str = Field(default="", max_length=2000)


class Step(Body):
    """One step of a referral."""

    step: str = Field(max_length=16)
    text: str = Field(default="", max_length=2000)
    mode: str = Field(default="", max_length=8)
    slot: int = Field(default=0, ge=0, le=2**31 - 1)


class NewSlot(Body):
    """When a notary's office receives callers."""

    institution: str = Field(min_length=1, max_length=128)
    starts_at: Annotated[AwareDatetime, Field(strict=False)]
    minutes: int = Field(ge=5, le=480)
    capacity: int = Field(ge=1, le=200)


@router.post("/orders/{number}/referrals", status_code=201)
async def refer(
    number: Annotated[str, PathParam(max_length=64)], form: Referring, session: Editor, site: SiteDep
) -> Json:
    """Refer the order's caller. 409 when the slot is full or no video room is set up."""
    video = site.deps.settings.video
    if form.kind == VIDEO and video.secret is None:
        raise Problem(409, "referral.no_video")
    view = await need_order(site, session.user, number)
    command = ReferOrder(
        view.order.number,
        form.kind,
        session.user.name,
        actor_of(session.user),
        site.deps.now(),
        **form.model_dump(exclude={"kind"}),
        minutes=video.minutes if form.kind == VIDEO else 0,
    )
    made = await site.ask(site.deps.service.handle, command)
    await site.record(
        session.user.name, f"referral.{form.kind}", view.order.number, f"referral={made.subject}"
    )
    return await _one(site, int(made.subject), session.user)


@router.get("/referrals")
async def referrals(
    session: Reader,
    site: SiteDep,
    kind: Annotated[str, Query(max_length=16)] = "",
    status: Annotated[str, Query(max_length=16)] = "",
    before: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    since: Day = None,
    until: Day = None,
) -> Json:
    """Referrals, newest first; and how the mediations of a time went (this year without one). Both of the
    orders that the user may see."""
    cases, seen = site.deps.cases, seen_orders(site, session.user)
    found = await site.ask(cases.referrals, kind, status, "", before, 50, seen)
    figures = await site.ask(cases.mediation, *_times(site, since, until), seen)
    return {
        "referrals": await site.ask(_rows, site, session.user, found),
        "kinds": list(KINDS),
        "next": found[-1].id if len(found) == 50 else None,
        "mediation": {
            "applied": figures.applied,
            "success": figures.success,
            "failed": figures.failed,
            "withdrawn": figures.withdrawn,
            "rate": None if figures.rate is None else str(figures.rate),
        },
    }


@router.get("/referrals/mediations")
async def mediations(
    session: Reader,
    site: SiteDep,
    status: Annotated[str, Query(max_length=16)] = "",
    before: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    since: Day = None,
    until: Day = None,
) -> Json:
    """The mediations that the figures of a time count (this year without one), or those in a status."""
    seen, times = seen_orders(site, session.user), _times(site, since, until)
    number, found = await site.ask(site.deps.cases.mediations, times, status, before, LISTED, seen)
    return {
        "count": number,
        "rows": await site.ask(_rows, site, session.user, found),
        "next": found[-1].id if len(found) == LISTED else None,
    }


@router.post("/referrals/{referral}/steps")
async def step(referral: Id, form: Step, session: Editor, site: SiteDep) -> Json:
    """One step. 403 for one that the role may not take, 409 for one that does not fit."""
    there = await site.ask(site.deps.cases.referral, referral)
    if there is None:
        raise Problem(404, "referral.unknown")
    await need_order(site, session.user, there.order)
    command = ActOnReferral(
        referral,
        form.step,
        session.user.name,
        actor_of(session.user),
        site.deps.now(),
        text=form.text,
        mode=form.mode,
        slot=form.slot,
    )
    await site.ask(site.deps.service.handle, command)
    await site.record(session.user.name, f"referral.{form.step}", there.order, f"referral={referral}")
    return await _one(site, referral, session.user)


@router.get("/slots")
async def slots(_session: Reader, site: SiteDep, since: Day = None) -> Json:
    """Slots of the next thirty days, with what is still free."""
    first = site.deps.now() if since is None else _midnight(since)
    found = await site.ask(site.deps.cases.slots, first, first + timedelta(days=SLOT_DAYS))
    return {
        "slots": [
            {
                "id": each.id,
                "institution": each.institution,
                "starts_at": iso(each.starts_at),
                "minutes": each.minutes,
                "capacity": each.capacity,
                "free": each.capacity - each.taken,
            }
            for each in found
        ]
    }


@router.post("/slots", status_code=201)
async def open_slot(form: NewSlot, session: Supervisor, site: SiteDep) -> Json:
    """A notary's office receives callers then."""
    command = OpenSlot(
        form.institution,
        form.starts_at,
        form.minutes,
        form.capacity,
        session.user.name,
        actor_of(session.user),
        site.deps.now(),
    )
    made = await site.ask(site.deps.service.handle, command)
    await site.record(session.user.name, "slot.open", made.subject)
    return {"id": int(made.subject), "created": made.created}


def referral_json(site: Site, each: Referral, user: User) -> Json:
    """A referral as the page shows it; the other side of a mediation is masked. Asks the database."""
    deps = site.deps
    raw = deps.settings.privacy.show_raw
    basis = deps.service.rules.exchange.basis(each.basis)
    slot = deps.cases.slot_of(each.id) if each.kind == NOTARY else None
    link = deps.cases.link(each.id) if each.kind == VIDEO else None
    return {
        "id": each.id,
        "order": each.order,
        "kind": each.kind,
        "status": each.status,
        "institution": each.institution,
        "basis": None if basis is None else {"label": basis.label, "law": basis.law, "effect": basis.effect},
        "mode": each.mode,
        "party": each.party if raw else mask_name(each.party),
        "party_contact": each.party_contact if raw else mask_contact(each.party_contact),
        "deed": each.deed,
        "outside": each.outside,
        "outside_number": each.outside_number,
        "text": each.text if raw else mask_words(each.text),
        "created_at": iso(each.created_at),
        "updated_at": iso(each.updated_at),
        "appointment": None if slot is None else iso(slot.starts_at),
        "materials": list(deps.service.rules.exchange.materials.get(each.deed, ())),
        "link": None if link is None else path_of(deps.settings.video, link),
        "expires": None if link is None else iso(link.expires_at),
        "choices": list(choices(each, actor_of(user))),
    }


def mask_name(name: str) -> str:
    """A person's name with all but its first character hidden."""
    return name[:1] + "*" * (len(name) - 1)


async def _one(site: Site, referral: int, user: User) -> Json:
    found = await site.ask(site.deps.cases.referral, referral)
    if found is None:
        raise Problem(404, "referral.unknown")
    return await site.ask(referral_json, site, found, user)


def _rows(site: Site, user: User, found: list[Referral]) -> list[Json]:
    return [referral_json(site, each, user) for each in found]


def _times(site: Site, since: date | None, until: date | None) -> tuple[datetime, datetime]:
    """Of the days, both included; without them this year until today."""
    today = site.deps.now().astimezone(LOCAL).date()
    first, last = since or today.replace(month=1, day=1), until or today
    return _midnight(first), _midnight(last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL)
