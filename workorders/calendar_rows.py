"""Calendars of years that were imported: they stand over the files of the flow folder, and stay."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select

from workorders.calendar import WorkCalendar
from workorders.case_tables import calendar_years
from workorders.errors import ForbiddenMove
from workorders.storage import translated

OFFICIAL, PROVISIONAL = "official", "provisional"
_c = calendar_years.c


@dataclass(frozen=True, slots=True)
class ImportedYear:
    """One year as it was imported."""

    year: int
    status: str
    text: str
    """Of the file."""
    at: datetime
    by: str


class CalendarRows:
    """Blocking access. Raises `StorageFailed`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[ImportedYear]:
        """By year."""
        reader = self._engine.execution_options(read_only=True)
        with translated(), reader.connect() as connection:
            return [
                ImportedYear(row.year, row.status, row.days, row.imported_at, row.imported_by)
                for row in connection.execute(select(calendar_years).order_by(_c.year))
            ]

    def over(self, files: WorkCalendar) -> WorkCalendar:
        """The calendar in force: a provisional year stands over no official file. Raises `BadCalendar`."""
        calendar = files
        for each in self.all():
            if each.status == OFFICIAL or each.year not in files.official:
                calendar = calendar.with_year(file_name(each.year), each.text)
        return calendar

    def put(self, year: ImportedYear) -> None:
        """Keep a year for what was there. Raises `ForbiddenMove` for a provisional over an official one."""
        with translated(), self._engine.begin() as connection:
            there = connection.execute(select(_c.status).where(_c.year == year.year)).scalar_one_or_none()
            if there == OFFICIAL and year.status != OFFICIAL:
                raise ForbiddenMove(f"the calendar of {year.year} is official already")
            connection.execute(delete(calendar_years).where(_c.year == year.year))
            values = {
                "year": year.year,
                "status": year.status,
                "days": year.text,
                "imported_at": year.at,
                "imported_by": year.by,
            }
            connection.execute(insert(calendar_years).values(values))


def file_name(year: int) -> str:
    """What a file of that year is called."""
    return f"calendar-{year}.tsv"
