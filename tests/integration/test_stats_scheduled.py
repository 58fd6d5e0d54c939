"""Scheduled reports come once a period, also past crashes and restarts; unhappy callers are called again."""

import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from sqlalchemy import Engine, select

from hotline.intent.router import Router
from hotline.stats.days import day_number
from hotline.stats.facts import FactStore
from hotline.stats.periods import Period
from hotline.stats.revisits import Revisits
from hotline.stats.scheduled import Scheduler, Targets, due, file_name
from hotline.stats.statistics import Statistics
from hotline.store.engine import make_engine, reading
from hotline.store.saved_reports import MOST, TAKEN, SavedReport, SavedReports, TooManyReports
from hotline.store.upgrade import upgrade
from tests.fakes.history import History, at, three_days
from tests.fakes.web_line import FLOWS, PASSWORD, make_line, served
from workorders.routing import RoutingRules, load_calendar
from workorders.service import WorkOrderService
from workorders.signature import DELIVERY_HEADER, SIGNATURE_HEADER, verify
from workorders.sql import SqlUnitOfWork
from workorders.tables import work_orders

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

SECRET = b"a-secret-of-the-line"
QUERY = {"by": "hour_of_day", "kpi": ["calls", "answer_rate"]}
DAILY = SavedReport(0, "每日/话务 表", "banzhang", QUERY, "xlsx", "day", 7 * 60, "folder", at(0, 12))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'scheduled.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    three_days(made)
    yield made
    made.dispose()


def scheduler(engine: Engine, targets: Targets, now: datetime) -> Scheduler:
    return Scheduler(SavedReports(engine), Statistics(engine), targets, lambda: now)


def test_what_is_due() -> None:
    def days(now: datetime, every: str = "day", minute: int = 420) -> list[str]:
        report = SavedReport(1, "x", "a", {"by": "day"}, "xlsx", every, minute, "folder", at(0, 12))
        return [one.since.isoformat() for one in due(report, now)]

    assert days(at(1, 6.99)) == []
    assert days(at(1, 7)) == ["2026-03-01"]
    assert days(at(3, 8)) == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert days(at(0, 12.5)) == [], "it was saved after seven"
    assert days(at(1, 6), "week") == []
    assert days(at(1, 8), "week") == ["2026-02-23"], "Monday to Sunday, 1 March"
    assert days(at(31, 8), "month") == ["2026-03-01"]
    assert days(at(31, 8), "quarter") == ["2026-01-01"]
    assert days(at(31, 8), "") == []
    assert len(days(at(3000, 8))) <= 101


async def test_a_file_a_day_whatever_happens(engine: Engine, tmp_path: Path) -> None:
    saved = SavedReports(engine).add(DAILY)
    targets = Targets(tmp_path / "out")
    assert await scheduler(engine, targets, at(0, 13)).make_due() == 0
    assert await scheduler(engine, targets, at(2, 8)).make_due() == 2
    assert await scheduler(engine, targets, at(2, 9)).make_due() == 0, "another process, the same day"
    names = sorted(path.name for path in targets.folder.iterdir())
    assert names == ["0001-每日_话务_表-2026-03-01.xlsx", "0001-每日_话务_表-2026-03-02.xlsx"]
    sheet = openpyxl.load_workbook(targets.folder / names[1])["统计"]
    assert [cell.value for cell in sheet[26]][1] == 3, "calls of 2 March"
    # killed after taking the third day: nobody touches it until the taker is given up for dead
    assert SavedReports(engine).take(saved.id, day_number(date(2026, 3, 3)), at(3, 8))
    assert await scheduler(engine, targets, at(3, 8.1)).make_due() == 0
    later = at(3, 8) + TAKEN
    assert await scheduler(engine, targets, later).make_due() == 1
    assert await scheduler(engine, targets, later + TAKEN * 9).make_due() == 0
    runs = SavedReports(engine).runs(saved.id)
    assert [(run.state, run.attempts) for run in runs] == [("done", 2), ("done", 1), ("done", 1)]


def test_many_take_one_gets(engine: Engine) -> None:
    store = SavedReports(engine)
    saved = store.add(DAILY)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: store.take(saved.id, 20_000, at(1)), range(8)))
    assert sum(got) == 1
    store.finish(saved.id, 20_000, at(1))
    assert not store.take(saved.id, 20_000, at(99))


