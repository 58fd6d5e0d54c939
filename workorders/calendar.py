"""Working days and hours in Asia/Shanghai: from an instant and a term to a deadline."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from workorders.errors import WorkOrderError

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR_FILES = "calendar-*.tsv"
MAX_AMOUNT = 2_000
"""Longest term, in its own unit: keeps a slip of the data from reaching past year 9999."""
_ONE_DAY = timedelta(days=1)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")


class BadCalendar(WorkOrderError):
    """The calendar data are wrong. `problems` lists each."""

    code = "order.bad_calendar"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class TermUnit(StrEnum):
    """How a term is counted."""

    SAME_DAY = "same_day"
    """To the end of the day of receipt (after the cut-off, or on a day off: of the next working day)."""
    WORKING_DAYS = "working_days"
    """Counted from the next working day, to the end of the last."""
    WORKING_HOURS = "working_hours"
    """Office hours only."""
    HOURS = "hours"
    """By the clock, nights and holidays too."""


@dataclass(frozen=True, slots=True)
class Term:
    """A length of time allowed for something."""

    unit: TermUnit
    amount: int = 0
    """Days or hours; 0 for `same_day`."""

    def __post_init__(self) -> None:
        if self.unit is TermUnit.SAME_DAY and self.amount:
            raise ValueError("same_day takes no amount")
        if self.unit is not TermUnit.SAME_DAY and not 1 <= self.amount <= MAX_AMOUNT:
            raise ValueError(f"the amount must be 1 to {MAX_AMOUNT}")


@dataclass(frozen=True, slots=True)
class Deadline:
    """When something is due."""

    at: datetime
    """UTC."""
    provisional: bool
    """It was counted over a year whose holidays are not official yet: count again when they are."""


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """When offices work, Asia/Shanghai."""

    spans: tuple[tuple[time, time], ...] = ((time(9), time(12)), (time(13, 30), time(17, 30)))
    """Open and close, in order, not overlapping."""
    day_ends: time = time(23, 59, 59)
    """The instant a deadline in days falls on: 24:00 less a second, or close of business."""
    cutoff: time = time(17, 30)
    """What arrives later counts as received the next working day (same-day terms)."""

    def __post_init__(self) -> None:
        edges = [edge for span in self.spans for edge in span]
        if not edges or any(a >= b for a, b in pairwise(edges)):
            raise ValueError("office hours must be spans in order")
        if self.day_ends < self.cutoff:
            raise ValueError("the day ends before its cut-off")


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Which days are worked. Weekends are off unless made up; years without data count weekends only."""

    holidays: frozenset[date]
    makeups: frozenset[date]
    """Saturdays and Sundays worked (make-up days)."""
    official: frozenset[int]
    """Years whose holidays the State Council has announced."""
    office: OfficeHours = OfficeHours()

    @classmethod
    def load(cls, flows: Path, office: OfficeHours | None = None) -> "WorkCalendar":
        """Read `calendar-<year>.tsv` files of the flow folder. Raises `BadCalendar` with every problem."""
        holidays: set[date] = set()
        makeups: set[date] = set()
        official: set[int] = set()
        problems: list[str] = []
        paths = sorted(flows.glob(CALENDAR_FILES))
        if not paths:
            problems.append(f"{CALENDAR_FILES}: there is no calendar")
        for path in paths:
            year = _Year(path.name)
            try:
                year.read(path.read_text(encoding="utf-8-sig"))
            except (OSError, UnicodeDecodeError):
                problems.append(f"{path.name}: cannot be read as UTF-8 text")
                continue
            problems += year.problems
            holidays |= year.holidays
            makeups |= year.makeups
            if year.official:
                official.add(year.year)
        if problems:
            raise BadCalendar(problems)
        return cls(frozenset(holidays), frozenset(makeups), frozenset(official), office or OfficeHours())

    def with_year(self, name: str, text: str) -> "WorkCalendar":
        """The calendar with one year as a file `calendar-<year>.tsv` of that name and text has it.

        Raises `BadCalendar`.
        """
        year = _Year(name)
        year.read(text)
        if year.problems:
            raise BadCalendar(year.problems)
        others = frozenset(each for each in self.official if each != year.year)
        return WorkCalendar(
            frozenset(day for day in self.holidays if day.year != year.year) | year.holidays,
            frozenset(day for day in self.makeups if day.year != year.year) | year.makeups,
            others | {year.year} if year.official else others,
            self.office,
        )

    def is_workday(self, day: date) -> bool:
        """Whether offices work that day."""
        if day in self.makeups:
            return True
        return day.weekday() < 5 and day not in self.holidays

    def next_workday(self, day: date) -> date:
        """The first working day after `day`."""
        day += _ONE_DAY
        while not self.is_workday(day):
            day += _ONE_DAY
        return day

    def previous_workday(self, day: date) -> date:
        """The last working day before `day`."""
        day -= _ONE_DAY
        while not self.is_workday(day):
            day -= _ONE_DAY
        return day

    def later(self, at: datetime, days: int) -> datetime:
        """The same time of day, so many working days later (negative: earlier); UTC."""
        local = at.astimezone(SHANGHAI)
        day = local.date()
        for _ in range(abs(days)):
            day = self.next_workday(day) if days > 0 else self.previous_workday(day)
        return datetime.combine(day, local.timetz()).astimezone(UTC)

    def workdays_begun(self, since: datetime, until: datetime) -> int:
        """Working days that begin after `since` and not after `until`: what a pause adds to a term."""
        day, last = since.astimezone(SHANGHAI).date(), until.astimezone(SHANGHAI).date()
        return sum(self.is_workday(day + _ONE_DAY * ahead) for ahead in range(1, (last - day).days + 1))

    def crosses_provisional(self, start: datetime, end: datetime) -> bool:
        """Whether working days were counted over a year whose holidays are not official yet."""
        years = range(start.astimezone(SHANGHAI).year, end.astimezone(SHANGHAI).year + 1)
        return any(year not in self.official for year in years)

    def due(self, start: datetime, term: Term) -> Deadline:
        """When a term that starts at `start` (aware) ends."""
        local = start.astimezone(SHANGHAI)
        match term.unit:
            case TermUnit.SAME_DAY:
                end = self._end_of(self._received(local))
            case TermUnit.WORKING_DAYS:
                day = local.date()
                for _ in range(term.amount):
                    day = self.next_workday(day)
                end = self._end_of(day)
            case TermUnit.WORKING_HOURS:
                end = self._after_hours(local, timedelta(hours=term.amount))
            case TermUnit.HOURS:
                end = local + timedelta(hours=term.amount)
        return Deadline(end.astimezone(UTC), self._provisional(local, end, term))

    def _provisional(self, start: datetime, end: datetime, term: Term) -> bool:
        if term.unit is TermUnit.HOURS:
            return False
        return self.crosses_provisional(start, end)

    def _received(self, local: datetime) -> date:
        day = local.date()
        if self.is_workday(day) and local.time() <= self.office.cutoff:
            return day
        return self.next_workday(day)

    def _end_of(self, day: date) -> datetime:
        return datetime.combine(day, self.office.day_ends, SHANGHAI)

    def _after_hours(self, local: datetime, left: timedelta) -> datetime:
        day = local.date() if self.is_workday(local.date()) else self.next_workday(local.date())
        while True:
            for opens, closes in self.office.spans:
                begin = max(datetime.combine(day, opens, SHANGHAI), local)
                end = datetime.combine(day, closes, SHANGHAI)
                if begin >= end:
                    continue
                if end - begin >= left:
                    return begin + left
                left -= end - begin
            day = self.next_workday(day)


