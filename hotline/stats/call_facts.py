"""Computes the facts of calls from what the database holds of them, and writes them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import CALLED_BACK, CallId
from hotline.stats.agent_fold import CHANGES
from hotline.stats.call_fold import story
from hotline.stats.days import milliseconds, slot
from hotline.store.calls import NUMBER
from hotline.store.engine import upsert
from hotline.store.stat_tables import call_facts, stat_labels
from hotline.store.tables import acd_log, calls, intents
from workorders.places import PROVINCE
from workorders.tables import work_orders

AGAIN = timedelta(days=7)
"""The same number with the same matter within this: the first call did not settle it."""
OPEN = "open"
REVISIT_NO = 90
"""Matter number of the order that calls an unhappy caller again; a call's own matters count from 1."""
_LONGEST_WRAP_UP = timedelta(hours=12)

Values = dict[str, Any]
_Lines = defaultdict[str, dict[int, AcdLog]]
"""Call → number of the line → line, in the order they happened."""


def write_call_facts(connection: Connection, ids: Collection[str], trials: frozenset[str]) -> set[int]:
    """Compute the facts of these calls anew; the days whose figures may have changed.

    `trials`: numbers whose calls are counted nowhere. A call that retention has emptied keeps its place and
    what its number told, since neither can be found out any more.
    """
    if not ids:
        return set()
    rows = _calls(connection, ids)
    before = {
        row.call_id: row
        for row in connection.execute(select(call_facts).where(call_facts.c.call_id.in_(ids)))
    }
    lines = _lines(connection, ids)
    wraps = _wrap_ups(connection, lines)
    orders = _orders(connection, ids)
    again = _Again(connection, rows)
    facts = []
    for row in rows:
        fact = _fact(row, tuple(lines[row.id].values()), orders.get(row.id, ()), trials)
        fact["wrap_ms"] = sum(wraps.get(number, 0) for number in lines[row.id])
        fact["repeated"] = again.repeated(row.id)
        known = before.get(row.id)
        if row.content_deleted_at is not None and known is not None:
            fact |= {"known": known.known, "repeated": known.repeated}
            fact["place"] = fact["place"] or known.place
        facts.append(fact)
    upsert(connection, call_facts, facts)
    _write_labels(connection, rows)
    days = {fact["day"] for fact in facts} | {row.day for row in before.values()}
    return days | again.write_earlier(connection, {fact["call_id"] for fact in facts})


def _calls(connection: Connection, ids: Collection[str]) -> Sequence[Row[Any]]:
    wanted: Select[Any] = (
        select(
            calls.c.id,
            calls.c.state,
            calls.c.channel,
            calls.c.remote,
            calls.c.started,
            calls.c.ended,
            calls.c.outcome,
            calls.c.content_deleted_at,
            intents.c.matter,
            intents.c.matter_label,
            intents.c.service,
            intents.c.service_label,
            intents.c.slots,
        )
        .outerjoin(intents, intents.c.call_id == calls.c.id)
        .where(calls.c.id.in_(ids), calls.c.channel != CALLED_BACK)
        .order_by(calls.c.started, calls.c.id)
    )
    return connection.execute(wanted).all()


def _lines(connection: Connection, ids: Collection[str]) -> _Lines:
    wanted = select(acd_log).where(acd_log.c.call_id.in_(ids)).order_by(acd_log.c.at, acd_log.c.id)
    found: _Lines = defaultdict(dict)
    for row in connection.execute(wanted):
        line = AcdLog(row.at, LogKind(row.kind), CallId(row.call_id), row.agent, row.queue, row.facts)
        found[row.call_id][row.id] = line
    return found


def _wrap_ups(connection: Connection, lines: _Lines) -> Mapping[int, int]:
    """Milliseconds of each wrap-up, by the number of its line: until the same agent does something else."""
    wraps = {
        number: line
        for each in lines.values()
        for number, line in each.items()
        if line.kind is LogKind.WRAPUP and line.agent
    }
    begun = wraps.values()
    if not begun:
        return {}
    first, last = min(line.at for line in begun), max(line.at for line in begun)
    wanted: Select[Any] = (
        select(acd_log.c.id, acd_log.c.agent, acd_log.c.at)
        .where(
            acd_log.c.agent.in_({line.agent for line in begun}),
            acd_log.c.at >= first,
            acd_log.c.at <= last + _LONGEST_WRAP_UP,
            acd_log.c.kind.in_([kind.value for kind in CHANGES]),
        )
        .order_by(acd_log.c.agent, acd_log.c.at, acd_log.c.id)
    )
    ends: dict[int, datetime] = {}
    previous: Row[Any] | None = None
    for row in connection.execute(wanted):
        if previous is not None and previous.agent == row.agent:
            ends[previous.id] = row.at
        previous = row
    return {number: milliseconds(line.at, ends[number]) for number, line in wraps.items() if number in ends}


