"""Makes scheduled reports when they are due: each period once, whatever stops and starts in between.

A file in the folder appears whole or not at all, under a name of its report and period, so making it again
after a crash changes nothing. A webhook is told the same delivery id at every attempt; the receiver drops
what it has seen.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import anyio
import anyio.to_thread
import httpx

from hotline.errors import HotlineError
from hotline.stats.days import day_number
from hotline.stats.exporting import report_sheet
from hotline.stats.kpi.registry import chosen
from hotline.stats.periods import By, Period, before, keys, span_of, year_before
from hotline.stats.scope import Filters, Scope
from hotline.stats.sheets import MEDIA_TYPES, Format, write
from hotline.stats.statistics import Statistics
from hotline.store.saved_reports import SavedReport, SavedReports
from hotline.store.views import LOCAL, local_midnight
from workorders.signature import DELIVERY_HEADER, SIGNATURE_HEADER, sign

log = logging.getLogger(__name__)

FOLDER = "folder"
EVERY = {"day": By.DAY, "week": By.WEEK, "month": By.MONTH, "quarter": By.QUARTER}
LOOK_BACK_DAYS = 100
"""Periods that ended longer ago are not made up for."""
POLL_S = 30.0
TIMEOUT_S = 60.0
_COMPARED: dict[str, Callable[[Period], Period]] = {"previous": before, "year": year_before}


class NotDelivered(HotlineError):
    """A webhook did not take a report."""

    code = "stats.not_delivered"
    retryable = True


@dataclass(frozen=True, slots=True)
class Targets:
    """Where scheduled reports may go."""

    folder: Path
    webhooks: Mapping[str, str] = field(default_factory=dict)
    """Name → address; settings, so that nobody can have the line call any address."""
    secrets: Sequence[bytes] = ()


def due(report: SavedReport, now: datetime) -> list[Period]:
    """The periods that have ended and whose time has come since the report was saved, oldest first."""
    by = EVERY.get(report.every)
    if by is None:
        return []
    today = now.astimezone(LOCAL).date()
    around = Period(today - timedelta(days=LOOK_BACK_DAYS), today + timedelta(days=1))
    found = []
    for key in keys(by, around):
        one = _whole(by, key)
        when = local_midnight(one.until) + timedelta(minutes=report.minute)
        if report.created < when <= now:
            found.append(one)
    return found


def _whole(by: By, key: str) -> Period:
    """A day, week, month or quarter as it stands in the calendar."""
    ever = Period(date(1970, 1, 1), date(2999, 12, 31))
    span = span_of(by, key, ever)
    return Period(date(1970, 1, 1) + timedelta(days=span.first), date(1970, 1, 1) + timedelta(days=span.end))


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Any number of processes may run one on the same database."""

    saved: SavedReports
    stats: Statistics
    targets: Targets
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(self) -> None:
        """Make what is due, now and then, until cancelled."""
        while True:
            try:
                await self.make_due()
            except HotlineError as error:
                log.warning("scheduled reports cannot use the database", extra={"code": error.code})
            except Exception as error:  # noqa: BLE001  supervision point: one bad row must not end the line
                log.error("scheduled reports stumbled", extra={"error": type(error).__name__})
            await anyio.sleep(POLL_S)

    async def make_due(self) -> int:
        """Make every period that is due; how many were made."""
        made = 0
        for report in await anyio.to_thread.run_sync(self.saved.all):
            for one in due(report, self.clock()):
                made += await self._make(report, one)
        return made

    async def _make(self, report: SavedReport, one: Period) -> bool:
        first = day_number(one.since)
        if not await anyio.to_thread.run_sync(self.saved.take, report.id, first, self.clock()):
            return False
        problem = ""
        try:
            body = await anyio.to_thread.run_sync(self.contents, report, one)
            await self._deliver(report, one, body)
        except (HotlineError, OSError) as error:
            problem = getattr(error, "code", "stats.disk")
            log.warning("a scheduled report was not made", extra={"report": report.id, "code": problem})
        await anyio.to_thread.run_sync(self.saved.finish, report.id, first, self.clock(), problem)
        return not problem

    def contents(self, report: SavedReport, one: Period) -> bytes:
        """The file of a period. Blocks; raises `StoreError` and `ConfigError`."""
        query = report.query
        while self.stats.facts.refresh():
            pass
        scope = Scope(By(query["by"]), one, Filters(**query.get("only", {})))
        beside = {name: _COMPARED[name](one) for name in query.get("compare", ()) if name in _COMPARED}
        table = self.stats.reports.table(scope, chosen(query.get("kpi", ())), beside)
        stream = BytesIO()
        write(report_sheet(table), stream, _format(report))
        return stream.getvalue()

    async def _deliver(self, report: SavedReport, one: Period, body: bytes) -> None:
        if report.target == FOLDER:
            await anyio.to_thread.run_sync(_put, self.targets.folder, file_name(report, one), body)
            return
        address = self.targets.webhooks.get(report.target)
        if address is None:
            raise NotDelivered
        delivery = f"report-{report.id}-{one.since.isoformat()}"
        headers = {
            "Content-Type": MEDIA_TYPES[_format(report)],
            DELIVERY_HEADER: delivery,
            "Hotline-Report": f"{report.id}; from={one.since}; to={one.until - timedelta(days=1)}",
        }
        if self.targets.secrets:
            headers[SIGNATURE_HEADER] = sign(self.targets.secrets, delivery, body, self.clock())
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
                answer = await client.post(address, content=body, headers=headers)
        except httpx.HTTPError:
            raise NotDelivered from None
        if not answer.is_success:
            raise NotDelivered


def file_name(report: SavedReport, one: Period) -> str:
    """The same for the same report and period."""
    name = re.sub(r"[^\w-]+", "_", report.name).strip("_")[:60]
    return f"{report.id:04}-{name}-{one.since.isoformat()}.{report.format}"


def _format(report: SavedReport) -> Format:
    known: dict[str, Format] = {"csv": "csv", "xlsx": "xlsx", "parquet": "parquet"}
    return known.get(report.format, "xlsx")


def _put(folder: Path, name: str, body: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f".{name}.part"
    part.write_bytes(body)
    part.replace(folder / name)
