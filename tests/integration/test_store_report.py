"""Reports: every call once, in the day it began, whatever the grouping; the same window, the same rows."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hotline.conversation import (
    CALLED_BACK,
    OF_CALLERS,
    CallId,
    CallRecord,
    Candidate,
    Intent,
    Outcome,
    Source,
)
from hotline.errors import ConfigError
from hotline.stats.cli_export import write_export
from hotline.stats.report import Grouping, Report, report, share
from hotline.store.calls import CallStore
from hotline.store.engine import make_engine, writing
from hotline.store.upgrade import upgrade
from workorders.tables import order_history, work_orders

pytestmark = pytest.mark.integration

MIDNIGHT = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)  # 1 March in Shanghai
MARCH = (date(2026, 3, 1), date(2026, 3, 4))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    file = f"sqlite:///{tmp_path / 'report.sqlite3'}"
    made = make_engine(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    fill(made)
    yield made
    made.dispose()


def fill(engine: Engine) -> None:
    hour = timedelta(hours=1)
    wages, family = Candidate("labour.wages", "欠薪", 1.0), Candidate("family", "婚姻家庭", 1.0)
    for name, at, talk, outcome, matter in (
        ("before", MIDNIGHT - timedelta(microseconds=1), 9.0, Outcome.ANSWERED, wages),
        ("first", MIDNIGHT, 60.0, Outcome.ORDER_FILED, wages),
        ("across", MIDNIGHT + 24 * hour - timedelta(seconds=1), 90.5, Outcome.ORDER_FILED, wages),
        ("missed", MIDNIGHT + 48 * hour, None, Outcome.ABANDONED, None),
        ("third", MIDNIGHT + 72 * hour - timedelta(microseconds=1), 30.0, Outcome.ANSWERED, family),
        ("after", MIDNIGHT + 72 * hour, 9.0, Outcome.ANSWERED, family),
    ):
        save(engine, name, at, talk, outcome, matter)
    save(engine, "placed by an agent", MIDNIGHT, None, Outcome.UNREACHED, None, CALLED_BACK)
    CallStore(engine).start(CallId("running"), "phone", "1", "12348", MIDNIGHT + hour)


def save(
    engine: Engine,
    name: str,
    at: datetime,
    talk: float | None,
    outcome: Outcome,
    matter: Candidate | None,
    channel: str = "phone",
) -> None:
    store, answered = CallStore(engine), None if talk is None else at
    store.save(
        CallRecord(
            call=CallId(name),
            channel=channel,
            dialled="12348",
            started=at,
            answered=answered,
            ended=at + timedelta(seconds=talk or 5),
            legs=(),
            flow="",
            flow_path=(),
            digits="",
            consent_version=None,
            consent_at=None,
            recording=None,
            recording_sha256=None,
            recording_origin=0,
            orders=(),
            outcome=outcome,
        )
    )
    if matter is not None:
        store.save_intent(CallId(name), Intent(matter, matter, (matter,), (), (), Source.SPEECH), at)


def order(
    engine: Engine, number: int, call: str, unit: str, due: timedelta | None, replied: timedelta | None
) -> None:
    filed = MIDNIGHT + timedelta(hours=1)
    row: dict[str, Any] = {
        "id": number, "number": f"SC-{number}", "call_id": call, "matter_no": number, "matter": "m",
        "matter_label": "m", "service": "s", "service_label": "s", "district": "510000", "summary": "",
        "caller_contact": "", "source": "speech", "flags": [], "urgency": "normal", "unit": unit,
        "unit_name": f"name of {unit}", "state": "replied" if replied else "dispatched", "filed_at": filed,
        "sign_by": None, "due_at": filed + due if due else None, "provisional": False, "policy": "p",
        "version": 1, "search_text": "",
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(work_orders.insert().values(row))
        for late in (timedelta(), timedelta(days=9)) if replied else ():  # a second reply changes nothing
            entry = {"order_id": number, "at": filed + (replied or timedelta()) + late, "actor": "a"}
            connection.execute(
                order_history.insert().values({**entry, "action": "reply", "to_state": "replied"})
            )


def table(made: Report) -> list[dict[str, Any]]:
    return [dict(zip(made.columns, row, strict=True)) for row in made.rows]


def test_days_are_whole_and_half_open(engine: Engine) -> None:
    days = table(report(engine, *MARCH, Grouping.DAY))
    assert [(row["day"], row["calls"]) for row in days] == [
        ("2026-03-01", 3),
        ("2026-03-02", 0),
        ("2026-03-03", 2),
    ]
    assert (days[0]["answered"], days[0]["outcome_order_filed"], days[0]["open"]) == (2, 2, 1)
    assert days[0]["mean_talk_seconds"] == Decimal("75.3"), "75.25 rounded half up"
    assert days[1]["mean_talk_seconds"] is None


def test_every_grouping_counts_every_call_once(engine: Engine) -> None:
    for by in (Grouping.DAY, Grouping.CATEGORY, Grouping.OUTCOME):
        assert sum(row["calls"] for row in table(report(engine, *MARCH, by))) == 5
    for row in table(report(engine, *MARCH, Grouping.DAY)):
        outcomes = sum(value for name, value in row.items() if name.startswith("outcome_"))
        assert outcomes + row["open"] == row["calls"]


def test_days_add_up_to_the_period(engine: Engine) -> None:
    whole = table(report(engine, *MARCH, Grouping.OUTCOME))
    single: dict[str, int] = {}
    for shift in range(3):
        first = MARCH[0] + timedelta(days=shift)
        for row in table(report(engine, first, first + timedelta(days=1), Grouping.OUTCOME)):
            single[row["outcome"]] = single.get(row["outcome"], 0) + row["calls"]
    assert single == {row["outcome"]: row["calls"] for row in whole}


def test_categories_come_by_size_with_their_share(engine: Engine) -> None:
    rows = table(report(engine, *MARCH, Grouping.CATEGORY))
    assert [(row["category"], row["category_label"], row["calls"], row["share"]) for row in rows] == [
        ("", "", 2, Decimal("40.0")),
        ("labour.wages", "欠薪", 2, Decimal("40.0")),
        ("family", "婚姻家庭", 1, Decimal("20.0")),
    ]


def test_outcomes_are_all_there_even_at_zero(engine: Engine) -> None:
    rows = {row["outcome"]: row for row in table(report(engine, *MARCH, Grouping.OUTCOME))}
    assert set(rows) == {outcome.value for outcome in OF_CALLERS} | {"open"}
    assert (rows["silent"]["calls"], rows["silent"]["share"]) == (0, Decimal("0.0"))
    assert rows["abandoned"]["calls"] == 1


def test_departments_count_orders_by_the_start_of_their_call(engine: Engine) -> None:
    day = timedelta(days=1)
    order(engine, 1, "first", "a", 3 * day, 1 * day)
    order(engine, 2, "first", "a", 3 * day, 4 * day)
    order(engine, 3, "across", "a", 3 * day, None)
    order(engine, 4, "across", "b", None, None)
    order(engine, 5, "after", "a", 3 * day, 1 * day)  # filed in March, but its call is later
    order(engine, 6, "web", "b", None, None)  # came by no call
    rows = table(report(engine, *MARCH, Grouping.DEPARTMENT))
    assert [(row["unit"], row["unit_name"], row["orders"]) for row in rows] == [
        ("a", "name of a", 3),
        ("b", "name of b", 2),
    ]
    assert (rows[0]["replied"], rows[0]["dispatched"]) == (2, 1)
    assert (rows[0]["with_deadline"], rows[0]["replied_in_time"]) == (3, 1)
    assert rows[0]["replied_in_time_share"] == Decimal("33.3")
    assert rows[1]["replied_in_time_share"] is None


def test_the_same_window_gives_the_same_report(engine: Engine) -> None:
    for by in Grouping:
        assert report(engine, *MARCH, by) == report(engine, *MARCH, by)


def test_an_empty_window_is_an_empty_report(engine: Engine) -> None:
    assert report(engine, MARCH[0], MARCH[0], Grouping.DAY).rows == ()
    long_ago = (date(2020, 1, 1), date(2020, 1, 2))
    assert report(engine, *long_ago, Grouping.DEPARTMENT).rows == ()
    assert table(report(engine, *long_ago, Grouping.OUTCOME))[0]["share"] is None


def test_the_command_line_gets_every_kind_of_file(engine: Engine, tmp_path: Path) -> None:
    window = (MIDNIGHT, MIDNIGHT + timedelta(days=3))
    expected = {"calls": 6, "orders": 1, "day": 3, "category": 3, "department": 1, "outcome": 8}
    order(engine, 1, "first", "a", None, None)
    for what, rows in expected.items():
        for ending in ("csv", "XLSX"):
            path = tmp_path / f"{what}.{ending}"
            assert write_export(engine, path, what, window) == rows
            assert path.stat().st_size > 0


@pytest.mark.parametrize(("name", "what"), [("x.pdf", "calls"), ("x", "calls"), ("x.csv", "secrets")])
def test_the_command_line_refuses_what_there_is_not(
    engine: Engine, tmp_path: Path, name: str, what: str
) -> None:
    with pytest.raises(ConfigError):
        write_export(engine, tmp_path / name, what, (MIDNIGHT, MIDNIGHT + timedelta(days=1)))
    assert list(tmp_path.glob("x*")) == []


@pytest.mark.parametrize(
    ("part", "whole", "places", "expected"),
    [
        (1_546, 51_927, 2, "2.98"),
        (110_441, 114_939, 2, "96.09"),
        (15_395, 15_875, 2, "96.98"),
        (163, 204, 2, "79.90"),
        (1, 8, 1, "12.5"),
        (1, 800, 2, "0.13"),
    ],
)
def test_shares_are_rounded_half_up(part: int, whole: int, places: int, expected: str) -> None:
    assert str(share(part, whole, places)) == expected
