"""What a figure is: its name, its formula, and in SQL which rows of the fact tables it counts."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Table, and_

from hotline.store.stat_tables import agent_hours, call_facts, order_facts


class Subject(StrEnum):
    """What is counted; each has a table of facts with one row of it."""

    CALLS = "calls"
    ORDERS = "orders"
    HOURS = "hours"
    """Agents' time: a row an agent and hour."""


TABLES: dict[Subject, Table] = {
    Subject.CALLS: call_facts,
    Subject.ORDERS: order_facts,
    Subject.HOURS: agent_hours,
}


class Unit(StrEnum):
    """How a figure is read."""

    COUNT = "count"
    PERCENT = "percent"
    SECONDS = "seconds"
    HOURS = "hours"
    SCORE = "score"


class How(StrEnum):
    """How a measure comes out of its rows."""

    COUNT = "count"
    SUM = "sum"
    PEAK = "peak"


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """Rows of one kind: counted, summed up, or the highest of them. The same object makes figure and list."""

    key: str
    subject: Subject
    english: str
    when: ColumnElement[bool]
    """Which rows."""
    moment: str = ""
    """By which time rows belong to a period: prefix of the columns `day` and `hour`."""
    value: ColumnElement[int] | None = None
    """What is summed up; None: rows are counted."""
    how: How = How.COUNT

    @property
    def day(self) -> ColumnElement[int]:
        """Column of the day a row belongs to."""
        return TABLES[self.subject].c[f"{self.moment}day"]

    @property
    def hour(self) -> ColumnElement[int]:
        """Column of its hour."""
        return TABLES[self.subject].c[f"{self.moment}hour"]


@dataclass(frozen=True, slots=True, eq=False)
class Kpi:
    """One figure."""

    key: str
    family: str
    english: str
    """The formula in English; the Chinese one is data (kpi.zh-CN.json)."""
    unit: Unit
    numerator: Measure
    denominator: Measure | None = None
    rows: Measure | None = None
    """Where neither part is a count of rows: the rows it is made of."""
    places: int = 0
    """Decimals, rounded half up."""
    source: str = ""
    """Code of the standard or practice it comes from; words are data."""
    rising: int = 0
    """1: more is better, -1: less is, 0: neither."""

    @property
    def subject(self) -> Subject:
        """What it counts."""
        return self.numerator.subject

    @property
    def parts(self) -> dict[str, Measure]:
        """Name → measure, of what it is computed from."""
        named = {"numerator": self.numerator, "denominator": self.denominator, "rows": self.rows}
        return {name: measure for name, measure in named.items() if measure is not None}

    @property
    def lists(self) -> dict[str, Measure]:
        """The parts that are counts of rows: each opens a list of exactly that length."""
        return {name: measure for name, measure in self.parts.items() if measure.how is How.COUNT}


def count(key: str, subject: Subject, english: str, when: ColumnElement[bool], moment: str = "") -> Measure:
    """A measure that counts rows."""
    return Measure(key, subject, english, when, moment)


def total(of: Measure, key: str, english: str, value: ColumnElement[int]) -> Measure:
    """The sum of something over the rows another measure counts."""
    return Measure(key, of.subject, english, of.when, of.moment, value, How.SUM)


def peak(of: Measure, key: str, english: str, value: ColumnElement[int]) -> Measure:
    """The highest of something over the rows another measure counts."""
    return Measure(key, of.subject, english, of.when, of.moment, value, How.PEAK)


def among(of: Measure, key: str, english: str, when: ColumnElement[bool]) -> Measure:
    """Those of the rows another measure counts for which something holds."""
    return Measure(key, of.subject, english, and_(of.when, when), of.moment)


def share(key: str, family: str, parts: tuple[Measure, Measure], english: str, **more: str | int) -> Kpi:
    """A part of a whole, in per cent with two decimals."""
    return Kpi(
        key, family, english, Unit.PERCENT, *parts, places=2,
        source=str(more.get("source", "")), rising=int(more.get("rising", 0)),
    )  # fmt: skip


def mean(key: str, family: str, parts: tuple[Measure, Measure], english: str, **more: str | int) -> Kpi:
    """A mean of milliseconds, in seconds with one decimal."""
    return Kpi(
        key, family, english, Unit.SECONDS, *parts, places=1,
        source=str(more.get("source", "")), rising=int(more.get("rising", 0)),
    )  # fmt: skip


def number(key: str, family: str, measure: Measure, english: str, source: str = "") -> Kpi:
    """A count."""
    return Kpi(key, family, english, Unit.COUNT, measure, source=source)
