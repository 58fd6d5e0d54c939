"""What the commands of `hotline stats` do."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine

from hotline.call.line import utc_now
from hotline.errors import ConfigError
from hotline.settings import Settings
from hotline.stats.cli_export import CALLS, FORMATS, write_export
from hotline.stats.exporting import report_sheet
from hotline.stats.kpi.registry import KPIS, chosen, name_of
from hotline.stats.kpi_document import document
from hotline.stats.periods import By, Period, before, period, year_before
from hotline.stats.report import Grouping
from hotline.stats.scope import Filters, Scope
from hotline.stats.sheets import write
from hotline.stats.statistics import Statistics
from hotline.store.audit import TERMINAL, AuditStore
from hotline.store.calls import CallStore
from hotline.store.views import CallFilter, local_midnight
from hotline.wiring import open_database

COMPARED: dict[str, Callable[[Period], Period]] = {"previous": before, "year": year_before}
_OLD = {Grouping.CATEGORY.value, Grouping.DEPARTMENT.value, Grouping.OUTCOME.value}
"""Summaries that had no figures of their own; kept as they were."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `hotline stats export` was asked for."""

    path: Path
    days: tuple[date, date]
    """First and last."""
    what: str = CALLS
    by: str = ""
    kpis: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    compare: tuple[str, ...] = ()


def export(settings: Settings, wanted: Wanted, reason: str | None) -> int:
    """Write it to the file; how many rows. Unmasked (`reason`) is audited first.

    Raises `ConfigError` for what cannot be written so, `StoreError` when reading or writing fails.
    """
    engine = open_database(settings)
    first, last = wanted.days
    what = wanted.by or wanted.what
    if reason is not None:
        detail = json.dumps({"from": str(first), "to": str(last), "reason": reason}, ensure_ascii=False)
        AuditStore(engine).record(TERMINAL, f"{what}.export_raw", wanted.path.name, utc_now(), detail)
    if wanted.by and wanted.by not in _OLD:
        return _report(engine, settings, wanted)
    window = local_midnight(first), local_midnight(last + timedelta(days=1))
    total = CallStore(engine).count(CallFilter(since=first, until=last + timedelta(days=1)))
    with _bar(what, total if what == CALLS else None) as told:
        return write_export(engine, wanted.path, what, window, raw=reason is not None, told=told)


def _report(engine: Engine, settings: Settings, wanted: Wanted) -> int:
    fmt = FORMATS.get(wanted.path.suffix.lower())
    if fmt is None:
        raise ConfigError([f"{wanted.path.name}: the file's name must end in {' or '.join(FORMATS)}"])
    try:
        by = By(wanted.by)
    except ValueError:
        known = ", ".join((*By, *sorted(_OLD)))
        raise ConfigError([f"--by {wanted.by}: none of {known}"]) from None
    scope = Scope(by, period(*wanted.days, by), _filters(wanted.only))
    if unknown := [name for name in wanted.compare if name not in COMPARED]:
        raise ConfigError([f"--compare {unknown[0]}: one of {', '.join(COMPARED)}"])
    beside = {name: COMPARED[name](scope.period) for name in wanted.compare}
    stats = Statistics(engine, settings.flows, settings.stats.trial_numbers)
    while stats.facts.refresh():
        pass
    table = stats.reports.table(scope, chosen(wanted.kpis), beside)
    return write(report_sheet(table), wanted.path, fmt)


def _filters(only: tuple[str, ...]) -> Filters:
    given: dict[str, str] = {}
    known = {each.name for each in fields(Filters)}
    for item in only:
        name, mark, value = item.partition("=")
        if not mark or name not in known:
            raise ConfigError([f"--only {item}: must be NAME=CODE, NAME one of {', '.join(sorted(known))}"])
        given[name] = value
    return Filters(**given)


def rebuild(settings: Settings) -> int:
    """Compute every fact anew; how many calls and orders."""
    stats = Statistics(open_database(settings), settings.flows, settings.stats.trial_numbers)
    with _bar("rebuild", None) as told:
        return stats.facts.rebuild(told)


def definitions(*, as_json: bool) -> str:
    """Every figure's definition: the page docs/kpi.md, or JSON."""
    if not as_json:
        return document()
    found = {key: {**name_of(key), "english": kpi.english} for key, kpi in KPIS.items()}
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


@contextmanager
def _bar(name: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Shows on stderr how far it has come; nothing where no person looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=(screen := Console(stderr=True)), transient=True, disable=not screen.is_terminal
    ) as bars:
        task = bars.add_task(name, total=total)

        def told(done: int, of: int | None = None) -> None:
            bars.update(task, completed=done, total=of if of is not None else total)

        yield told
