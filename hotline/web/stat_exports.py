"""Reports and lists as files: small ones at once, large ones in the background with their progress shown."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, BackgroundTasks, Query
from fastapi import Path as PathParam
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field

from hotline.stats.exporting import Eyes, file_name, list_sheet, report_sheet
from hotline.stats.jobs import Job, Jobs
from hotline.stats.kpi.registry import chosen
from hotline.stats.lists import Behind
from hotline.stats.sheets import MEDIA_TYPES, Format, write
from hotline.store.users import Session
from hotline.web.auth import RIGHTS, Body, Driller, ListExporter, Statistician
from hotline.web.problems import Problem
from hotline.web.sight import names_of, sight_of
from hotline.web.site import Site, SiteDep
from hotline.web.stats import ListQuery, ReportQuery, checked, statistics_of

router = APIRouter(prefix="/api/v1/stats", tags=["statistics"])

CHUNK = 64 * 1024
Fmt = Literal["csv", "xlsx", "parquet"]
Id = Annotated[str, PathParam(max_length=32)]


@router.get("/report.{fmt}", response_class=StreamingResponse)
async def report_file(
    fmt: Fmt, query: Annotated[ReportQuery, Query()], session: Statistician, site: SiteDep
) -> StreamingResponse:
    """The report as a file, with chart and definitions (XLSX); it names nobody."""
    stats, scope = statistics_of(site), query.scope()
    shown, beside = checked(chosen, query.kpi), query.beside()
    await site.record(session.user.name, "stats.export", f"report.{fmt}", _what(query))
    await site.ask(stats.facts.refresh)
    table = await site.ask(stats.reports.table, scope, shown, beside)
    file = await site.ask(_written, site.deps.settings.paths.data, report_sheet(table), fmt)
    name = f"{file_name('report', scope)}.{fmt}"
    return StreamingResponse(
        _chunks(file),
        media_type=MEDIA_TYPES[fmt],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class ListOrder(Body):
    """A list that is to be made into a file; `query` as in the address of the list."""

    query: dict[str, str] = Field(max_length=20)
    format: Fmt = "xlsx"
    raw: bool = False
    """Numbers as they are: needs the right `unmask` and a reason."""
    reason: str = Field(default="", max_length=500)


@router.post("/exports", status_code=202)
async def start(
    form: ListOrder, session: ListExporter, site: SiteDep, later: BackgroundTasks
) -> dict[str, Any]:
    """Have a list made into a file; ask for it by its id. 503 when too many are being made."""
    stats, query = statistics_of(site), _list_query(form.query)
    scope = query.scope()
    behind = Behind(checked(chosen, (query.kpi,))[0], query.part, scope, query.key)
    if form.raw:
        _may_unmask(session, form.reason)
    await site.ask(stats.facts.refresh)
    count = (await site.ask(checked, stats.lists.page, behind, "", 1)).count
    detail = f"{_what(query)}; raw: {form.reason.strip()}" if form.raw else _what(query)
    action = "stats.export_raw" if form.raw else "stats.export"
    await site.record(session.user.name, action, f"{query.kpi}.{form.format}", detail)
    job = site.jobs.start(session.user.name, f"{file_name(query.kpi, scope)}.{form.format}", count)
    later.add_task(_run, site, job, behind, form, session)
    return job_json(job)


@router.get("/exports")
async def jobs(session: Driller, site: SiteDep) -> dict[str, Any]:
    """One's own files."""
    return {"jobs": [job_json(job) for job in site.jobs.of(session.user.name)]}


@router.get("/exports/{key}")
async def progress(key: Id, session: Driller, site: SiteDep) -> dict[str, Any]:
    """How far it has come."""
    return job_json(_job(site.jobs, key, session))


@router.get("/exports/{key}/file", response_class=FileResponse)
async def fetch(key: Id, session: Driller, site: SiteDep) -> FileResponse:
    """The file. 409 while it is being made."""
    job = _job(site.jobs, key, session)
    if job.state != "ready":
        raise Problem(409, "stats.not_ready")
    kind: Format = _format(job.name)
    return FileResponse(job.path, media_type=MEDIA_TYPES[kind], filename=job.name)


@router.delete("/exports/{key}", status_code=204)
async def drop(key: Id, session: Driller, site: SiteDep) -> None:
    """Give it up, or delete it."""
    await site.ask(site.jobs.drop, _job(site.jobs, key, session))


def job_json(job: Job) -> dict[str, Any]:
    """A job as the page sees it."""
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "problem": job.problem,
    }


def _job(jobs: Jobs, key: str, session: Session) -> Job:
    job = jobs.get(key, session.user.name)
    if job is None:
        raise Problem(404, "web.not_found")
    return job


def _list_query(given: dict[str, str]) -> ListQuery:
    try:
        return ListQuery.model_validate(given)
    except ValueError:
        raise Problem(422, "web.invalid", "Invalid: body.query") from None


def _may_unmask(session: Session, reason: str) -> None:
    if session.user.role not in RIGHTS["unmask"]:
        raise Problem(403, "auth.role")
    if not reason.strip():
        raise Problem(422, "stats.reason", "unmasked data needs a reason")


async def _run(site: Site, job: Job, behind: Behind, form: ListOrder, session: Session) -> None:
    """After the answer: the file. Whoever asked may stop it."""
    stats, user = statistics_of(site), session.user
    sight = sight_of(site, user)
    eyes = Eyes(form.raw, names_of(user), lambda calls: site.deps.calls.unseen(calls, sight))

    def make(path: Path, told: Any) -> int:
        labels = stats.reports.labels()
        return write(list_sheet(behind, stats.lists.every(behind), labels, eyes), path, form.format, told)

    await anyio.to_thread.run_sync(site.jobs.run, job, make, limiter=site.makers)


def _written(folder: Path, sheet: Any, fmt: Fmt) -> IO[bytes]:
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `_chunks`
    try:
        checked(write, sheet, file, fmt)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _what(query: ReportQuery | ListQuery) -> str:
    given = query.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    return "&".join(f"{name}={value}" for name, value in given.items())[:1500]


def _format(name: str) -> Format:
    kinds: dict[str, Format] = {"csv": "csv", "xlsx": "xlsx", "parquet": "parquet"}
    return kinds[name.rpartition(".")[2]]
