"""Reports to be had again: saved by name, and made by the day, week, month or quarter."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from hotline.stats.days import day_of
from hotline.stats.kpi.registry import chosen
from hotline.stats.periods import By
from hotline.stats.scheduled import FOLDER
from hotline.store.saved_reports import SavedReport, SavedReports
from hotline.web.auth import RIGHTS, Body, Statistician
from hotline.web.problems import Problem
from hotline.web.shapes import iso
from hotline.web.site import Site, SiteDep
from hotline.web.stats import MAX_KPIS, checked

router = APIRouter(prefix="/api/v1/stats/saved", tags=["statistics"])


Narrowed = Literal["channel", "queue", "agent", "team", "unit", "place", "matter", "service"]


class Query(Body):
    """What the report shows; its days come of the schedule, or of whoever opens it."""

    by: str = Field(max_length=16)
    kpi: list[str] = Field(default=[], max_length=MAX_KPIS)
    only: dict[Narrowed, str] = Field(default={})
    compare: list[Literal["previous", "year"]] = Field(default=[], max_length=2)


class ToSave(Body):
    """A report and, if wanted, its schedule: `at` is the time of the day after the period, HH:MM."""

    name: str = Field(min_length=1, max_length=128)
    query: Query
    format: Literal["xlsx", "csv", "parquet"] = "xlsx"
    every: Literal["", "day", "week", "month", "quarter"] = ""
    at: str = Field(default="07:00", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")
    target: str = Field(default=FOLDER, max_length=64)


@router.get("")
async def saved(session: Statistician, site: SiteDep) -> dict[str, Any]:
    """One's own saved reports with their latest periods, and where scheduled ones may go."""
    store = _store(site)
    reports = await site.ask(store.all, session.user.name)
    rows = [_json(report) | {"runs": await _runs(site, store, report)} for report in reports]
    return {"reports": rows, "targets": [FOLDER, *site.deps.settings.stats.webhooks]}


@router.post("", status_code=201)
async def save(form: ToSave, session: Statistician, site: SiteDep) -> dict[str, Any]:
    """Save a report; one with a schedule needs the right to export."""
    if form.query.by not in set(By):
        raise Problem(422, "stats.query", "by: no such grouping")
    if any(len(value) > 64 for value in form.query.only.values()):
        raise Problem(422, "web.invalid", "Invalid: body.query")
    checked(chosen, form.query.kpi)
    if form.every and session.user.role not in RIGHTS["export"]:
        raise Problem(403, "auth.role")
    if form.target != FOLDER and form.target not in site.deps.settings.stats.webhooks:
        raise Problem(422, "stats.target", "no such target")
    hour, minute = form.at.split(":")
    report = SavedReport(
        0,
        form.name,
        session.user.name,
        form.query.model_dump(),
        form.format,
        form.every,
        int(hour) * 60 + int(minute),
        form.target,
        site.deps.now(),
    )
    kept = await site.ask(_store(site).add, report)
    await site.record(session.user.name, "stats.save", str(kept.id), f"{form.every} {form.target}".strip())
    return _json(kept)


@router.delete("/{report}", status_code=204)
async def forget(report: int, session: Statistician, site: SiteDep) -> None:
    """Delete one's own. What it has made stays."""
    if not await site.ask(_store(site).delete, report, session.user.name):
        raise Problem(404, "web.not_found")
    await site.record(session.user.name, "stats.forget", str(report))


def _store(site: Site) -> SavedReports:
    if site.deps.stats is None:
        raise Problem(404, "web.not_found")
    return site.deps.stats.saved


def _json(report: SavedReport) -> dict[str, Any]:
    return {
        "id": report.id,
        "name": report.name,
        "query": dict(report.query),
        "format": report.format,
        "every": report.every,
        "at": f"{report.minute // 60:02}:{report.minute % 60:02}",
        "target": report.target,
        "created": iso(report.created),
    }


async def _runs(site: Site, store: SavedReports, report: SavedReport) -> list[dict[str, Any]]:
    return [
        {
            "from": day_of(run.first_day).isoformat(),
            "state": run.state,
            "attempts": run.attempts,
            "finished": iso(run.finished),
            "problem": run.problem,
        }
        for run in await site.ask(store.runs, report.id)
    ]
