"""What an incident's counts count: its orders, its calls, its callers. Counts and lists ask the same."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from workorders.case_tables import incident_members
from workorders.incidents import CALL, ORDER
from workorders.order_filter import Condition, OrderFilter
from workorders.tables import work_orders
from workorders.visible import EVERYTHING, visible

_m, _o = incident_members.c, work_orders.c


class Counted(StrEnum):
    """What is counted."""

    ORDERS = "orders"
    CALLS = "calls"
    """Calls that were put to it, and calls of its orders, each once."""
    CALLERS = "callers"
    """Different callers of its orders; in a list each stands as the first of their orders."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list behind a count: of what somebody may see (`sees`: a condition on a call's id)."""

    incident: int
    counted: Counted
    state: str = ""
    """Only orders in this state."""
    seen: OrderFilter = EVERYTHING
    sees: Condition | None = None

    def refs(self) -> Select[Any]:
        """The numbers of orders, or ids of calls, as `ref`."""
        orders = orders_in(self.incident, self.seen)
        if self.state:
            orders = orders.where(_o.state == self.state)
        match self.counted:
            case Counted.ORDERS:
                return orders.with_only_columns(_o.number.label("ref"))
            case Counted.CALLS:
                put = members(self.incident, CALL, self.sees).with_only_columns(_m.ref.label("ref"))
                both = put.union(orders.with_only_columns(_o.call_id.label("ref"))).subquery()
                return select(both.c.ref)
            case Counted.CALLERS:
                return orders.with_only_columns(func.min(_o.number).label("ref")).group_by(_o.caller_contact)


def count(connection: Connection, wanted: Select[Any]) -> int:
    """How many refs there are."""
    return int(connection.execute(select(func.count()).select_from(wanted.subquery())).scalar_one())


def page(connection: Connection, wanted: Select[Any], after: str, limit: int) -> list[str]:
    """The refs behind `after`, in their order."""
    refs: ColumnElement[str] = (every := wanted.subquery()).c.ref
    found = select(refs).select_from(every).order_by(refs).limit(limit)
    return list(connection.scalars(found.where(refs > after) if after else found))


def members(incident: int, kind: str, sees: Condition | None = None) -> Select[Any]:
    """What was put to it."""
    wanted = select(_m.ref).where(_m.incident_id == incident, _m.kind == kind)
    return wanted if sees is None else wanted.where(sees(_m.ref))


def orders_in(incident: int, seen: OrderFilter) -> Select[Any]:
    """Its orders that somebody may see."""
    return (
        select(_o.state, _o.call_id, _o.caller_contact)
        .join(incident_members, _m.ref == _o.number)
        .where(_m.incident_id == incident, _m.kind == ORDER, *visible(seen))
    )
