"""The log of what has left the house: one row for each order that a unit was given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from hotline.store.engine import reading, writing
from hotline.store.tables import outbound_records

MAX_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Outbound:
    """An order, or a file of one, that was handed out. Webhooks are logged by their outbox rows."""

    at: datetime
    """UTC."""
    who: str
    """`unit:<code>#<token id>` or a user's name."""
    unit: str
    way: str
    """page, rest, feed or file."""
    number: str
    version: int
    classes: str
    """Data classes that it held unmasked, by comma."""


class OutboundLog:
    """Blocking; raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, rows: Sequence[Outbound]) -> None:
        """Add rows, in one transaction."""
        if not rows:
            return
        values = [
            {
                "at": row.at,
                "who": row.who[:64],
                "unit": row.unit,
                "way": row.way,
                "number": row.number,
                "version": row.version,
                "classes": row.classes,
            }
            for row in rows
        ]
        with writing(self._engine) as connection:
            connection.execute(outbound_records.insert(), values)

    def of(self, number: str) -> list[Outbound]:
        """To whom an order was given, newest first."""
        columns = outbound_records.c
        wanted = (
            select(outbound_records)
            .where(columns.number == number)
            .order_by(columns.id.desc())
            .limit(MAX_RECORDS)
        )
        with reading(self._engine) as connection:
            return [
                Outbound(row.at, row.who, row.unit, row.way, row.number, row.version, row.classes)
                for row in connection.execute(wanted)
            ]
