"""Months and days of the Chinese calendar in days of the common one, from a table (pure)."""

from datetime import date, timedelta

from hotline.intent.wording import LunarYear

Days = tuple[date, date]
"""First and last day."""


def month_of(table: dict[int, LunarYear], year: int, month: int) -> Days | None:
    """A month of a year of the Chinese calendar; None when the table does not reach so far.

    Of a month that comes twice in a leap year, the first.
    """
    row = table.get(year)
    if row is None or not 1 <= month <= 12:
        return None
    index = month - 1 + (0 < row.leap < month)
    first = row.first + timedelta(days=sum(row.days[:index]))
    return first, first + timedelta(days=row.days[index] - 1)


def day_of(table: dict[int, LunarYear], year: int, month: int, day: int) -> date | None:
    """A day of the Chinese calendar; None when the month has no such day or is not known."""
    days = month_of(table, year, month)
    if days is None or not 1 <= day <= (days[1] - days[0]).days + 1:
        return None
    return days[0] + timedelta(days=day - 1)


def latest(table: dict[int, LunarYear], now: date, month: int, day: int = 1) -> int | None:
    """The latest year whose month, or day of it, has come by now."""
    begun = [year for year in table if (at := day_of(table, year, month, day)) is not None and at <= now]
    return max(begun, default=None)
