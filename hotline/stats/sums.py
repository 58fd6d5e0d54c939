"""Adds up measures: from the sums of whole days where those tell enough, else from the facts themselves.

Both ways give the same numbers (a test holds them together); which one is taken is a matter of speed alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from hotline.stats.closing import SUMS, aggregate, kept, open_days
from hotline.stats.kpi.model import TABLES, How, Measure, Subject
from hotline.stats.periods import TIMES, By, key_of
from hotline.stats.scope import Scope, Teams, code_condition, filtered, group_key

Sums = dict[str, int]
"""Measure → number."""


def sums(
    connection: Connection,
    measures: Iterable[Measure],
    scope: Scope,
    teams: Teams,
    *,
    facts_only: bool = False,
) -> dict[str, Sums]:
    """Row of the report → its sums. Rows without anything may be missing. `facts_only`: as if there were no
    sums of days."""
    by_subject: dict[Subject, list[Measure]] = defaultdict(list)
    for measure in measures:
        by_subject[measure.subject].append(measure)
    found: dict[str, Sums] = defaultdict(dict)
    for subject, wanted in by_subject.items():
        adding = _Adding(connection, subject, scope, teams)
        for key, values, these in adding.parts(wanted, facts_only=facts_only):
            add(found[key], values, these)
    return dict(found)


def add(into: Sums, values: Mapping[str, int], measures: Iterable[Measure]) -> None:
    """Add sums to sums; of peaks the higher one stays."""
    for measure in measures:
        value = values.get(measure.key, 0)
        there = into.get(measure.key, 0)
        into[measure.key] = max(there, value) if measure.how is How.PEAK else there + value


def dimension(scope: Scope) -> str | None:
    """The one thing besides time by which a report groups and filters; "" for none, None for several."""
    names = {"agent" if name == "team" else name for name in scope.filters.given}
    if scope.by not in TIMES:
        names.add({By.TEAM: "agent", By.COUNTY: "place"}.get(scope.by, scope.by.value))
    if len(names) > 1 or (names and scope.by in (By.HOUR, By.HOUR_OF_DAY)):
        return None
    return next(iter(names), "")


_Part = tuple[str, Sums, Sequence[Measure]]


@dataclass(frozen=True, slots=True)
class _Adding:
    connection: Connection
    subject: Subject
    scope: Scope
    teams: Teams

    def parts(self, wanted: list[Measure], *, facts_only: bool) -> Iterator[_Part]:
        """Sums that are to be added up, by row of the report."""
        dim = dimension(self.scope)
        stored = [one for one in wanted if self.subject in SUMS and one.key in kept(self.subject)]
        if facts_only or dim is None or not stored:
            yield from self._from_facts(wanted, None)
            return
        first, end = self.scope.period.bounds
        yield from self._from_days(stored, dim)
        if days := open_days(self.connection, self.subject, first, end):
            yield from self._from_facts(stored, days)
        if rest := [one for one in wanted if one not in stored]:
            yield from self._from_facts(rest, None)

    def _from_days(self, measures: list[Measure], dim: str) -> Iterator[_Part]:
        table = SUMS[self.subject].c
        first, end = self.scope.period.bounds
        keys = _keys(self.scope.by, table.day, table.hour, table.code)
        columns = [
            (func.max if one.how is How.PEAK else func.sum)(table[one.key]).label(one.key) for one in measures
        ]
        narrowed = [
            code_condition(By(name), value, table.code, self.teams)
            for name, value in self.scope.filters.given.items()
        ]
        inside = and_(table.dim == dim, table.day >= first, table.day < end, *narrowed)
        yield from self._read(select(*keys, *columns).where(inside), keys, measures)

    def _from_facts(self, measures: list[Measure], days: list[int] | None) -> Iterator[_Part]:
        """One statement a moment by which rows belong to the period; `days`: only these."""
        by_moment: dict[str, list[Measure]] = defaultdict(list)
        for measure in measures:
            by_moment[measure.moment].append(measure)
        first, end = self.scope.period.bounds
        table = TABLES[self.subject].c
        narrowed = filtered(self.subject, self.scope.filters, self.teams)
        for same in by_moment.values():
            day, hour = same[0].day, same[0].hour
            code = _code(self.scope.by)
            keys = _keys(self.scope.by, day, hour, table[code] if code else day)
            inside = day.in_(days) if days is not None else and_(day >= first, day < end)
            columns = [aggregate(measure).label(measure.key) for measure in same]
            yield from self._read(select(*keys, *columns).where(inside, narrowed), keys, same)

    def _read(
        self, query: Select[Any], keys: list[ColumnElement[Any]], measures: list[Measure]
    ) -> Iterator[_Part]:
        for row in self.connection.execute(query.group_by(*keys).order_by(*keys)):
            values = {one.key: int(value) for one, value in zip(measures, row[len(keys) :], strict=True)}
            yield self._key(row[: len(keys)]), values, measures

    def _key(self, parts: Any) -> str:
        by = self.scope.by
        if by is By.HOUR_OF_DAY:
            return f"{parts[0]:02}"
        return key_of(by, *parts) if by in TIMES else group_key(by, str(parts[0]), self.teams)


def _keys(
    by: By, day: ColumnElement[int], hour: ColumnElement[int], code: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    match by:
        case By.HOUR:
            return [day, hour]
        case By.HOUR_OF_DAY:
            return [hour]
        case By.DAY | By.WEEK | By.MONTH | By.QUARTER:
            return [day]
    return [code]


def _code(by: By) -> str:
    """Column of the facts that a grouping looks at; empty: time."""
    if by in TIMES:
        return ""
    return {By.TEAM: "agent", By.COUNTY: "place"}.get(by, by.value)
