"""Keys under which other channels file: the same key is the same order, with other content a mistake."""

import hashlib
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from workorders.errors import WorkOrderError
from workorders.storage import translated
from workorders.tables import intake_keys


class KeyReused(WorkOrderError):
    """The key has been used for something else."""

    code = "order.key_reused"


class IntakeKeys:
    """Blocking; raises `StorageFailed`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, call_id: str, body: bytes, at: datetime) -> None:
        """Bind a key to a content; doing it again changes nothing. Raises `KeyReused`."""
        digest = hashlib.sha256(body).hexdigest()
        dialect = sqlite if self._engine.dialect.name == "sqlite" else postgresql
        bound = dialect.insert(intake_keys).values(call_id=call_id, body=digest, at=at)
        with translated(), self._engine.begin() as connection:
            connection.execute(bound.on_conflict_do_nothing())
            there = connection.scalar(select(intake_keys.c.body).where(intake_keys.c.call_id == call_id))
        if there != digest:
            raise KeyReused("the key has been used for another content")


def call_id_of(channel: str, key: str) -> str:
    """What stands for a call, where there is none: channel and key."""
    return f"{channel}-{hashlib.sha256(key.encode()).hexdigest()[:40]}"
