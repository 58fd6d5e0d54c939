"""Legal holds: calls whose recording and words are kept for an inquiry, whatever retention says."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, Select, insert, select, update

from hotline.conversation import CallId
from hotline.store.engine import reading, storable, writing
from hotline.store.tables import holds


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold in force."""

    call: str
    who: str
    reason: str
    at: datetime


class HoldStore:
    """Holds in the database. Methods block and raise `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def place(self, call: CallId, who: str, reason: str, at: datetime) -> bool:
        """Hold a call; False when it is held already."""
        with writing(self._engine) as connection:
            there = held().where(holds.c.call_id == storable(call))
            if connection.execute(there).first() is not None:
                return False
            row = {"call_id": storable(call), "who": who, "reason": storable(reason), "at": at}
            connection.execute(insert(holds).values(row))
        return True

    def release(self, call: CallId, who: str, at: datetime) -> bool:
        """Let a call go; False when it was not held."""
        over = (
            update(holds)
            .where(holds.c.call_id == storable(call), holds.c.released_at.is_(None))
            .values(released_by=who, released_at=at)
        )
        with writing(self._engine) as connection:
            return connection.execute(over).rowcount > 0

    def of(self, call: CallId) -> Hold | None:
        """The hold on a call."""
        return next((each for each in self.all() if each.call == call), None)

    def all(self) -> list[Hold]:
        """Every hold in force, newest first."""
        wanted = select(holds).where(holds.c.released_at.is_(None)).order_by(holds.c.id.desc())
        with reading(self._engine) as connection:
            return [Hold(row.call_id, row.who, row.reason, row.at) for row in connection.execute(wanted)]


def held() -> Select[tuple[str]]:
    """Ids of the calls that are held."""
    return select(holds.c.call_id).where(holds.c.released_at.is_(None))
