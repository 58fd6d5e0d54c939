"""Lays out calls, work orders and reports for export: which columns, in which words, masked or not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from hotline.personal import NAME_FIELDS, hide, mask_person
from hotline.redact import mask_phone
from hotline.stats.report import Report
from hotline.stats.sheets import Format, Kind, Sheet, Target, Value, headings, write
from hotline.store.views import CallRow
from hotline.summary_links import LINKS
from workorders.model import Action, HistoryEntry, WorkOrder
from workorders.queries import OrderView

Period = tuple[date, date]
"""First day, and the day after the last."""

_KINDS: dict[str, Kind] = {
    "started": "time",
    "answered": "time",
    "ended": "time",
    "talk_seconds": "number",
    "filed_at": "time",
    "sign_by": "time",
    "signed_at": "time",
    "due": "time",
    "replied_at": "time",
}
NUMBER_FIELDS = {"phone", "id_number"}
"""Fields of an order that are masked as numbers, names (`NAME_FIELDS`) as names; the others like any text."""


def export_calls(
    rows: Iterable[CallRow], target: Target, fmt: Format, raw: bool = False, period: Period | None = None
) -> int:
    """Write calls, masked unless `raw`; how many. See `hotline.stats.sheets.write` for the rest."""
    hide = _no_mask if raw else mask_phone
    lines = (tuple(_call(row, hide)) for row in rows)
    return write(_sheet("calls", lines, raw, period), target, fmt)


def export_orders(
    rows: Iterable[OrderView], target: Target, fmt: Format, raw: bool = False, period: Period | None = None
) -> int:
    """Write work orders, masked unless `raw`; how many."""
    lines = (tuple(_order(view, raw)) for view in rows)
    return write(_sheet("orders", lines, raw, period), target, fmt)


def export_report(figures: Report, target: Target, fmt: Format) -> int:
    """Write a report; how many rows. It holds no personal data."""
    names = headings()["columns"]["report"]
    lines = (
        [_key(column, value) for column, value in zip(figures.columns, row, strict=True)]
        for row in figures.rows
    )
    sheet = _sheet("report", lines, None, (figures.since, figures.until))
    shown = tuple(names[column] for column in figures.columns)
    return write(replace(sheet, headings=shown), target, fmt)


def _sheet(kind: str, rows: Iterable[Sequence[Value]], raw: bool | None, period: Period | None) -> Sheet:
    words = headings()
    meanings = [*words["definitions"]["all"], *words["definitions"][kind]]
    if raw is not None:
        meanings += words["definitions"]["raw" if raw else "masked"]
    printed = words["sheets"][kind]
    if period is not None:
        days = f"{period[0].isoformat()} – {(period[1] - timedelta(days=1)).isoformat()}"
        meanings.insert(0, [words["words"]["period"], days])
        printed = f"{printed} {days}"
    return Sheet(
        title=words["sheets"][kind],
        headings=tuple(words["columns"][kind].values()),
        rows=rows,
        definitions_title=words["sheets"]["definitions"],
        definitions=tuple((term, meaning) for term, meaning in meanings),
        printed=printed,
        kinds=tuple(_KINDS.get(column, "text") for column in words["columns"][kind])
        if raw is not None
        else (),
    )


def _call(row: CallRow, hide: Callable[[str], str]) -> Iterator[Value]:
    """In the order of `columns.calls` of the headings."""
    talk = row.talk_seconds
    yield row.call
    yield _word("channel", row.channel)
    yield hide(row.remote)
    yield row.dialled
    yield row.started
    yield row.answered
    yield row.ended
    yield None if talk is None else round(talk, 1)
    yield "" if row.outcome is None else _word("outcome", row.outcome)
    yield _word("detail", row.detail)
    yield row.matter
    yield row.matter_label
    yield row.service_label
    yield _list([_word("flags", flag) for flag in row.flags])
    yield _list(row.orders)
    yield _yes_or_no(row.recorded)


def _order(view: OrderView, raw: bool) -> Iterator[Value]:
    """In the order of `columns.orders` of the headings."""
    order = view.order
    names = [item.field.value for item in order.fields if item.field.name in NAME_FIELDS]
    text = _no_mask if raw else partial(hide, names=names)
    yield order.number
    yield order.call_id
    yield order.filed_at
    yield order.matter
    yield order.matter_label
    yield order.service_label
    yield order.district
    yield text(order.summary) if order.content_deleted_at is None else headings()["words"]["content_deleted"]
    yield order.caller_contact if raw else mask_phone(order.caller_contact)
    yield _fields(order, text, raw)
    yield _word("urgency", order.urgency)
    yield _list([_word("flags", flag) for flag in order.flags])
    yield order.unit
    yield order.unit_name
    yield _word("state", order.state)
    yield order.sign_by
    yield _first(view.history, Action.SIGN)
    yield order.due
    yield _first(view.history, Action.REPLY)
    yield text(_answer(view.history))
    yield _yes_or_no(order.provisional)
    yield _word("source", order.source)


def _fields(order: WorkOrder, text: Callable[[str], str], raw: bool) -> str:
    named = headings()["words"]["named_by"]
    shown = []
    for item in (each for each in order.fields if each.field.name != LINKS):
        mask = _no_mask if raw else _mask_of(item.field.name, text)
        shown.append(f"{_word('fields', item.field.name)}{named}{mask(item.field.display)}")
    return _list(shown)


def _mask_of(field: str, text: Callable[[str], str]) -> Callable[[str], str]:
    if field in NUMBER_FIELDS:
        return mask_phone
    return mask_person if field in NAME_FIELDS else text


def _first(history: Sequence[HistoryEntry], action: Action) -> datetime | None:
    return next((entry.at for entry in history if entry.action is action), None)


def _answer(history: Sequence[HistoryEntry]) -> str:
    """The last reply, or the last reason for a return."""
    said = [entry.text for entry in history if entry.action in {Action.REPLY, Action.RETURN} and entry.text]
    return said[-1] if said else ""


def _key(column: str, value: Any) -> Value:
    """A report's cell, its code in words where there are words."""
    if column == "outcome" and isinstance(value, str):
        return _word("outcome", value)
    if column == "category_label" and not value:
        return str(headings()["words"]["unclassified"])
    shown: Value = value
    return shown


def _word(kind: str, code: str) -> str:
    """The Chinese for a code; the code itself where the headings have none."""
    return str(headings()["values"][kind].get(code, code))


def _list(items: Iterable[str]) -> str:
    return str(headings()["words"]["joined_by"]).join(items)


def _yes_or_no(value: bool) -> str:
    return str(headings()["words"]["yes" if value else "no"])


def _no_mask(value: str) -> str:
    return value
