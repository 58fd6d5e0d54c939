"""Deadlines in working days and hours: golden cases and invariants."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workorders.calendar import (
    SHANGHAI,
    BadCalendar,
    OfficeHours,
    Term,
    TermUnit,
    WorkCalendar,
    parse_clock,
)

pytestmark = pytest.mark.unit

CALENDAR = WorkCalendar.load(Path(__file__).parents[3] / "ivr_flows")
END = time(23, 59, 59)

instants = st.datetimes(
    datetime(2025, 12, 1),  # noqa: DTZ001  Hypothesis wants naive bounds
    datetime(2028, 3, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def chengdu(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def due(start: str, unit: TermUnit, amount: int = 0) -> datetime:
    return CALENDAR.due(chengdu(start), Term(unit, amount)).at.astimezone(SHANGHAI)


@pytest.mark.parametrize(
    ("start", "days", "last"),
    [
        ("2026-09-30T10:00", 5, "2026-10-13"),  # over the National Day week; Saturday 10 October is worked
        ("2026-09-30T00:00", 1, "2026-10-08"),
        ("2026-10-09T18:00", 1, "2026-10-10"),
        ("2026-02-13T09:00", 1, "2026-02-14"),  # Saturday, made up
        ("2026-02-14T09:00", 1, "2026-02-24"),  # Spring Festival
        ("2026-02-27T09:00", 1, "2026-02-28"),
        ("2026-04-03T09:00", 1, "2026-04-07"),
        ("2026-04-30T09:00", 2, "2026-05-07"),
        ("2026-05-08T09:00", 1, "2026-05-09"),
        ("2026-06-18T09:00", 1, "2026-06-22"),
        ("2026-09-24T09:00", 1, "2026-09-28"),
        ("2026-10-03T09:00", 1, "2026-10-08"),  # filed on a holiday
        ("2026-11-23T23:59", 5, "2026-11-30"),
        ("2026-12-31T09:00", 1, "2027-01-04"),
        ("2027-02-04T09:00", 1, "2027-02-09"),
    ],
)
def test_working_days(start: str, days: int, last: str) -> None:
    assert due(start, TermUnit.WORKING_DAYS, days) == datetime.combine(
        date.fromisoformat(last), END, SHANGHAI
    )


@pytest.mark.parametrize(
    ("start", "last"),
    [
        ("2026-11-23T10:00", "2026-11-23"),
        ("2026-11-23T17:30", "2026-11-23"),
        ("2026-11-23T17:31", "2026-11-24"),  # after the offices close
        ("2026-11-21T10:00", "2026-11-23"),  # Saturday
        ("2026-10-10T10:00", "2026-10-10"),  # Saturday, made up
        ("2026-09-30T20:00", "2026-10-08"),
    ],
)
def test_same_day(start: str, last: str) -> None:
    assert due(start, TermUnit.SAME_DAY) == datetime.combine(date.fromisoformat(last), END, SHANGHAI)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-23T09:00", 2, "2026-11-23T11:00"),
        ("2026-11-23T11:00", 2, "2026-11-23T14:30"),  # over lunch
        ("2026-11-23T17:00", 2, "2026-11-24T10:30"),  # over night
        ("2026-11-23T09:00", 7, "2026-11-23T17:30"),  # to the close, not to the next opening
        ("2026-11-23T09:00", 8, "2026-11-24T10:00"),
        ("2026-11-20T17:00", 1, "2026-11-23T09:30"),  # over the weekend
        ("2026-11-22T03:00", 1, "2026-11-23T10:00"),
        ("2026-09-30T17:00", 1, "2026-10-08T09:30"),
    ],
)
def test_working_hours(start: str, hours: int, end: str) -> None:
    assert due(start, TermUnit.WORKING_HOURS, hours) == chengdu(end)


def test_hours_by_the_clock() -> None:
    assert due("2026-09-30T23:00", TermUnit.HOURS, 24) == chengdu("2026-10-01T23:00")


@pytest.mark.parametrize(
    ("start", "days", "provisional"),
    [
        ("2026-11-23T10:00", 5, False),
        ("2026-12-30T10:00", 1, False),
        ("2026-12-30T10:00", 2, True),
        ("2027-03-01T10:00", 1, True),
        ("2031-03-01T10:00", 300, True),  # no data at all: weekends only, said so
    ],
)
def test_years_without_official_holidays_are_flagged(start: str, days: int, provisional: bool) -> None:
    assert CALENDAR.due(chengdu(start), Term(TermUnit.WORKING_DAYS, days)).provisional is provisional


@given(instants, st.integers(1, 40), st.integers(1, 40))
def test_days_add_up(start: datetime, a: int, b: int) -> None:
    first = CALENDAR.due(start, Term(TermUnit.WORKING_DAYS, a)).at
    assert (
        CALENDAR.due(first, Term(TermUnit.WORKING_DAYS, b)).at
        == CALENDAR.due(start, Term(TermUnit.WORKING_DAYS, a + b)).at
    )


@given(instants, st.integers(1, 40), st.integers(1, 40))
def test_hours_add_up(start: datetime, a: int, b: int) -> None:
    first = CALENDAR.due(start, Term(TermUnit.WORKING_HOURS, a)).at
    assert (
        CALENDAR.due(first, Term(TermUnit.WORKING_HOURS, b)).at
        == CALENDAR.due(start, Term(TermUnit.WORKING_HOURS, a + b)).at
    )


terms = st.one_of(
    st.just(Term(TermUnit.SAME_DAY)),
    st.builds(
        Term,
        st.sampled_from([TermUnit.WORKING_DAYS, TermUnit.WORKING_HOURS, TermUnit.HOURS]),
        st.integers(1, 60),
    ),
)


@given(instants, st.timedeltas(timedelta(0), timedelta(days=20)), terms)
def test_later_filing_is_never_due_earlier(start: datetime, later: timedelta, term: Term) -> None:
    assert CALENDAR.due(start, term).at <= CALENDAR.due(start + later, term).at


@given(instants, terms)
def test_a_deadline_lies_ahead_and_on_a_working_day(start: datetime, term: Term) -> None:
    at = CALENDAR.due(start, term).at
    assert at.tzinfo is UTC
    assert at > start or term.unit is TermUnit.SAME_DAY
    if term.unit is not TermUnit.HOURS:
        assert CALENDAR.is_workday(at.astimezone(SHANGHAI).date())
    if term.unit is TermUnit.WORKING_HOURS:
        clock = at.astimezone(SHANGHAI).time()
        assert any(opens < clock <= closes for opens, closes in CALENDAR.office.spans)


def test_2026_has_the_announced_number_of_days_off() -> None:
    assert len([day for day in CALENDAR.holidays if day.year == 2026]) == 33
    assert len([day for day in CALENDAR.makeups if day.year == 2026]) == 6
    assert all(day.weekday() >= 5 for day in CALENDAR.makeups)
    assert CALENDAR.official == {2026}


def test_every_problem_of_the_data_is_named(tmp_path: Path) -> None:
    (tmp_path / "calendar-2026.tsv").write_text(
        "2026-13-01\tholiday\n2027-01-01\tholiday\n2026-01-01\tday off\n"
        "2026-01-02\tholiday\n2026-01-02\tworkday\n\nnonsense\n"
    )
    (tmp_path / "calendar-2027.tsv").write_bytes(b"\xff")
    (tmp_path / "calendar-next.tsv").write_text("# status: official\n")
    with pytest.raises(BadCalendar) as caught:
        WorkCalendar.load(tmp_path)
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [
        "calendar-2026.tsv:1",
        "calendar-2026.tsv:2",
        "calendar-2026.tsv:3",
        "calendar-2026.tsv:5",
        "calendar-2026.tsv:7",
        "calendar-2026.tsv",
        "calendar-2027.tsv",
        "calendar-next.tsv",
    ]


@pytest.mark.parametrize(("unit", "amount"), [("same_day", 1), ("hours", 0), ("working_days", 99_999)])
def test_terms_out_of_range(unit: str, amount: int) -> None:
    with pytest.raises(ValueError):
        Term(TermUnit(unit), amount)


def test_office_hours_out_of_order() -> None:
    with pytest.raises(ValueError):
        OfficeHours(spans=((time(9), time(12)), (time(11), time(17))))
    with pytest.raises(ValueError):
        OfficeHours(spans=())
    with pytest.raises(ValueError):
        OfficeHours(day_ends=time(17), cutoff=time(18))


@pytest.mark.parametrize("text", ["", "9:00", "24:00", "12:60", "12:00:60", "noon"])
def test_not_a_clock(text: str) -> None:
    with pytest.raises(ValueError):
        parse_clock(text)
