"""Periods, their divisions, and what they are compared with."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.stats.days import begins, day_number, day_of, slot
from hotline.stats.periods import TIMES, By, Period, before, key_of, keys, period, span_of, year_before

pytestmark = pytest.mark.unit

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@given(st.integers(22 * 365 * 86_400, 130 * 365 * 86_400))
def test_an_instant_lies_in_its_day_and_hour(second: int) -> None:
    at = datetime.fromtimestamp(second, UTC)
    day, hour = slot(at)
    local = at + timedelta(hours=8)
    assert (day_of(day), hour) == (local.date(), local.hour)
    assert begins(day) <= at < begins(day + 1)


@given(DAYS, st.integers(1, 400), st.sampled_from([by for by in TIMES if by is not By.HOUR]))
def test_divisions_cover_the_period_without_gap_or_overlap(first: date, days: int, by: By) -> None:
    one = Period(first, first + timedelta(days=days))
    found = keys(by, one)
    assert found == sorted(set(found))
    spans = [span_of(by, key, one) for key in found]
    if by is By.HOUR_OF_DAY:
        assert {span.hour for span in spans} == set(range(24))
        assert {(span.first, span.end) for span in spans} == {one.bounds}
        return
    assert (spans[0].first, spans[-1].end) == one.bounds
    assert all(here.end == there.first for here, there in pairwise(spans))
    for key, span in zip(found, spans, strict=True):
        assert {key_of(by, day) for day in range(span.first, span.end)} == {key}


def test_hours_follow_each_other() -> None:
    one = Period(date(2026, 3, 1), date(2026, 3, 3))
    found = keys(By.HOUR, one)
    assert (len(found), found[0], found[-1]) == (48, "2026-03-01T00", "2026-03-02T23")
    span = span_of(By.HOUR, "2026-03-02T07", one)
    assert (span.first, span.end - span.first, span.hour) == (day_number(date(2026, 3, 2)), 1, 7)


@pytest.mark.parametrize(
    ("since", "until", "back", "year"),
    [
        ("2026-03-01", "2026-04-01", ("2026-02-01", "2026-03-01"), ("2025-03-01", "2025-04-01")),
        ("2026-01-01", "2026-04-01", ("2025-10-01", "2026-01-01"), ("2025-01-01", "2025-04-01")),
        ("2026-03-02", "2026-03-09", ("2026-02-23", "2026-03-02"), ("2025-03-02", "2025-03-09")),
        ("2028-02-29", "2028-03-01", ("2028-02-28", "2028-02-29"), ("2027-03-01", "2027-03-01")),
    ],
)
def test_what_a_period_is_compared_with(
    since: str, until: str, back: tuple[str, str], year: tuple[str, str]
) -> None:
    one = Period(date.fromisoformat(since), date.fromisoformat(until))
    for made, expected in ((before(one), back), (year_before(one), year)):
        assert (made.since.isoformat(), made.until.isoformat()) == expected


@pytest.mark.parametrize(
    ("by", "key"),
    [
        (By.DAY, "2026-02-30"),
        (By.DAY, ""),
        (By.HOUR, "2026-03-01T24"),
        (By.HOUR, "2026-03-01"),
        (By.WEEK, "2026-W54"),
        (By.MONTH, "2026-13"),
        (By.QUARTER, "2026-Q5"),
        (By.HOUR_OF_DAY, "-1"),
        (By.MATTER, "x"),
    ],
)
def test_names_of_divisions_that_are_none(by: By, key: str) -> None:
    with pytest.raises(ConfigError):
        span_of(by, key, Period(date(2026, 1, 1), date(2027, 1, 1)))


def test_periods_have_bounds() -> None:
    assert period(date(2026, 3, 1), date(2026, 3, 1)).days == 1
    for first, last, by in (
        (date(2026, 3, 2), date(2026, 3, 1), None),
        (date(2000, 1, 1), date(2026, 3, 1), None),
        (date(2026, 1, 1), date(2026, 6, 1), By.HOUR),
    ):
        with pytest.raises(ConfigError):
            period(first, last, by)
