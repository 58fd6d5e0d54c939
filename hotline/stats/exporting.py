"""Lays out reports, and the lists behind their figures, as tables for files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hotline.redact import mask_phone
from hotline.stats.days import day_of
from hotline.stats.figures import share
from hotline.stats.kpi.model import TABLES, How, Kpi, Subject, Unit
from hotline.stats.kpi.registry import name_of, words
from hotline.stats.labels import Labels
from hotline.stats.lists import Behind
from hotline.stats.periods import TIMES, By
from hotline.stats.reporting import Cell, Line, Table
from hotline.stats.scope import Scope
from hotline.stats.sheets import Chart, Kind, Sheet, Value, headings
from hotline.stats.sql_text import sql_of

SMALL = 5
"""Counts below it are not told where a place and a subject together could name somebody."""
DRAWN = 62
"""Rows of a chart at most."""

_KINDS: dict[Unit, Kind] = {
    Unit.COUNT: "count",
    Unit.PERCENT: "percent",
    Unit.SECONDS: "number",
    Unit.HOURS: "number",
    Unit.SCORE: "percent",
}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Eyes:
    """What whoever takes the file may see."""

    raw: bool = False
    """Numbers as they are."""
    names: tuple[str, ...] = ()
    """Complaints about any of these do not exist."""
    unseen: Callable[[Sequence[str]], frozenset[str]] = lambda _calls: frozenset()
    """Of some calls, those that do not exist."""


def report_sheet(table: Table) -> Sheet:
    """A report: one row a line and the total, a chart, a second sheet with what was divided, definitions."""
    said, small = words()["words"], hides_small(table.scope)
    by = words()["groupings"][table.scope.by.value]
    code: list[tuple[str, Kind]] = [] if table.scope.by in TIMES else [(said["key"], "text")]
    columns = [_column(kpi, name) for kpi in table.kpis for name in ("", *table.compare)]
    flat = [one for pair in columns for one in pair]

    def row(line: Line) -> list[Value]:
        return [*_head(line, table), *_values(line, table, small=small)]

    return Sheet(
        title=headings()["sheets"]["report"],
        headings=(by, *(heading for heading, _ in (*code, *flat))),
        rows=[row(line) for line in table.lines],
        total=row(table.total),
        printed=_title(table),
        definitions_title=headings()["sheets"]["definitions"],
        definitions=_meanings(table, small=small),
        kinds=("text", *(kind for _, kind in (*code, *flat))),
        chart=_chart(table),
        more=(_parts_sheet(table, by, small=small),),
    )


def hides_small(scope: Scope) -> bool:
    """Whether a place and what a call was about meet in the rows of the report."""
    names = {*scope.filters.given, scope.by.value}
    return bool(names & {"place", "county"}) and bool(names & {"matter", "service"})


def _column(kpi: Kpi, compared: str) -> list[tuple[str, Kind]]:
    """Headings and kinds of a figure, or of what stands beside it and its change."""
    said, name = words()["words"], name_of(kpi.key)["name"]
    unit = words()["units"][kpi.unit.value]
    shown = f"{name} ({unit})" if unit else name
    if not compared:
        return [(shown, _KINDS[kpi.unit])]
    beside = words()["compare"][compared]
    sign = said["points"] if kpi.unit is Unit.PERCENT else "%"
    return [
        (f"{shown} {beside}", _KINDS[kpi.unit]),
        (f"{name} {beside}{said['change']} ({sign})", "percent"),
    ]


def _values(line: Line, table: Table, *, small: bool) -> Iterator[Value]:
    for kpi, cell in zip(table.kpis, line.cells, strict=True):
        yield _shown(kpi, cell, small=small)
        for name in table.compare:
            yield cell.then[name].value if not small else None
            yield cell.changes[name] if not small else None


def _shown(kpi: Kpi, cell: Cell, *, small: bool) -> Value:
    here = cell.figure
    if small and _is_small(kpi, cell):
        return words()["words"]["small"] if kpi.unit is Unit.COUNT else None
    return int(here.numerator) if kpi.unit is Unit.COUNT else here.value


def _is_small(kpi: Kpi, cell: Cell) -> bool:
    counts = [getattr(cell.figure, part) for part in kpi.lists]
    return any(0 < count < SMALL for count in counts)


def _parts_sheet(table: Table, by: str, *, small: bool) -> Sheet:
    """Numerators and denominators, and shares of the whole of what is counted."""
    said = words()["words"]
    headed: list[tuple[str, Kind]] = [(by, "text")]
    if table.scope.by not in TIMES:
        headed.append((said["key"], "text"))
    for kpi in table.kpis:
        name = name_of(kpi.key)["name"]
        if kpi.unit is Unit.COUNT:
            headed.append((f"{name} {said['share']} (%)", "percent"))
            continue
        for part, measure in kpi.parts.items():
            unit = " (ms)" if measure.how is not How.COUNT and kpi.unit is not Unit.SCORE else ""
            headed.append((f"{name} {said[part]}{unit}", "count"))

    def row(line: Line) -> list[Value]:
        return [*_head(line, table), *_counts(line, table, small=small)]

    return Sheet(
        title=said["parts"],
        headings=tuple(heading for heading, _ in headed),
        rows=[row(line) for line in table.lines],
        total=row(table.total),
        printed=f"{said['parts']} {_days(table)}",
        definitions_title="",
        definitions=(),
        kinds=tuple(kind for _, kind in headed),
    )


def _counts(line: Line, table: Table, *, small: bool) -> Iterator[Value]:
    for kpi, cell, whole in zip(table.kpis, line.cells, table.total.cells, strict=True):
        hidden = small and _is_small(kpi, cell)
        if kpi.unit is Unit.COUNT:
            yield None if hidden else share(cell.figure.numerator, whole.figure.numerator)
            continue
        for part in kpi.parts:
            yield None if hidden else getattr(cell.figure, part)


def _head(line: Line, table: Table) -> list[Value]:
    """The row's name, and its code where that says more."""
    name: Value = line.label if line is not table.total else str(words()["words"]["total"])
    if table.scope.by is By.DAY and line is not table.total:
        name = date.fromisoformat(line.key)
    return [name] if table.scope.by in TIMES else [name, line.key]


