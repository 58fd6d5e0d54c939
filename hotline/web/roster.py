"""The roster for supervisors: who answers, with which skills, when, and until when the licence holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Path as PathParam
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hotline.acd.roster_file import COLUMNS, Rows
from hotline.store.roster import Profile, RosterRefused
from hotline.store.users import Session
from hotline.store.views import LOCAL
from hotline.web.auth import Guard
from hotline.web.problems import Problem
from hotline.web.site import Site, SiteDep
from hotline.web.staffing import Staffing

router = APIRouter(prefix="/api/v1", tags=["roster"])

Supervisor = Annotated[Session, Depends(Guard("supervise"))]
UserName = Annotated[str, PathParam(pattern=r"^[^/\x00-\x1f]{1,64}$")]
Json = dict[str, Any]


class Cells(BaseModel):
    """One row, as a roster file would have it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    cells: dict[
        Annotated[str, StringConstraints(max_length=32)], Annotated[str, StringConstraints(max_length=500)]
    ] = Field(max_length=len(COLUMNS))


@router.get("/roster")
async def roster(_session: Supervisor, site: SiteDep) -> Json:
    """Everyone, as rows of a roster file, with how they stand; and what the columns and skills are called."""
    staffing = site.staffing
    rows = Rows(staffing.policy)
    profiles = await site.ask(staffing.people.all)
    return {
        "columns": [{"name": column, "heading": rows.heading(column)} for column in COLUMNS],
        "skills": list(staffing.policy.skills.values()),
        "yes": rows.answer(yes=True),
        "no": rows.answer(yes=False),
        "rows": [{"cells": rows.written(each), **_standing(site, staffing, each)} for each in profiles],
    }


@router.put("/roster/{name}", status_code=204)
async def put(name: UserName, body: Cells, session: Supervisor, site: SiteDep) -> None:
    """Put somebody on the roster, or change what is on record. A running line takes it over within seconds.

    422 `roster.invalid.COLUMN` names the first cell that is wrong, 409 `roster.taken` a desk phone that
    somebody else has.
    """
    staffing = site.staffing
    rows = Rows(staffing.policy)
    profile, problems = rows.profile({**body.cells, "name": name})
    if profile is None:
        wrong = next((each for each in COLUMNS if problems[0].startswith(f"{rows.heading(each)}:")), "name")
        raise Problem(422, f"roster.invalid.{wrong}")
    await site.record(session.user.name, "roster.set", name)
    try:
        await site.ask(staffing.people.save, [profile], site.deps.now())
    except RosterRefused:
        raise Problem(409, "roster.taken") from None


@router.delete("/roster/{name}", status_code=204)
async def remove(name: UserName, session: Supervisor, site: SiteDep) -> None:
    """Take somebody off the roster; what they did stays on record."""
    staffing = site.staffing
    await site.record(session.user.name, "roster.remove", name)
    if not await site.ask(staffing.people.remove, name):
        raise Problem(404, "agent.unknown")


def _standing(site: Site, staffing: Staffing, profile: Profile) -> Json:
    seat = staffing.acd.seats.get(profile.agent.name)
    today, until = site.deps.now().astimezone(LOCAL).date(), profile.agent.licence_until
    days = (until - today).days if until is not None else None
    return {"presence": seat.presence.value if seat is not None else "offline", "licence_days": days}
