"""Makes reports: rows of figures of a period, and what they were before; the same window, the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, Engine

from hotline.stats.figures import Figure, change, figure
from hotline.stats.kpi.model import Kpi, Measure
from hotline.stats.kpi.registry import measures
from hotline.stats.labels import Labels, read_labels
from hotline.stats.periods import TIMES, Period, keys
from hotline.stats.scope import Scope, Teams, applies
from hotline.stats.sums import Sums, add, sums
from hotline.store.engine import reading


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure and what it was."""

    figure: Figure
    then: Mapping[str, Figure]
    """By name of the comparison."""
    changes: Mapping[str, Decimal | None]
    """How much more it is; per cent, or percentage points of shares."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a report."""

    key: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A report."""

    scope: Scope
    compare: Mapping[str, Period]
    kpis: tuple[Kpi, ...]
    """Columns: those asked for that can be told apart and filtered as wanted."""
    left_out: tuple[Kpi, ...]
    lines: tuple[Line, ...]
    total: Line


class Reporting:
    """Reports on one database. Blocks; raises `StoreError`."""

    def __init__(self, engine: Engine, flows: Path | None = None) -> None:
        """`flows`: folder of places.tsv, for the names of places."""
        self._engine = engine
        self._flows = flows

    def table(self, scope: Scope, kpis: Sequence[Kpi], compare: Mapping[str, Period] | None = None) -> Table:
        """The report. `compare`: name → another period, whose rows are set beside these: divisions of time
        by their place in the period, everything else by key."""
        compare = compare or {}
        shown = tuple(kpi for kpi in kpis if applies(kpi.subject, scope))
        with reading(self._engine) as connection:
            labels = read_labels(connection, self._flows)
            count = _Count(connection, measures(shown), labels.teams)
            now = count.of(scope)
            then = {name: count.of(replace(scope, period=other)) for name, other in compare.items()}
        lines = [
            Line(key, labels.of(scope.by, key, scope.period), _cells(shown, now.rows[key], past))
            for key, past in _matched(scope, shown, now, then)
        ]
        total = Line("", "", _cells(shown, now.total, {name: past.total for name, past in then.items()}))
        left_out = tuple(kpi for kpi in kpis if kpi not in shown)
        return Table(scope, compare, shown, left_out, tuple(lines), total)

    def labels(self) -> Labels:
        """What codes are called now."""
        with reading(self._engine) as connection:
            return read_labels(connection, self._flows)


@dataclass(frozen=True, slots=True)
class _Counted:
    rows: Mapping[str, Sums]
    order: Sequence[str]
    total: Sums


@dataclass(frozen=True, slots=True)
class _Count:
    connection: Connection
    measures: Mapping[str, Measure]
    teams: Teams

    def of(self, scope: Scope) -> _Counted:
        found = sums(self.connection, self.measures.values(), scope, self.teams)
        total: Sums = {}
        for row in found.values():
            add(total, row, self.measures.values())
        if scope.by in TIMES:
            order = keys(scope.by, scope.period)
            return _Counted({key: found.get(key, {}) for key in order}, order, total)
        return _Counted(found, sorted(found), total)


def _matched(
    scope: Scope, kpis: Sequence[Kpi], now: _Counted, then: Mapping[str, _Counted]
) -> list[tuple[str, dict[str, Sums]]]:
    """Keys of the rows in order, each with what stands beside it."""
    if scope.by in TIMES:
        return [
            (key, {name: _at(past, place) for name, past in then.items()})
            for place, key in enumerate(now.order)
        ]
    first = (
        kpis[0].parts["denominator" if kpis[0].denominator is not None else "numerator"].key if kpis else ""
    )
    by_size = sorted(now.order, key=lambda key: (-now.rows[key].get(first, 0), key))
    return [(key, {name: past.rows.get(key, {}) for name, past in then.items()}) for key in by_size]


def _at(past: _Counted, place: int) -> Sums:
    return past.rows[past.order[place]] if place < len(past.order) else {}


def _cells(kpis: Sequence[Kpi], now: Sums, then: Mapping[str, Sums]) -> tuple[Cell, ...]:
    return tuple(_cell(kpi, now, then) for kpi in kpis)


def _cell(kpi: Kpi, now: Sums, then: Mapping[str, Sums]) -> Cell:
    here = figure(kpi, now)
    past = {name: figure(kpi, sums) for name, sums in then.items()}
    changes = {name: change(kpi, here.value, each.value) for name, each in past.items()}
    return Cell(here, past, changes)
