"""Which orders have ended for good, so that what they say of people may go when its time is over."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, tuple_

from hotline.store.holds import held
from workorders.case_tables import referrals
from workorders.model import State
from workorders.sql import WAITING
from workorders.tables import order_history, order_outbox, work_orders

ENDED = (State.ARCHIVED.value, State.CANCELLED.value, State.MERGED.value)
"""Nothing more is done about it."""
REFERRED = (
    "applied",
    "accepted",
    "approved",
    "assigned",
    "booked",
    "offered",
    "opened",
    "sent",
    "registered",
)
"""Of a referral that goes on."""
ASKED_AT_ONCE = 500
_o = work_orders.c
_other = work_orders.alias("other_orders")
_parent = work_orders.alias("parents")


def candidates(
    before: datetime, after: tuple[datetime, int] | None, limit: int, *, merged: bool
) -> Select[Any]:
    """A page of orders that have ended and still have their content, filed before an instant, oldest first.

    `ended`: when anything last happened to it. `merged`: those whose callers are looked after with another
    order, once that has lost its content; else all that stand for themselves.
    """
    last = select(func.max(order_history.c.at)).where(order_history.c.order_id == _o.id).scalar_subquery()
    goes_on = select(_other.c.id).where(_other.c.call_id == _o.call_id, _other.c.state.not_in(ENDED))
    waits = select(order_outbox.c.id).where(
        order_outbox.c.order_id == _o.id, order_outbox.c.status == WAITING
    )
    referred = select(referrals.c.id).where(referrals.c.order_id == _o.id, referrals.c.status.in_(REFERRED))
    emptied = select(_parent.c.id).where(
        _parent.c.number == _o.parent, _parent.c.content_deleted_at.is_not(None)
    )
    wanted = (
        select(work_orders, last.label("ended"))
        .where(
            _o.state.in_(ENDED),
            _o.content_deleted_at.is_(None),
            _o.filed_at < before,
            _o.call_id.not_in(held()),
            ~goes_on.exists(),
            ~waits.exists(),
            ~referred.exists(),
            emptied.exists() if merged else _o.parent == "",
        )
        .order_by(_o.filed_at, _o.id)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(
            tuple_(_o.filed_at, _o.id) > tuple_(literal(after[0], _o.filed_at.type), literal(after[1]))
        )
    return wanted


def related_of(life: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Numbers of the orders that people have said belong together with one."""
    return tuple((life or {}).get("related", ()))


def still_going_on(connection: Connection, numbers: Collection[str]) -> set[str]:
    """Those of these orders that have not ended."""
    wanted, found = sorted(numbers), set[str]()
    for at in range(0, len(wanted), ASKED_AT_ONCE):
        part = wanted[at : at + ASKED_AT_ONCE]
        found.update(connection.scalars(select(_o.number).where(_o.number.in_(part), _o.state.not_in(ENDED))))
    return found
