"""Calls and orders of a range of days as CSV or XLSX; who took what is put on record first."""

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from hotline.stats.export import export_calls, export_orders
from hotline.stats.sheets import MEDIA_TYPES
from hotline.store.views import local_midnight
from hotline.web.auth import Exporter
from hotline.web.deps import WebDeps
from hotline.web.problems import Problem
from hotline.web.site import SiteDep

MAX_DAYS = 366

router = APIRouter(prefix="/api/v1", tags=["page"])

Day = Annotated[date, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31))]
Kind = Literal["calls", "orders"]
Format = Literal["csv", "xlsx"]


@router.get("/exports/{kind}.{fmt}", response_class=FileResponse)
async def export(
    kind: Kind, fmt: Format, since: Day, until: Day, session: Exporter, site: SiteDep
) -> FileResponse:
    """Everything from `since` to `until`, days of Asia/Shanghai, both inclusive; numbers are masked."""
    days = (until - since).days + 1
    if not 1 <= days <= MAX_DAYS:
        raise Problem(422, "export.range", f"1 to {MAX_DAYS} days")
    period = f"{since.isoformat()}/{until.isoformat()}"
    await site.record(session.user.name, "export", f"{kind}.{fmt}", period)
    file = await site.ask(_write, site.deps, kind, fmt, (since, until + timedelta(days=1)))
    return FileResponse(
        file,
        media_type=MEDIA_TYPES[fmt],
        filename=f"12348-{kind}-{since.isoformat()}-{until.isoformat()}.{fmt}",
        background=BackgroundTask(file.unlink, missing_ok=True),
    )


def _write(deps: WebDeps, kind: Kind, fmt: Format, period: tuple[date, date]) -> Path:
    """Write the table into a file that only we can read."""
    start, end = local_midnight(period[0]), local_midnight(period[1])
    deps.settings.paths.data.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=deps.settings.paths.data, prefix="export-", delete=False) as target:
        path = Path(target.name)
    try:
        if kind == "calls":
            export_calls(deps.calls.iter_export(start, end), path, fmt, period=period)
        else:
            export_orders(deps.orders.iter_export(start, end), path, fmt, period=period)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path
