"""Reads a unit's change feed: what happened to its orders, by number, and how they stand now."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, select

from workorders.history_rows import history
from workorders.model import HistoryEntry
from workorders.queries import OrderView, entry_from, views_of
from workorders.storage import translated
from workorders.tables import order_history, unit_changes, unit_feeds, work_orders

MAX_CHANGES = 200


@dataclass(frozen=True, slots=True)
class FeedChange:
    """One change."""

    seq: int
    """1, 2, 3 … without a gap."""
    number: str
    entry: HistoryEntry
    gone: bool
    """With it the order ceased to be the unit's."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Changes in order, and the orders they concern as they stand when the page is read."""

    changes: tuple[FeedChange, ...]
    orders: Mapping[str, OrderView]
    """By number; only those that the unit may see now. At least as new as the page's changes."""
    last: int
    """The feed's last number when the page was read."""


class UnitFeed:
    """Blocking reads on an engine. Raises `StorageFailed`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(read_only=True)

    def last(self, unit: str) -> int:
        """The number of the unit's last change; 0 when there is none."""
        with translated(), self._engine.connect() as connection:
            return connection.scalar(select(unit_feeds.c.last).where(unit_feeds.c.unit == unit)) or 0

    def after(self, unit: str, seq: int, limit: int) -> FeedPage:
        """The changes behind `seq`, oldest first, at most `limit`."""
        wanted = (
            history()
            .add_columns(unit_changes.c.seq, unit_changes.c.gone)
            .join(unit_changes, order_history.c.id == unit_changes.c.history_id)
            .where(unit_changes.c.unit == unit, unit_changes.c.seq > seq)
            .order_by(unit_changes.c.seq)
            .limit(max(1, min(limit, MAX_CHANGES)))
        )
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(wanted).mappings().all()
            ids = {row["order_id"] for row in rows}
            # Read after the changes, so that no order is older than they are.
            orders = connection.execute(select(work_orders).where(work_orders.c.id.in_(ids))).mappings().all()
            numbers = {row["id"]: row["number"] for row in orders}
            views = {view.order.number: view for view in views_of(connection, orders)}
        changes = tuple(
            FeedChange(row["seq"], numbers[row["order_id"]], entry_from(row), row["gone"]) for row in rows
        )
        seen = {number: view for number, view in views.items() if view.standing.seen_by(unit)}
        return FeedPage(changes, seen, max((change.seq for change in changes), default=seq))
