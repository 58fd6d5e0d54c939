"""Each unit's webhook secret: derived from the line's master secret, renewed by counting up."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from sqlalchemy import Engine, select, update

from hotline.store.engine import insert_if_new, reading, writing
from hotline.store.tables import webhook_keys

PREFIX = "hlw_"
OVERLAP = timedelta(hours=24)
"""So long after a renewal deliveries are signed with both secrets, that the unit can change over in peace."""


class WebhookKeys:
    """The units' secrets. No secret is stored: who reads the database cannot sign, who has the master can.

    A unit that knows its secret can work out no other unit's. Every method may block, raises `StoreError`.
    """

    def __init__(self, engine: Engine, master: bytes) -> None:
        self._engine = engine
        self._master = master

    def secrets(self, unit: str, now: datetime) -> tuple[bytes, ...]:
        """What a delivery is signed with now: the unit's secret, and the one before while it still counts."""
        with reading(self._engine) as connection:
            row = connection.execute(select(webhook_keys).where(webhook_keys.c.unit == unit)).one_or_none()
        if row is None:
            return (self._derive(unit, 1).encode(),)
        generations = [row.generation]
        if row.old_until is not None and row.old_until > now:
            generations.append(row.generation - 1)
        return tuple(self._derive(unit, each).encode() for each in generations)

    def current(self, unit: str, now: datetime) -> str:
        """The secret that the unit is to use."""
        return self.secrets(unit, now)[0].decode()

    def renew(self, unit: str, now: datetime, overlap: timedelta = OVERLAP) -> str:
        """A new secret for the unit; the one before counts for `overlap` more (zero: not at all)."""
        first = {"unit": unit, "generation": 1, "since": now, "old_until": None}
        with writing(self._engine) as connection:
            insert_if_new(connection, webhook_keys, first)
            generation = connection.execute(
                update(webhook_keys)
                .where(webhook_keys.c.unit == unit)
                .values(
                    generation=webhook_keys.c.generation + 1,
                    since=now,
                    old_until=now + overlap if overlap else None,
                )
                .returning(webhook_keys.c.generation)
            ).scalar_one()
        return self._derive(unit, int(generation))

    def _derive(self, unit: str, generation: int) -> str:
        made = hmac.new(self._master, f"webhook {unit} {generation}".encode(), hashlib.sha256).digest()
        return PREFIX + base64.urlsafe_b64encode(made).decode().rstrip("=")
