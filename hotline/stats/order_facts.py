"""Computes the facts of orders from their rows and histories, and writes them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from hotline.stats.call_facts import write_labels
from hotline.stats.days import slot_or_none
from hotline.stats.order_fold import Step, latest_mark, progress
from hotline.store.engine import upsert
from hotline.store.stat_tables import order_facts
from hotline.store.tables import calls
from workorders.model import Action
from workorders.tables import order_history, work_orders

_TRACED = (Action.GRANT_EXTENSION.value, Action.SUPERVISE.value, Action.VISIT.value)
"""Steps of which it matters what changed."""
_MOMENTS = ("filed", "dispatched", "due", "approved")


def write_order_facts(connection: Connection, ids: Collection[int]) -> set[int]:
    """Compute the facts of these orders anew; the days whose figures may have changed."""
    if not ids:
        return set()
    days = _days(connection, ids)
    wanted = (
        select(work_orders, calls.c.channel.label("call_channel"))
        .outerjoin(calls, calls.c.id == work_orders.c.call_id)
        .where(work_orders.c.id.in_(ids))
        .order_by(work_orders.c.id)
    )
    rows = connection.execute(wanted).all()
    steps = _steps(connection, ids)
    upsert(connection, order_facts, [_fact(row, steps.get(row.id, ())) for row in rows])
    labels: dict[tuple[str, str], str] = {}
    for row in rows:
        labels["unit", row.unit] = row.unit_name
        labels["matter", row.matter] = row.matter_label
        labels["service", row.service] = row.service_label
    write_labels(connection, {key: label for key, label in labels.items() if key[1] and label})
    return days | _days(connection, ids)


def _days(connection: Connection, ids: Collection[int]) -> set[int]:
    facts = order_facts.c
    wanted = select(
        facts.filed_day, facts.dispatched_day, facts.sign_day, facts.due_day, facts.approved_day
    ).where(facts.order_id.in_(ids))
    return {day for row in connection.execute(wanted) for day in row if day is not None}


def _steps(connection: Connection, ids: Collection[int]) -> Mapping[int, Sequence[Step]]:
    wanted = (
        select(
            order_history.c.order_id,
            order_history.c.at,
            order_history.c.action,
            order_history.c.machine_value,
            order_history.c.human_value,
        )
        .where(order_history.c.order_id.in_(ids), order_history.c.action != Action.EDIT.value)
        .order_by(order_history.c.id)
    )
    found: dict[int, list[Step]] = defaultdict(list)
    for row in connection.execute(wanted):
        traced = row.action in _TRACED
        before, after = (row.machine_value or "", row.human_value or "") if traced else ("", "")
        found[row.order_id].append(Step(row.at, row.action, before, after))
    return found


def _fact(row: Row[Any], steps: Sequence[Step]) -> dict[str, Any]:
    done = progress(steps)
    mark = latest_mark(row.life or {})
    fact = {
        "order_id": row.id,
        "number": row.number,
        "call_id": row.call_id,
        "kind": row.kind,
        "state": row.state,
        "unit": row.unit,
        "agent": row.owner,
        "against": row.against_person,
        "channel": row.call_channel or row.channel,
        "matter": row.matter,
        "service": row.service,
        "place": row.district,
        "filed": row.filed_at,
        "dispatched": done.dispatched,
        "signed": done.signed,
        "sign_by": row.sign_by,
        "finished": done.finished,
        "due": row.due_at,
        "due_plain": done.due_plain or row.due_at,
        "approved": done.approved,
        "visited": done.visited,
        "visit_mark": mark if mark is not None else done.visit_mark,
        "returns": done.count(Action.RETURN),
        "extensions": done.count(Action.GRANT_EXTENSION),
        "urges": done.count(Action.URGE),
        "level": done.level,
        "redos": done.count(Action.REDO),
    }
    for name in _MOMENTS:
        fact[f"{name}_day"], fact[f"{name}_hour"] = slot_or_none(fact[name])
    fact["sign_day"], fact["sign_hour"] = slot_or_none(row.sign_by)
    return fact
