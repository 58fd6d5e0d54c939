"""Periods and what they are divided into; the period before, and the same one a year ago (pure)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from hotline.errors import ConfigError
from hotline.stats.days import day_number, day_of

MAX_DAYS = 3660
"""Ten years."""
MAX_HOUR_DAYS = 93
"""By the hour no longer period is shown."""


class By(StrEnum):
    """What a row of a report stands for."""

    HOUR = "hour"
    HOUR_OF_DAY = "hour_of_day"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    CHANNEL = "channel"
    QUEUE = "queue"
    AGENT = "agent"
    TEAM = "team"
    UNIT = "unit"
    PLACE = "place"
    COUNTY = "county"
    MATTER = "matter"
    SERVICE = "service"


TIMES = (By.HOUR, By.HOUR_OF_DAY, By.DAY, By.WEEK, By.MONTH, By.QUARTER)
"""Groupings by time; every division of the period has its row, also an empty one."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days of Asia/Shanghai, half open."""

    since: date
    until: date
    """The day after the last."""

    @property
    def days(self) -> int:
        """How many."""
        return (self.until - self.since).days

    @property
    def bounds(self) -> tuple[int, int]:
        """Day numbers: the first, and the one after the last."""
        return day_number(self.since), day_number(self.until)


def period(first: date, last: date, by: By | None = None) -> Period:
    """From the first to the last day, both included. Raises `ConfigError` for one that cannot be shown."""
    made = Period(first, last + timedelta(days=1))
    most = MAX_HOUR_DAYS if by is By.HOUR else MAX_DAYS
    if not 1 <= made.days <= most:
        raise ConfigError([f"period: 1 to {most} days"])
    return made


def before(one: Period) -> Period:
    """The period of the same length right before; of whole months, as many whole months."""
    if one.since.day == 1 and one.until.day == 1:
        months = (one.until.year - one.since.year) * 12 + one.until.month - one.since.month
        return Period(_months_later(one.since, -months), one.since)
    return Period(one.since - timedelta(days=one.days), one.since)


def year_before(one: Period) -> Period:
    """The same days a year earlier; 29 February becomes 1 March."""
    return Period(_year_earlier(one.since), _year_earlier(one.until))


def key_of(by: By, day: int, hour: int | None = None) -> str:
    """Name of the division in which that day, and hour, lie; names of one grouping sort by time."""
    at = day_of(day)
    match by:
        case By.HOUR:
            return f"{at.isoformat()}T{hour:02}"
        case By.HOUR_OF_DAY:
            return f"{hour:02}"
        case By.WEEK:
            year, week, _ = at.isocalendar()
            return f"{year}-W{week:02}"
        case By.MONTH:
            return f"{at.year:04}-{at.month:02}"
        case By.QUARTER:
            return f"{at.year:04}-Q{(at.month + 2) // 3}"
        case _:
            return at.isoformat()


def keys(by: By, one: Period) -> list[str]:
    """Every division of the period, in order."""
    first, end = one.bounds
    if by is By.HOUR_OF_DAY:
        return [f"{hour:02}" for hour in range(24)]
    if by is By.HOUR:
        return [key_of(by, day, hour) for day in range(first, end) for hour in range(24)]
    return list(dict.fromkeys(key_of(by, day) for day in range(first, end)))


@dataclass(frozen=True, slots=True)
class Span:
    """What a division covers: day numbers, half open, and one hour of them, or all."""

    first: int
    end: int
    hour: int | None = None


def span_of(by: By, key: str, one: Period) -> Span:
    """The part of the period that a division covers. Raises `ConfigError` for a name that is none."""
    first, end = one.bounds
    try:
        begins, until, hour = _READ[by](key)
    except (KeyError, ValueError, OverflowError):
        raise ConfigError([f"key: no such {by.value}"]) from None
    low = first if begins is None else max(first, day_number(begins))
    high = end if until is None else min(end, day_number(until))
    return Span(low, max(low, high), hour)


_Read = tuple[date | None, date | None, int | None]


def _read_hour(key: str) -> _Read:
    text, mark, hour = key.partition("T")
    at = date.fromisoformat(text)
    if not mark:
        raise ValueError
    return at, at + timedelta(days=1), _hour(hour)


def _read_week(key: str) -> _Read:
    year, _, week = key.partition("-W")
    monday = date.fromisocalendar(int(year), int(week), 1)
    return monday, monday + timedelta(days=7), None


def _read_month(key: str) -> _Read:
    year, _, month = key.partition("-")
    first = date(int(year), int(month), 1)
    return first, _months_later(first, 1), None


def _read_quarter(key: str) -> _Read:
    year, _, quarter = key.partition("-Q")
    first = date(int(year), int(quarter) * 3 - 2, 1)
    return first, _months_later(first, 3), None


def _read_day(key: str) -> _Read:
    at = date.fromisoformat(key)
    return at, at + timedelta(days=1), None


_READ: dict[By, Callable[[str], _Read]] = {
    By.HOUR: _read_hour,
    By.HOUR_OF_DAY: lambda key: (None, None, _hour(key)),
    By.DAY: _read_day,
    By.WEEK: _read_week,
    By.MONTH: _read_month,
    By.QUARTER: _read_quarter,
}


def _hour(text: str) -> int:
    hour = int(text)
    if not 0 <= hour < 24:
        raise ValueError
    return hour


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, 1)


def _year_earlier(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return date(day.year - 1, 3, 1)
