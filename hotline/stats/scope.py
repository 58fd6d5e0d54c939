"""Which rows a report looks at, and what they are grouped by, as conditions on the fact tables."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, and_, func, or_, true

from hotline.errors import ConfigError
from hotline.stats.kpi.model import TABLES, Measure, Subject
from hotline.stats.periods import TIMES, By, Period, span_of

Teams = Mapping[str, str]
"""Agent → team, as the roster has it now."""

_HAS: dict[Subject, frozenset[str]] = {
    Subject.CALLS: frozenset({"channel", "queue", "agent", "team", "place", "matter", "service"}),
    Subject.ORDERS: frozenset({"channel", "agent", "team", "unit", "place", "matter", "service"}),
    Subject.HOURS: frozenset({"agent", "team"}),
}
"""What each kind of fact can be told apart by, besides time."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Only rows of which everything given holds."""

    channel: str = ""
    queue: str = ""
    agent: str = ""
    team: str = ""
    unit: str = ""
    place: str = ""
    """A code; one that ends in zeros stands for everything below it."""
    matter: str = ""
    """A code, or the part before a dot, which stands for all of its kind."""
    service: str = ""
    """The same."""

    @property
    def given(self) -> dict[str, str]:
        """Name → value of those that are."""
        named = {each.name: str(getattr(self, each.name)) for each in fields(self)}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is about."""

    by: By
    period: Period
    filters: Filters = Filters()


def applies(subject: Subject, scope: Scope) -> bool:
    """Whether that kind of fact can be grouped and filtered so."""
    known = _HAS[subject]
    wanted = set(scope.filters.given)
    if scope.by not in TIMES:
        wanted.add("place" if scope.by is By.COUNTY else scope.by.value)
    return wanted <= known


def condition(measure: Measure, scope: Scope, teams: Teams) -> ColumnElement[bool]:
    """The rows of the measure that belong to the period and pass the filters."""
    first, end = scope.period.bounds
    inside = [measure.when, measure.day >= first, measure.day < end]
    return and_(*inside, filtered(measure.subject, scope.filters, teams))


def filtered(subject: Subject, filters: Filters, teams: Teams) -> ColumnElement[bool]:
    """What the filters ask of a fact."""
    return and_(true(), *(_one(subject, By(name), value, teams) for name, value in filters.given.items()))


def row_condition(measure: Measure, scope: Scope, key: str | None, teams: Teams) -> ColumnElement[bool]:
    """The same for one row of the report; None: for all. Raises `ConfigError` for a key that is none."""
    whole = condition(measure, scope, teams)
    if key is None:
        return whole
    if scope.by in TIMES:
        span = span_of(scope.by, key, scope.period)
        part = [measure.day >= span.first, measure.day < span.end]
        if span.hour is not None:
            part.append(measure.hour == span.hour)
        return and_(whole, *part)
    return and_(whole, _exactly(measure.subject, scope.by, key, teams))


def _one(subject: Subject, by: By, value: str, teams: Teams) -> ColumnElement[bool]:
    return code_condition(by, value, _column(subject, by), teams)


def code_condition(by: By, value: str, code: ColumnElement[str], teams: Teams) -> ColumnElement[bool]:
    """What a filter asks of the column that holds the code."""
    match by:
        case By.MATTER | By.SERVICE:
            return or_(code == value, code.startswith(f"{value}.", autoescape=True))
        case By.PLACE:
            stem = value.rstrip("0")
            stem += "0" * (len(stem) % 2)
            return code.startswith(stem, autoescape=True) if stem else code == value
    return _exact(by, value, code, teams)


def _exactly(subject: Subject, by: By, key: str, teams: Teams) -> ColumnElement[bool]:
    column = _column(subject, by)
    return func.substr(column, 1, 4) == key[:4] if by is By.PLACE else _exact(by, key, column, teams)


def _exact(by: By, key: str, code: ColumnElement[str], teams: Teams) -> ColumnElement[bool]:
    if by is not By.TEAM:
        return code == key
    members = [agent for agent, team in teams.items() if team == key]
    return code.in_(members) if key else code.not_in([agent for agent, team in teams.items() if team])


def _column(subject: Subject, by: By) -> ColumnElement[str]:
    name = {By.TEAM: "agent", By.COUNTY: "place"}.get(by, by.value)
    if name not in TABLES[subject].c:
        raise ConfigError([f"{by.value}: nothing to tell rows apart by"])
    return TABLES[subject].c[name]


def group_key(by: By, code: str, teams: Teams) -> str:
    """The row of a report to which a fact with that code belongs."""
    match by:
        case By.TEAM:
            return teams.get(code, "")
        case By.PLACE:
            return f"{code[:4]}00" if code else ""
    return code
