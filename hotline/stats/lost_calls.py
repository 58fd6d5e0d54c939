"""Callers of a day who hung up in the queue and have not been spoken to since."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, or_, select

from hotline.stats.call_fold import Fate
from hotline.store.engine import reading
from hotline.store.stat_tables import call_facts
from hotline.store.tables import calls
from workorders.tables import work_orders

MOST = 500


@dataclass(frozen=True, slots=True)
class LostCall:
    """One of them."""

    call: str
    started: datetime
    """UTC."""
    remote: str
    """Personal data."""
    wait_s: float | None
    """How long the caller waited; None: not known."""


def lost_calls(engine: Engine, day: int) -> list[LostCall]:
    """Those of a Shanghai day (its number), the latest first; one a number. Blocks; raises `StoreError`.

    Somebody who called again and was answered, is to be called back, or has an order, is not among them. Nor
    is a number that does not tell callers apart: nobody could be called.
    """
    facts = call_facts.c
    again, later = call_facts.alias("again"), calls.alias("later")
    spoken = (
        select(later.c.id)
        .join(again, again.c.call_id == later.c.id)
        .where(
            later.c.remote == calls.c.remote,
            later.c.started > calls.c.started,
            or_(again.c.fate.in_([Fate.ANSWERED.value, Fate.CALLBACK.value]), again.c.orders > 0),
        )
    )
    ordered = select(work_orders.c.id).where(work_orders.c.call_id == calls.c.id)
    lost = and_(
        facts.day == day,
        facts.fate == Fate.ABANDONED.value,
        facts.known == 1,
        facts.test == 0,
        ~spoken.exists(),
        ~ordered.exists(),
    )
    wanted = (
        select(calls.c.id, calls.c.started, calls.c.remote, facts.wait_ms)
        .join(call_facts, facts.call_id == calls.c.id)
        .where(lost)
        .order_by(calls.c.started.desc(), calls.c.id)
        .limit(MOST)
    )
    found: dict[str, LostCall] = {}
    with reading(engine) as connection:
        for row in connection.execute(wanted):
            wait = None if row.wait_ms is None else row.wait_ms / 1000
            found.setdefault(row.remote, LostCall(row.id, row.started, row.remote, wait))
    return list(found.values())
