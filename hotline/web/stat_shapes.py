"""Reports, definitions and lists as JSON; the same report gives the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from hotline.redact import mask_phone
from hotline.stats.days import day_of
from hotline.stats.figures import change_text, share, text
from hotline.stats.kpi.model import TABLES, Kpi, Measure, Subject, Unit
from hotline.stats.kpi.registry import KPIS, name_of, words
from hotline.stats.labels import Labels
from hotline.stats.lists import Page
from hotline.stats.periods import By
from hotline.stats.reporting import Cell, Line, Table
from hotline.stats.scope import Scope
from hotline.stats.sheets import headings
from hotline.stats.sql_text import sql_of
from hotline.web.mailbox import Json
from hotline.web.shapes import iso


def definitions_json() -> Json:
    """Every figure: what it is called, how it is computed, from what, and by which standard."""
    said = words()
    return {
        "kpis": [_definition(kpi) for kpi in KPIS.values()],
        "families": said["families"],
        "groupings": said["groupings"],
        "compare": said["compare"],
    }


def _definition(kpi: Kpi) -> Json:
    chinese, said = name_of(kpi.key), words()
    return {
        "key": kpi.key,
        "family": kpi.family,
        "subject": kpi.subject.value,
        "unit": kpi.unit.value,
        "unit_text": said["units"][kpi.unit.value],
        "places": kpi.places,
        "rising": kpi.rising,
        "name": chinese["name"],
        "formula": chinese["formula"],
        "rules": chinese["rules"],
        "english": kpi.english,
        "source": said["sources"].get(kpi.source, ""),
        "parts": {name: _part(measure) for name, measure in kpi.parts.items()},
        "lists": list(kpi.lists),
    }


def choices_json(labels: Labels) -> dict[str, list[list[str]]]:
    """What a report can be narrowed to: cities and prefectures, categories, units, agents, teams."""
    found: dict[str, list[list[str]]] = {
        "place": [
            [code, name] for code, name in sorted(labels.places.items()) if code[4:] == "00" != code[2:4]
        ],
        "team": [[team, team] for team in sorted(set(labels.teams.values()))],
        "channel": [[code, name] for code, name in headings()["values"]["channel"].items()],
    }
    for (kind, code), name in sorted(labels.codes.items(), key=lambda item: item[1]):
        found.setdefault(kind, []).append([code, name])
    return found


def _part(measure: Measure) -> Json:
    return {
        "key": measure.key,
        "name": name_of(measure.key, "measures"),
        "english": measure.english,
        "table": TABLES[measure.subject].name,
        "by": measure.day.name,
        "sql": sql_of(measure),
    }


def table_json(table: Table) -> Json:
    """A report."""
    scope = table.scope
    return {
        "by": scope.by.value,
        "by_name": words()["groupings"][scope.by.value],
        **_window(scope),
        "filters": scope.filters.given,
        "compare": {
            name: {
                "name": words()["compare"][name],
                "from": other.since.isoformat(),
                "to": day_of(other.bounds[1] - 1).isoformat(),
            }
            for name, other in table.compare.items()
        },
        "columns": [
            {
                "kpi": kpi.key,
                "name": name_of(kpi.key)["name"],
                "unit": kpi.unit.value,
                "unit_text": words()["units"][kpi.unit.value],
                "places": kpi.places,
                "rising": kpi.rising,
                "lists": list(kpi.lists),
            }
            for kpi in table.kpis
        ],
        "left_out": [kpi.key for kpi in table.left_out],
        "rows": [_line(line, table) for line in table.lines],
        "total": _line(table.total, table),
        "list": f"/api/v1/stats/list?{urlencode(list_query(scope))}",
    }


def list_query(scope: Scope) -> dict[str, str]:
    """What a link to a list takes over from the report; `kpi`, `part` and `key` are still to be added."""
    return {"by": scope.by.value, **_window(scope), **scope.filters.given}


def _window(scope: Scope) -> dict[str, str]:
    return {
        "from": scope.period.since.isoformat(),
        "to": day_of(scope.period.bounds[1] - 1).isoformat(),
    }


def _line(line: Line, table: Table) -> Json:
    name = line.label if line is not table.total else words()["words"]["total"]
    return {
        "key": line.key,
        "label": name,
        "cells": [
            _cell(kpi, cell, whole)
            for kpi, cell, whole in zip(table.kpis, line.cells, table.total.cells, strict=True)
        ],
    }


def _cell(kpi: Kpi, cell: Cell, whole: Cell) -> Json:
    here = cell.figure
    shown: Json = {
        "value": None if here.value is None else str(here.value),
        "text": text(kpi, here.value),
        "numerator": here.numerator,
    }
    if here.denominator is not None:
        shown["denominator"] = here.denominator
    if here.rows is not None:
        shown["rows"] = here.rows
    if kpi.unit is Unit.COUNT:
        part = share(here.numerator, whole.figure.numerator)
        shown["share"] = None if part is None else str(part)
    if cell.then:
        shown["then"] = {name: _then(kpi, cell, name) for name in cell.then}
    return shown


def _then(kpi: Kpi, cell: Cell, name: str) -> Json:
    past, change = cell.then[name], cell.changes[name]
    return {
        "value": None if past.value is None else str(past.value),
        "text": text(kpi, past.value),
        "change": None if change is None else str(change),
        "change_text": change_text(kpi, change),
    }


@dataclass(frozen=True, slots=True)
class Hidden:
    """What does not exist for whoever looks: complaints about any of these names, and these calls."""

    names: tuple[str, ...] = ()
    calls: frozenset[str] = frozenset()


def page_json(page: Page, labels: Labels, scope: Scope, hidden: Hidden) -> Json:
    """A list: what may be seen of each row by somebody who reads calls; numbers are masked."""
    shape = {Subject.CALLS: _call, Subject.ORDERS: _order, Subject.HOURS: _hours}[page.subject]
    return {
        "subject": page.subject.value,
        "count": page.count,
        "rows": [shape(row, labels, scope, hidden) for row in page.rows],
        "next": page.next,
    }


def _call(row: Mapping[str, Any], labels: Labels, scope: Scope, hidden: Hidden) -> Json:
    if row["call_id"] in hidden.calls:
        return {"hidden": True}
    wait = row["wait_ms"]
    return {
        "call": row["call_id"],
        "started": iso(row["started"]),
        "remote": mask_phone(row["remote"] or ""),
        "fate": row["fate"],
        "outcome": row["outcome"],
        "wait_s": None if wait is None else wait / 1000,
        "talk_s": row["talk_ms"] / 1000,
        "hold_s": row["hold_ms"] / 1000,
        "wrap_s": row["wrap_ms"] / 1000,
        "mark": row["mark"],
        "orders": row["orders"],
        **_named(row, labels, scope, (By.CHANNEL, By.QUEUE, By.AGENT, By.MATTER, By.SERVICE)),
        **_placed(row, labels, scope),
    }


def _order(row: Mapping[str, Any], labels: Labels, scope: Scope, hidden: Hidden) -> Json:
    if row["against"] and row["against"] in hidden.names:
        return {"hidden": True}  # a complaint about who asks: it counts, and stays hidden
    moments = ("filed", "dispatched", "signed", "sign_by", "finished", "due", "due_plain", "approved")
    return {
        "number": row["number"],
        "call": row["call_id"],
        "kind": row["kind"],
        "state": row["state"],
        **{name: iso(row[name]) for name in moments},
        **{
            name: row[name]
            for name in ("visited", "visit_mark", "returns", "extensions", "urges", "level", "redos")
        },
        **_named(row, labels, scope, (By.CHANNEL, By.UNIT, By.AGENT, By.MATTER, By.SERVICE)),
        **_placed(row, labels, scope),
    }


def _hours(row: Mapping[str, Any], labels: Labels, scope: Scope, _hidden: Hidden) -> Json:
    return {
        "day": day_of(row["day"]).isoformat(),
        "hour": row["hour"],
        **{f"{name}_s": row[f"{name}_ms"] / 1000 for name in ("ready", "ring", "talk", "wrap", "pause")},
        **_named(row, labels, scope, (By.AGENT,)),
    }


def _named(row: Mapping[str, Any], labels: Labels, scope: Scope, groups: tuple[By, ...]) -> Json:
    found: Json = {}
    for by in groups:
        code = row[by.value]
        found[by.value] = code
        found[f"{by.value}_name"] = labels.of(by, code, scope.period) if code else ""
    return found


def _placed(row: Mapping[str, Any], labels: Labels, scope: Scope) -> Json:
    code = row["place"]
    return {"place": code, "place_name": labels.of(By.COUNTY, code, scope.period) if code else ""}
