"""Saved reports, and which of their periods have been made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, delete, func, select, update

from hotline.errors import HotlineError
from hotline.store.engine import insert_if_new, reading, storable, writing
from hotline.store.stat_tables import report_runs, saved_reports

MOST = 50
"""Saved reports of one person."""
TAKEN = timedelta(minutes=10)
"""Who makes a report has so long; afterwards somebody else may."""
RETRIES = 12
"""A report that fails so often is given up."""


class TooManyReports(HotlineError):
    """That person has saved too many."""

    code = "stats.too_many"


@dataclass(frozen=True, slots=True)
class SavedReport:
    """A report somebody wants again."""

    id: int
    name: str
    owner: str
    query: Mapping[str, Any]
    """`by`, `kpi`, `only` and `compare` of a report."""
    format: str
    every: str
    """day, week, month or quarter; empty: only when asked for."""
    minute: int
    """Of the day after the period, Asia/Shanghai, at which it is made."""
    target: str
    """`folder`, or the name of a webhook."""
    created: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One period of a saved report."""

    report: int
    first_day: int
    """Day number of the period's first day."""
    state: str
    """taken, done or failed."""
    attempts: int
    finished: datetime | None
    problem: str


class SavedReports:
    """The tables of saved reports. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, report: SavedReport) -> SavedReport:
        """Keep a report; its id is given here. Raises `TooManyReports`."""
        values = {
            "name": storable(report.name),
            "owner": report.owner,
            "query": dict(report.query),
            "format": report.format,
            "every": report.every,
            "minute": report.minute,
            "target": report.target,
            "created": report.created,
        }
        with writing(self._engine) as connection:
            mine = select(func.count()).where(saved_reports.c.owner == report.owner)
            if connection.execute(mine.select_from(saved_reports)).scalar_one() >= MOST:
                raise TooManyReports
            made = connection.execute(saved_reports.insert().values(values).returning(saved_reports)).one()
        return _report(made)

    def all(self, owner: str | None = None) -> list[SavedReport]:
        """Everybody's, or one person's, oldest first."""
        wanted = select(saved_reports).order_by(saved_reports.c.id)
        if owner is not None:
            wanted = wanted.where(saved_reports.c.owner == owner)
        with reading(self._engine) as connection:
            return [_report(row) for row in connection.execute(wanted)]

    def delete(self, report: int, owner: str) -> bool:
        """Forget one's own report; False when there is none."""
        mine = (saved_reports.c.id == report) & (saved_reports.c.owner == owner)
        with writing(self._engine) as connection:
            if connection.execute(select(saved_reports.c.id).where(mine)).first() is None:
                return False
            connection.execute(delete(report_runs).where(report_runs.c.report_id == report))
            connection.execute(delete(saved_reports).where(mine))
        return True

    def runs(self, report: int, most: int = 10) -> list[Run]:
        """The latest periods of a report, newest first."""
        wanted = select(report_runs).where(report_runs.c.report_id == report)
        wanted = wanted.order_by(report_runs.c.first_day.desc()).limit(most)
        with reading(self._engine) as connection:
            return [_run(row) for row in connection.execute(wanted)]

    def take(self, report: int, first_day: int, now: datetime) -> bool:
        """Claim a period for making it: True for one claimant at a time, never again once it is done."""
        until = now + TAKEN
        row = {
            "report_id": report, "first_day": first_day, "state": "taken", "attempts": 1, "next_at": until,
            "finished": None, "problem": "",
        }  # fmt: skip
        key = (report_runs.c.report_id == report) & (report_runs.c.first_day == first_day)
        with writing(self._engine) as connection:
            if insert_if_new(connection, report_runs, row):
                return True
            again = key & (report_runs.c.state != "done") & (report_runs.c.next_at <= now)
            again &= report_runs.c.attempts < RETRIES
            values = {"state": "taken", "attempts": report_runs.c.attempts + 1, "next_at": until}
            return connection.execute(update(report_runs).where(again).values(values)).rowcount == 1

    def finish(self, report: int, first_day: int, now: datetime, problem: str = "") -> None:
        """The period is made, or could not be and will be tried again, later and later."""
        key = (report_runs.c.report_id == report) & (report_runs.c.first_day == first_day)
        with writing(self._engine) as connection:
            if not problem:
                done = {"state": "done", "finished": now, "problem": ""}
                connection.execute(update(report_runs).where(key).values(done))
                return
            tries = connection.execute(select(report_runs.c.attempts).where(key)).scalar_one_or_none() or 1
            wait = timedelta(minutes=min(5 * 2 ** (tries - 1), 240))
            failed = {"state": "failed", "next_at": now + wait, "problem": problem[:64]}
            connection.execute(update(report_runs).where(key).values(failed))


def _report(row: Row[Any]) -> SavedReport:
    return SavedReport(
        row.id, row.name, row.owner, row.query, row.format, row.every, row.minute, row.target, row.created
    )


def _run(row: Row[Any]) -> Run:
    return Run(row.report_id, row.first_day, row.state, row.attempts, row.finished, row.problem)
