"""Calls and orders of a range of days as CSV or XLSX; who took what is put on record first."""

import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from hotline.stats.export import export_calls, export_orders
from hotline.stats.sheets import MEDIA_TYPES
from hotline.store.sight import Sight
from hotline.store.views import local_midnight
from hotline.web.auth import Exporter
from hotline.web.deps import WebDeps
from hotline.web.problems import Problem
from hotline.web.sight import names_of
from hotline.web.site import SiteDep

MAX_DAYS = 366
CHUNK = 64 * 1024

router = APIRouter(prefix="/api/v1", tags=["page"])

Day = Annotated[date, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31))]
Kind = Literal["calls", "orders"]
Format = Literal["csv", "xlsx"]


@router.get("/exports/{kind}.{fmt}", response_class=StreamingResponse)
async def export(
    kind: Kind, fmt: Format, since: Day, until: Day, session: Exporter, site: SiteDep
) -> StreamingResponse:
    """Everything from `since` to `until`, days of Asia/Shanghai, both inclusive; numbers are masked."""
    days = (until - since).days + 1
    if not 1 <= days <= MAX_DAYS:
        raise Problem(422, "export.range", f"1 to {MAX_DAYS} days")
    period = f"{since.isoformat()}/{until.isoformat()}"
    await site.record(session.user.name, "export", f"{kind}.{fmt}", period)
    names = names_of(session.user)
    file = await site.ask(_write, site.deps, kind, fmt, (since, until + timedelta(days=1)), names)
    name = f"12348-{kind}-{since.isoformat()}-{until.isoformat()}.{fmt}"
    return StreamingResponse(
        _chunks(file),
        media_type=MEDIA_TYPES[fmt],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _write(
    deps: WebDeps, kind: Kind, fmt: Format, period: tuple[date, date], names: tuple[str, ...]
) -> IO[bytes]:
    """The table, without complaints about who has one of the names, in a file without a name of its own.

    It is gone when it is closed, whatever happens to the answer.
    """
    start, end = local_midnight(period[0]), local_midnight(period[1])
    file = tempfile.TemporaryFile(dir=deps.settings.paths.data)  # noqa: SIM115 - closed by `_chunks`
    try:
        if kind == "calls":
            export_calls(deps.calls.iter_export(start, end, Sight(names)), file, fmt, period=period)
        else:
            export_orders(deps.orders.iter_export(start, end, names), file, fmt, period=period)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
