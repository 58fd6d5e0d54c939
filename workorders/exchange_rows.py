"""What other systems call our orders, and what they have told us, in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from workorders.case_tables import exchange_events, order_references
from workorders.cases import Reference
from workorders.ports import DuplicateOrder
from workorders.storage import insert_new, translated
from workorders.tables import work_orders

_c = order_references.c


class SqlExchange:
    """See `workorders.cases.Exchange`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_number(self, system: str, number: str) -> Reference | None:
        """What a system calls by that number."""
        found = self._read(references().where(_c.system == system, _c.number == number))
        return found[0] if found else None

    def of_order(self, order: str) -> tuple[Reference, ...]:
        """Where else an order is known."""
        return tuple(self._read(references().where(work_orders.c.number == order).order_by(_c.id)))

    def note(self, reference: Reference) -> None:
        """Write it, or over it."""
        if reference.number is not None:
            there = self.by_number(reference.system, reference.number)
            if there is not None and there.order != reference.order:
                raise DuplicateOrder("that outside number means another order")
        with translated():
            order_id = self._connection.execute(
                select(work_orders.c.id).where(work_orders.c.number == reference.order)
            ).scalar_one()
            mine = (
                _c.order_id == order_id,
                _c.system == reference.system,
                _c.direction == reference.direction,
            )
            values: dict[str, Any] = {
                "number": reference.number,
                "status": reference.status,
                "text": reference.text,
                "updated_at": reference.updated_at,
            }
            if self._connection.execute(update(order_references).where(*mine).values(values)).rowcount:
                return
            values |= {
                "order_id": order_id,
                "system": reference.system,
                "direction": reference.direction,
                "at": reference.at,
            }
            self._connection.execute(insert(order_references).values(values))

    def first_time(self, system: str, event: str, subject: str, at: datetime) -> bool:
        """Whether the system had not told us this before."""
        values = {"system": system, "event": event, "subject": subject, "at": at}
        with translated():
            return insert_new(self._connection, exchange_events, values)

    def _read(self, wanted: Select[Any]) -> list[Reference]:
        with translated():
            return [reference_from(row) for row in self._connection.execute(wanted).mappings()]


def references() -> Select[Any]:
    """References with their orders' numbers."""
    order = work_orders.c.number.label("order")
    return select(order_references, order).join(work_orders, work_orders.c.id == _c.order_id)


def reference_from(row: RowMapping) -> Reference:
    """A row of `references` as a value."""
    return Reference(
        order=row["order"],
        system=row["system"],
        direction=row["direction"],
        number=row["number"],
        status=row["status"],
        text=row["text"],
        at=row["at"],
        updated_at=row["updated_at"],
    )
