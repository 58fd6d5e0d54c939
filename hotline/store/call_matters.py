"""Which calls are about a matter, newest first: a list for each code, as an index has it, merged."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, FromClause, Select, select, union_all

from hotline.store.engine import storable
from hotline.store.tables import calls, intents
from workorders.order_filter import of_kind
from workorders.order_search import codes

ID, STARTED = intents.c.call_id, intents.c.call_started
"""The columns that conditions on these calls are about."""


def codes_of(connection: Connection, matter: str) -> list[str]:
    """The codes in use that are the matter, or of its kind."""
    return of_kind(storable(matter), codes(connection, intents.c.matter))


@dataclass(frozen=True, slots=True)
class About:
    """The calls about a matter that fit."""

    codes: Sequence[str]
    """That the matter stands for."""
    conditions: Sequence[ColumnElement[bool]]
    """On `ID` and `STARTED`, and on `calls`."""
    with_calls: bool
    """Whether they are about `calls`, too, which the index knows nothing of."""

    def all(self) -> Select[tuple[str]]:
        """Their ids, in no order."""
        return self._of(intents.c.matter.in_(self.codes))

    def newest(self, limit: int) -> ColumnElement[bool]:
        """The condition on `calls` that holds for the first so many of each code."""
        order = (STARTED.desc(), ID.desc())
        each = [
            self._of(intents.c.matter == code).order_by(*order).limit(limit).subquery() for code in self.codes
        ]
        return calls.c.id.in_(union_all(*(select(one.c.call_id) for one in each)) if each else ())

    def _of(self, matter: ColumnElement[bool]) -> Select[tuple[str]]:
        source: FromClause = intents.join(calls, calls.c.id == ID) if self.with_calls else intents
        return select(ID).select_from(source).where(matter, *self.conditions)