def _orders(connection: Connection, ids: Collection[str]) -> Mapping[str, Sequence[Row[Any]]]:
    wanted: Select[Any] = (
        select(work_orders.c.call_id, work_orders.c.district, work_orders.c.matter, work_orders.c.service)
        .where(work_orders.c.call_id.in_(ids), work_orders.c.matter_no != REVISIT_NO)
        .order_by(work_orders.c.call_id, work_orders.c.matter_no)
    )
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(wanted):
        found[row.call_id].append(row)
    return found


def _fact(
    row: Row[Any], lines: Sequence[AcdLog], orders: Sequence[Row[Any]], trials: frozenset[str]
) -> Values:
    day, hour = slot(row.started)
    told = story(lines, row.ended if row.state != OPEN else None)
    return {
        "call_id": row.id,
        "started": row.started,
        "day": day,
        "hour": hour,
        "channel": row.channel,
        "queue": told.queue,
        "agent": told.agent,
        "matter": row.matter or next((order.matter for order in orders), ""),
        "service": row.service or next((order.service for order in orders), ""),
        "place": _place(row, orders),
        "outcome": row.outcome or OPEN,
        "fate": told.fate.value,
        "test": int(row.remote in trials),
        "wait_ms": told.wait_ms,
        "talk_ms": told.talk_ms,
        "hold_ms": told.hold_ms,
        "hands": told.hands,
        "asked": told.asked,
        "mark": told.mark,
        "orders": len(orders),
        "known": int(NUMBER.fullmatch(row.remote) is not None),
    }


def _place(row: Row[Any], orders: Sequence[Row[Any]]) -> str:
    """Of the first order that names one, else as the caller said it."""
    for order in orders:
        if order.district and order.district != PROVINCE:
            return str(order.district)
    for found in row.slots or ():
        value = str(found.get("value", ""))
        if found.get("name") == "place" and len(value) == 6 and value.isdigit():
            return value
    return ""


class _Again:
    """Which calls were followed by another one from the same number about the same matter."""

    def __init__(self, connection: Connection, rows: Sequence[Row[Any]]) -> None:
        self._first = min((row.started for row in rows), default=None)
        self._by_number: dict[str, list[Row[Any]]] = defaultdict(list)
        self._repeated: dict[str, int] = {}
        numbers = {row.remote for row in rows if NUMBER.fullmatch(row.remote)}
        if not numbers or self._first is None:
            return
        last = max(row.started for row in rows)
        wanted: Select[Any] = (
            select(calls.c.id, calls.c.remote, calls.c.started, intents.c.matter)
            .outerjoin(intents, intents.c.call_id == calls.c.id)
            .where(
                calls.c.remote.in_(numbers),
                calls.c.channel != CALLED_BACK,
                calls.c.started >= self._first - AGAIN,
                calls.c.started <= last + AGAIN,
            )
            .order_by(calls.c.started, calls.c.id)
        )
        for row in connection.execute(wanted):
            self._by_number[row.remote].append(row)
        for same in self._by_number.values():
            for at, row in enumerate(same):
                later = (each for each in same[at + 1 :] if each.started <= row.started + AGAIN)
                self._repeated[row.id] = int(any((each.matter or "") == (row.matter or "") for each in later))
        self._last = last

    def repeated(self, call: str) -> int:
        """1: it was."""
        return self._repeated.get(call, 0)

    def write_earlier(self, connection: Connection, done: set[str]) -> set[int]:
        """Correct the facts of earlier calls from the same numbers; the days that changed."""
        others = {
            row.id
            for same in self._by_number.values()
            for row in same
            if row.id not in done and row.started <= self._last
        }
        if not others:
            return set()
        stored = connection.execute(
            select(call_facts.c.call_id, call_facts.c.day, call_facts.c.repeated).where(
                call_facts.c.call_id.in_(others)
            )
        )
        wrong = [row for row in stored if row.repeated != self.repeated(row.call_id)]
        for value in (0, 1):
            ids = [row.call_id for row in wrong if row.repeated != value]
            if ids:
                connection.execute(
                    update(call_facts).where(call_facts.c.call_id.in_(ids)).values(repeated=value)
                )
        return {row.day for row in wrong}


def _write_labels(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    labels: dict[tuple[str, str], str] = {}
    for row in rows:
        for kind, code, label in (
            ("matter", row.matter, row.matter_label),
            ("service", row.service, row.service_label),
        ):
            if code and label:
                labels[kind, code[:64]] = label
    write_labels(connection, labels)


def write_labels(connection: Connection, labels: Mapping[tuple[str, str], str]) -> None:
    """Remember what codes are called: (kind, code) → label; the latest counts."""
    rows = [{"kind": kind, "code": code, "label": label} for (kind, code), label in sorted(labels.items())]
    upsert(connection, stat_labels, rows)