class _Year:
    """Reads one `calendar-<year>.tsv`: a `# status:` line, then date, kind (holiday or workday), name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.year = 0
        self.official = False
        self.holidays: set[date] = set()
        self.makeups: set[date] = set()
        self.problems: list[str] = []

    def read(self, text: str) -> None:
        stem = self.name.removeprefix("calendar-").removesuffix(".tsv")
        if not (len(stem) == 4 and stem.isascii() and stem.isdigit()):
            self.problems.append(f"{self.name}: the file name must be calendar-YYYY.tsv")
            return
        self.year = int(stem)
        status = ""
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("# status:"):
                status = line.removeprefix("# status:").strip()
            elif line.strip() and not line.startswith("#"):
                self._row(number, line.split("\t"))
        if status not in ("official", "provisional"):
            self.problems.append(f"{self.name}: needs a line '# status: official' or '# status: provisional'")
        self.official = status == "official"

    def _row(self, number: int, cells: list[str]) -> None:
        where = f"{self.name}:{number}"
        try:
            day = date.fromisoformat(cells[0].strip())
        except ValueError:
            self.problems.append(f"{where}: not a date of the form YYYY-MM-DD")
            return
        kind = cells[1].strip() if len(cells) > 1 else ""
        if day.year != self.year:
            self.problems.append(f"{where}: {day} is not in {self.year}")
        elif day in self.holidays or day in self.makeups:
            self.problems.append(f"{where}: {day} stands there twice")
        elif kind == "holiday":
            self.holidays.add(day)
        elif kind == "workday":
            self.makeups.add(day)
        else:
            self.problems.append(f"{where}: the kind must be holiday or workday")


def parse_clock(text: str) -> time:
    """`HH:MM` or `HH:MM:SS`. Raises `ValueError`."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError("not a time of the form HH:MM")
    hour, minute, second = match.groups()
    return time(int(hour), int(minute), int(second or 0))