def _chart(table: Table) -> Chart | None:
    rows = min(len(table.lines), DRAWN)
    each = 1 + 2 * len(table.compare)
    first = 1 if table.scope.by in TIMES else 2
    at = [first + number * each for number in range(len(table.kpis))]
    bars = [column for column, kpi in zip(at, table.kpis, strict=True) if kpi.unit is Unit.COUNT]
    shares = [column for column, kpi in zip(at, table.kpis, strict=True) if kpi.unit is Unit.PERCENT]
    if not rows or not (bars or shares):
        return None
    return Chart(
        headings()["sheets"]["chart"],
        _title(table),
        tuple(bars[:3]) or tuple(shares[:3]),
        tuple(shares[:2]) if bars else (),
        rows,
    )


def _title(table: Table) -> str:
    return f"{headings()['sheets']['report']} {_days(table)}"


def _days(table: Table) -> str:
    first, last = table.scope.period.since, day_of(table.scope.period.bounds[1] - 1)
    return f"{first.isoformat()} – {last.isoformat()}"


def _meanings(table: Table, *, small: bool) -> tuple[tuple[str, str], ...]:
    said, page = words()["words"], words()["document"]
    found = [(said["period"], _days(table))]
    if table.scope.filters.given:
        named = "; ".join(
            f"{words()['groupings'][name]} {value}" for name, value in table.scope.filters.given.items()
        )
        found.append((said["filters"], named))
    for name, other in table.compare.items():
        shown = f"{other.since.isoformat()} – {day_of(other.bounds[1] - 1).isoformat()}"
        found.append((words()["compare"][name], shown))
    found += [(term, meaning) for term, meaning in headings()["definitions"]["all"]]
    if small:
        found.append((said["small"], page["small"]))
    for kpi in table.kpis:
        found.append((name_of(kpi.key)["name"], meaning_of(kpi)))
    return tuple(found)


def meaning_of(kpi: Kpi) -> str:
    """A figure's definition in a few lines."""
    said, page = name_of(kpi.key), words()["document"]
    lines = [page["formula"] + said["formula"]]
    if said["rules"]:
        lines.append(page["rules"] + said["rules"])
    if source := words()["sources"].get(kpi.source):
        lines.append(page["source"] + source)
    for name, measure in kpi.parts.items():
        table = TABLES[measure.subject].name
        lines.append(f"{words()['words'][name]}: {sql_of(measure)} FROM {table}, {measure.day.name}")
    return "\n".join(lines)


