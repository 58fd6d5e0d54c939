"""Duty hours over midnight and licences on their last day, by the clock of Chengdu."""

from datetime import UTC, date, datetime, timedelta

import pytest

from hotline.acd.duty import hindrance
from hotline.acd.model import Agent, Shift

pytestmark = pytest.mark.unit

WORKDAYS = frozenset(range(5))
MONDAY = datetime(2026, 3, 2, tzinfo=UTC) - timedelta(hours=8)  # its midnight in Chengdu


def at(day: int, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return MONDAY + timedelta(days=day, hours=int(hours), minutes=int(minutes))


@pytest.mark.parametrize(
    ("day", "clock", "why"),
    [
        (0, "08:59", "off_duty"),
        (0, "09:00", None),
        (0, "17:29", None),
        (0, "17:30", "off_duty"),
        (5, "10:00", "off_duty"),
    ],
)
def test_a_shift_begins_with_its_first_minute_and_ends_before_its_last(
    day: int, clock: str, why: str | None
) -> None:
    agent = Agent("li", "Li", frozenset(), shifts=(Shift(WORKDAYS, 9 * 60, 17 * 60 + 30),))
    assert hindrance(agent, at(day, clock)) == why


@pytest.mark.parametrize(
    ("day", "clock", "why"),
    [
        (4, "21:59", "off_duty"),
        (4, "22:00", None),
        (5, "05:59", None),  # the night that began on Friday
        (5, "06:00", "off_duty"),
        (5, "23:00", "off_duty"),
        (0, "03:00", "off_duty"),  # Sunday's night is nobody's
    ],
)
def test_a_night_shift_belongs_to_the_day_it_began_on(day: int, clock: str, why: str | None) -> None:
    agent = Agent("li", "Li", frozenset(), shifts=(Shift(WORKDAYS, 22 * 60, 6 * 60),))
    assert hindrance(agent, at(day, clock)) == why


def test_a_shift_of_a_whole_day_and_none_at_all() -> None:
    always = Agent("li", "Li", frozenset(), shifts=(Shift(frozenset(range(7)), 0, 24 * 60),))
    same = Agent("li", "Li", frozenset(), shifts=(Shift(frozenset({0}), 480, 480),))
    assert hindrance(always, at(6, "23:59")) is None
    assert hindrance(same, at(1, "07:59")) is None
    assert hindrance(same, at(1, "08:00")) == "off_duty"
    assert hindrance(Agent("li", "Li", frozenset()), at(6, "03:00")) is None


def test_a_licence_counts_through_its_last_day_in_chengdu() -> None:
    lawyer = Agent("li", "Li", frozenset(), licence="15101", licence_until=date(2026, 3, 3))
    assert hindrance(lawyer, at(1, "23:59")) is None
    assert hindrance(lawyer, at(2, "00:00")) == "licence_expired"
    clerk = Agent("wu", "Wu", frozenset(), licence_until=date(2020, 1, 1))
    assert hindrance(clerk, at(2, "00:00")) is None
