"""Deliveries to units' own systems that do not get through, for a person to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, or_, select

from workorders.ports import TaskKind
from workorders.sql import DEAD, WAITING
from workorders.storage import translated
from workorders.tables import order_outbox, work_orders

MAX_LETTERS = 500
_rows = order_outbox.c


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery in trouble."""

    delivery_id: str
    number: str
    unit: str
    unit_name: str
    dead: bool
    """Given up; else it has failed and will be tried again."""
    attempts: int
    problem: str
    """Code of the last failure, with the answer's status where there was one."""
    written: datetime
    next_at: datetime | None
    """When it is tried next; None for a dead one."""


class DeadLetters:
    """Blocking reads on an engine. Raises `StorageFailed`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(read_only=True)

    def all(self, limit: int = 200) -> Sequence[Letter]:
        """Dead ones first, then failing ones; newest first."""
        failing = and_(_rows.status == WAITING, _rows.problem.is_not(None))
        wanted = (
            select(order_outbox, work_orders.c.number, work_orders.c.unit_name)
            .join(work_orders, work_orders.c.id == _rows.order_id)
            .where(_rows.kind == TaskKind.WEBHOOK.value, or_(_rows.status == DEAD, failing))
            .order_by(_rows.status, _rows.id.desc())
            .limit(max(1, min(limit, MAX_LETTERS)))
        )
        with translated(), self._engine.connect() as connection:
            return [
                Letter(
                    row["delivery_id"],
                    row["number"],
                    row["unit"],
                    row["unit_name"],
                    row["status"] == DEAD,
                    row["attempts"],
                    row["problem"] or "",
                    row["created_at"],
                    None if row["status"] == DEAD else row["next_at"],
                )
                for row in connection.execute(wanted).mappings()
            ]