def list_sheet(behind: Behind, rows: Iterable[Row], labels: Labels, eyes: Eyes) -> Sheet:
    """The rows behind a figure, numbers masked unless `eyes.raw`."""
    subject = behind.measure.subject
    named = headings()["columns"]["behind"][subject.value]
    shown = (tuple(_line(subject, row, labels, eyes)) for row in _seen(rows, eyes))
    title = name_of(behind.kpi.key)["name"]
    part = words()["words"][behind.part]
    days = f"{behind.scope.period.since} – {day_of(behind.scope.period.bounds[1] - 1)}"
    meanings = [
        (words()["words"]["period"], days),
        (title, meaning_of(behind.kpi)),
        (part, f"{name_of(behind.measure.key, 'measures')}\n{sql_of(behind.measure)}"),
        *((term, meaning) for term, meaning in headings()["definitions"]["raw" if eyes.raw else "masked"]),
    ]
    return Sheet(
        title=headings()["sheets"][subject.value],
        headings=tuple(named.values()),
        rows=shown,
        definitions_title=headings()["sheets"]["definitions"],
        definitions=tuple(meanings),
        kinds=tuple(_COLUMNS[subject][column] for column in named),
        printed=f"{title} {days}",
    )


_CHUNK = 500


def _seen(rows: Iterable[Row], eyes: Eyes) -> Iterator[Row]:
    """The rows; what does not exist for the reader keeps its place and nothing else."""
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _CHUNK:
            yield from _judged(waiting, eyes)
            waiting = []
    yield from _judged(waiting, eyes)


def _judged(rows: Sequence[Row], eyes: Eyes) -> Iterator[Row]:
    unseen = eyes.unseen([row["call_id"] for row in rows if row.get("call_id")])
    for row in rows:
        against = row.get("against")
        hidden = row.get("call_id") in unseen or (bool(against) and against in eyes.names)
        yield {"hidden": True} if hidden else row


_COLUMNS: dict[Subject, dict[str, Kind]] = {
    Subject.CALLS: {
        "call_id": "text", "started": "time", "channel": "text", "queue": "text", "remote": "text",
        "agent": "text", "matter": "text", "service": "text", "place": "text", "fate": "text",
        "outcome": "text", "wait_s": "number", "talk_s": "number", "hold_s": "number", "wrap_s": "number",
        "mark": "count", "orders": "count",
    },
    Subject.ORDERS: {
        "number": "text", "call_id": "text", "filed": "time", "channel": "text", "unit": "text",
        "agent": "text", "matter": "text", "service": "text", "place": "text", "state": "text",
        "dispatched": "time", "sign_by": "time", "signed": "time", "due": "time", "due_plain": "time",
        "finished": "time", "approved": "time", "visited": "count", "visit_mark": "count",
        "returns": "count", "extensions": "count", "urges": "count", "level": "count", "redos": "count",
    },
    Subject.HOURS: {
        "day": "day", "hour": "count", "agent": "text", "ready_s": "number", "ring_s": "number",
        "talk_s": "number", "wrap_s": "number", "pause_s": "number",
    },
}  # fmt: skip
_NAMED = {"channel", "queue", "agent", "unit", "matter", "service"}


def _line(subject: Subject, row: Row, labels: Labels, eyes: Eyes) -> Iterator[Value]:
    if "hidden" in row:
        yield words()["words"]["hidden"]
        yield from (None for _ in range(len(_COLUMNS[subject]) - 1))
        return
    for column in _COLUMNS[subject]:
        yield _value(column, row, labels, eyes)


def _value(column: str, row: Row, labels: Labels, eyes: Eyes) -> Value:
    if column in _NAMED:
        return labels.name(By(column), row[column])
    if column == "place":
        return labels.name(By.COUNTY, row[column])
    if column == "remote":
        number = str(row[column] or "")
        return number if eyes.raw else mask_phone(number)
    if column in {"fate", "outcome", "state"}:
        return str(headings()["values"][column].get(row[column], row[column]))
    if column.endswith("_s"):
        value = row[f"{column[:-1]}ms"]
        return None if value is None else Decimal(value) / 1000
    if column == "day":
        return day_of(row["day"])
    found: Value = row[column]
    return found


def file_name(what: str, scope: Scope) -> str:
    """Name of a file, without its ending."""
    first, last = scope.period.since, day_of(scope.period.bounds[1] - 1)
    by = "" if scope.by in TIMES and what != "report" else f"-{scope.by.value}"
    return f"12348-{what}{by}-{first.isoformat()}-{last.isoformat()}"