class Hall(http.server.BaseHTTPRequestHandler):
    """A receiver that refuses the first delivery."""

    seen: list[tuple[dict[str, str], bytes]]
    answers: list[int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((dict(self.headers), body))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def hall() -> Iterator[tuple[str, type[Hall]]]:
    kind = type("OneHall", (Hall,), {"seen": [], "answers": [500]})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=partial(server.serve_forever, 0.02))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/reports", kind
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_webhook_gets_it_signed_and_again_when_it_fails(
    engine: Engine, tmp_path: Path, hall: tuple[str, type[Hall]]
) -> None:
    address, kind = hall
    store = SavedReports(engine)
    saved = store.add(SavedReport(0, "x", "a", {"by": "day"}, "csv", "day", 420, "hall", at(0, 12)))
    targets = Targets(tmp_path, {"hall": address}, (SECRET,))
    assert await scheduler(engine, targets, at(1, 8)).make_due() == 0
    assert store.runs(saved.id)[0].problem == "stats.not_delivered"
    assert await scheduler(engine, targets, at(1, 8.05)).make_due() == 0, "not yet again"
    assert await scheduler(engine, targets, at(1, 8.2)).make_due() == 1
    assert len(kind.seen) == 2
    (first, _), (second, body) = kind.seen
    assert first[DELIVERY_HEADER] == second[DELIVERY_HEADER] == "report-1-2026-03-01"
    assert body.startswith(b"\xef\xbb\xbf")
    verify(SECRET, second[DELIVERY_HEADER], body, second[SIGNATURE_HEADER], at(1, 8.2))
    gone = scheduler(engine, Targets(tmp_path), at(2, 8))
    assert await gone.make_due() == 0, "no such webhook any more"


async def test_reports_are_saved_over_http(tmp_path: Path) -> None:
    line = make_line(tmp_path)
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=30) as client:
        answer = await client.post("/api/v1/session", json={"name": "banzhang", "password": PASSWORD})
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        url = "/api/v1/stats/saved"
        form = {"name": "日报", "query": {"by": "day", "kpi": ["calls"], "only": {"matter": "labour"}}}
        answer = await client.post(url, json={**form, "every": "day", "at": "06:30"})
        assert answer.status_code == 201
        found = (await client.get(url)).json()
        assert found["targets"] == ["folder"]
        [report] = found["reports"]
        assert (report["name"], report["every"], report["at"], report["runs"]) == ("日报", "day", "06:30", [])
        for wrong in (
            {"query": {"by": "phase"}},
            {"query": {"by": "day", "kpi": ["x"]}},
            {"query": {"by": "day", "only": {"colour": "red"}}},
            {"target": "nowhere"},
            {"at": "25:00"},
            {"every": "hour"},
        ):
            assert (await client.post(url, json={**form, **wrong})).status_code == 422, wrong
        assert (await client.delete(f"{url}/{report['id']}")).status_code == 204
        assert (await client.delete(f"{url}/{report['id']}")).status_code == 404
        assert (await client.get(url)).json()["reports"] == []


def test_nobody_saves_without_end(engine: Engine) -> None:
    store = SavedReports(engine)
    for _ in range(MOST):
        store.add(DAILY)
    with pytest.raises(TooManyReports):
        store.add(DAILY)
    assert file_name(DAILY, Period(date(2026, 3, 1), date(2026, 3, 2))) == "0000-每日_话务_表-2026-03-01.xlsx"


def test_every_unhappy_caller_is_called_again_once(engine: Engine) -> None:
    history = History(engine)
    history.answered("old", at(-30, 9), "li", 5, 60, mark=1)
    history.answered("angry", at(2, 9), "li", 5, 60, mark=1, matter="labour.wages", place="510104")
    rules = RoutingRules.load(FLOWS, Router.load(FLOWS).categories)
    service = WorkOrderService(lambda: SqlUnitOfWork(engine), rules, load_calendar(FLOWS, rules))
    due = Revisits(engine, FactStore(engine), service, clock=lambda: at(3))
    assert due.file_due() == 2
    assert due.file_due() == 0
    with reading(engine) as connection:
        wanted = select(work_orders).where(work_orders.c.service == "revisit").order_by(work_orders.c.call_id)
        angry, unhappy = connection.execute(wanted).all()
    assert (angry.call_id, unhappy.call_id) == ("angry", "b"), "marks 1 and 2; 3 and 5 are none"
    assert angry.unit == "desk-510000", "the line's own business"
    assert "评 1 分" in angry.summary
    assert (angry.matter, angry.policy, angry.source, angry.urgency) == (
        "labour.wages",
        "revisit",
        "survey",
        "urgent",
    )
    assert angry.due_at > at(3)
    assert timedelta(0) < angry.due_at - at(3) < timedelta(days=5)
