"""The past calls that a forecast's figures rest on: one condition, for the figures and for their lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import ColumnElement, Engine, Integer, and_, cast, extract

from hotline.stats.call_fold import Fate
from hotline.stats.days import day_number
from hotline.stats.kpi.model import Subject
from hotline.stats.lists import Page, page_of
from hotline.store.engine import reading
from hotline.store.stat_tables import call_facts

_f = call_facts.c
quarter_number: ColumnElement[int] = _f.hour * 4 + cast(extract("minute", _f.started), Integer) // 15
"""Of an hour, in which the call came: 0 is 00:00–00:15 in Shanghai."""


class RestsOn(StrEnum):
    """Which of the calls that asked for a person."""

    ALL = "all"
    """Arrivals are counted from."""
    HANDLED = "handled"
    """Answered: the handling time is their mean."""
    WAITED = "waited"
    """Known to have waited: patience is the sum of their waiting, over those who left."""
    LEFT = "left"
    """Of those, who gave up."""


@dataclass(frozen=True, slots=True)
class Past:
    """A figure of a forecast, by the days it rests on."""

    days: tuple[date, ...]
    of: RestsOn = RestsOn.ALL
    quarter: int | None = None
    """Only those of that quarter of an hour, as `quarter_number`."""
    on: date | None = None
    """Only those of that one of the days."""

    @property
    def condition(self) -> ColumnElement[bool]:
        """Of a call's facts."""
        days = [day for day in self.days if self.on is None or day == self.on]
        found = asked_for_a_person([day_number(day) for day in days], self.of)
        return found if self.quarter is None else and_(found, quarter_number == self.quarter)


def asked_for_a_person(days: Sequence[int], of: RestsOn = RestsOn.ALL) -> ColumnElement[bool]:
    """Calls of these days that asked for a person, or some of them."""
    whole = and_(_f.day.in_(days), _f.queue != "", _f.test == 0)
    match of:
        case RestsOn.ALL:
            return whole
        case RestsOn.HANDLED:
            return and_(whole, _f.fate == Fate.ANSWERED.value)
        case RestsOn.WAITED:
            return and_(whole, _f.wait_ms.is_not(None))
        case RestsOn.LEFT:
            return and_(whole, _f.wait_ms.is_not(None), _f.fate == Fate.ABANDONED.value)


def past_calls(engine: Engine, past: Past, cursor: str = "", limit: int = 50) -> Page:
    """Exactly these calls, oldest first, a page at a time. Blocks; raises `StoreError`, and `ConfigError` for
    a cursor that is none."""
    with reading(engine) as connection:
        return page_of(connection, Subject.CALLS, past.condition, cursor, limit)
