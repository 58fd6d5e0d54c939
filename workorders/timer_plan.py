"""Which timers orders wait for, and which go off: rows, inside the transaction that changes the order."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, exists, insert, select, update

from workorders.model import OPEN, State
from workorders.ports import DueTimer
from workorders.tables import order_timers, work_orders
from workorders.timers import Timer

WAITING = "waiting"
FIRED = "fired"
CANCELLED = "cancelled"
_c = order_timers.c


def plan_timers(connection: Connection, order_id: int, timers: Sequence[Timer]) -> None:
    """Let these be the order's waiting timers.

    What is waiting and no longer wanted is cancelled; what is wanted again comes back; what has been fired
    stays fired, so that no event happens twice for one instant.
    """
    found = {
        (row.rule, row.at): (row.id, row.status)
        for row in connection.execute(select(_c.id, _c.rule, _c.at, _c.status).where(_c.order_id == order_id))
    }
    wanted = {(timer.rule, timer.at) for timer in timers}
    gone = [row_id for key, (row_id, status) in found.items() if status == WAITING and key not in wanted]
    back = [row_id for key, (row_id, status) in found.items() if status == CANCELLED and key in wanted]
    if gone:
        connection.execute(update(order_timers).where(_c.id.in_(gone)).values(status=CANCELLED))
    if back:
        connection.execute(update(order_timers).where(_c.id.in_(back)).values(status=WAITING))
    new = [
        {"order_id": order_id, "rule": timer.rule, "at": timer.at, "status": WAITING}
        for timer in timers
        if (timer.rule, timer.at) not in found
    ]
    if new:
        connection.execute(insert(order_timers), new)


def claim_timer(connection: Connection, now: datetime) -> DueTimer | None:
    """Let the next due timer go off; None when none is due.

    Two processes never claim the same: SQLite has one writer at a time, PostgreSQL skips locked rows.
    """
    due = (
        select(_c.id, _c.rule, _c.at, work_orders.c.number)
        .join(work_orders, work_orders.c.id == _c.order_id)
        .where(_c.status == WAITING, _c.at <= now)
        .order_by(_c.at, _c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=order_timers)
    )
    row = connection.execute(due).one_or_none()
    if row is None:
        return None
    claimed = update(order_timers).where(_c.id == row.id, _c.status == WAITING)
    if connection.execute(claimed.values(status=FIRED, finished_at=now)).rowcount != 1:
        return None
    return DueTimer(row.number, row.rule, row.at)


def unplanned(connection: Connection, limit: int) -> list[str]:
    """Orders from before there were timers, that go on."""
    going_on = [state.value for state in (*OPEN, State.REPLIED, State.VISITING)]
    none = ~exists().where(_c.order_id == work_orders.c.id)
    wanted = select(work_orders.c.number).where(work_orders.c.state.in_(going_on), none)
    return list(connection.scalars(wanted.order_by(work_orders.c.id).limit(limit)))
