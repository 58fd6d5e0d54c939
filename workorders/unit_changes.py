"""Which changes of orders concern which unit, and the rows of the units' feeds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, insert
from sqlalchemy.dialects import postgresql, sqlite

from workorders.model import State
from workorders.tables import unit_changes, unit_feeds

UNSEEN = (State.DRAFT, State.FILED)
"""States in which an order has not reached its unit."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whose order it is."""

    unit: str
    state: State
    against_unit: str

    def seen_by(self, unit: str) -> bool:
        """Whether the unit may know of the order: its own, dispatched, and no complaint about itself."""
        return self.unit == unit and self.against_unit != unit and self.state not in UNSEEN


@dataclass(frozen=True, slots=True)
class UnitChange:
    """A change that a unit is told of."""

    unit: str
    order_id: int
    history_id: int
    gone: bool
    """With this change the order ceased to be the unit's."""


def changes_for_units(
    before: Standing | None, after: Standing, order_id: int, history_id: int
) -> list[UnitChange]:
    """Whom a change concerns: who sees the order now, and who saw it before and does no more."""
    found = []
    if after.seen_by(after.unit):
        found.append(UnitChange(after.unit, order_id, history_id, gone=False))
    if before is not None and before.seen_by(before.unit) and not after.seen_by(before.unit):
        found.append(UnitChange(before.unit, order_id, history_id, gone=True))
    return found


def write_changes(connection: Connection, changes: Iterable[UnitChange]) -> None:
    """Number the changes and write them; the last thing a transaction does before it commits.

    Each unit's counter stays locked until the commit, so whoever can see number n can see all before it, and
    numbers rise in the order of the commits: what a sequence, which gives numbers out before the commit and
    loses those of failed transactions, cannot promise. The counters are locked in the order of the units'
    codes, and after every other lock, so that two transactions never wait for each other.
    """
    rows = sorted(changes, key=lambda change: change.unit)  # stable: a unit's changes keep their order
    if not rows:
        return
    counts = Counter(change.unit for change in rows)
    last = {unit: _advance(connection, unit, count) - count for unit, count in counts.items()}
    numbered = []
    for change in rows:
        last[change.unit] += 1
        numbered.append(
            {
                "unit": change.unit,
                "seq": last[change.unit],
                "order_id": change.order_id,
                "history_id": change.history_id,
                "gone": change.gone,
            }
        )
    connection.execute(insert(unit_changes), numbered)


def _advance(connection: Connection, unit: str, by: int) -> int:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    counted = (
        dialect.insert(unit_feeds)
        .values(unit=unit, last=by)
        .on_conflict_do_update(index_elements=[unit_feeds.c.unit], set_={"last": unit_feeds.c.last + by})
        .returning(unit_feeds.c.last)
    )
    return int(connection.execute(counted).scalar_one())
