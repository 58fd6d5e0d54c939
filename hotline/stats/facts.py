"""Keeps the tables that statistics are counted from up to date with what happens, and makes them anew."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, select, text

from hotline.stats.agent_facts import Reach, whole, write_agent_facts
from hotline.stats.call_facts import write_call_facts
from hotline.stats.closing import QUIET, close_some, reopen
from hotline.stats.kpi.model import Subject
from hotline.stats.order_facts import write_order_facts
from hotline.store.engine import reading, writing
from hotline.store.stat_tables import stat_changes
from hotline.store.tables import calls
from workorders.tables import work_orders

BATCH = 500
"""Changes, calls or orders a transaction, so that no writer waits long."""
LIVE_BATCHES = 8
"""As many a report waits for; more are left to the background, and the report says how many."""
CLOSED_AT_ONCE = 10
"""Days summed up in one transaction."""
_LOCK = 12349
"""Key of PostgreSQL's advisory lock; on SQLite the write lock does."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FactStore:
    """The fact tables of one database. Every method may block and raises `StoreError`.

    Triggers note what changed (`stat_changes`); `refresh` computes the facts of just that anew, from the rows
    as they are then, so it does not matter in what order, how late or how often changes are noted.
    """

    def __init__(
        self, engine: Engine, trials: Collection[str] = (), clock: Callable[[], datetime] = _utc_now
    ) -> None:
        """`trials`: numbers whose calls are counted nowhere."""
        self._engine = engine
        self._trials = frozenset(trials)
        self._clock = clock

    def backlog(self) -> int:
        """Changes that are not counted yet."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(stat_changes)).scalar_one()

    def refresh(self, batches: int = LIVE_BATCHES) -> int:
        """Count what has changed, that many batches at most; how many changes are left."""
        for _ in range(batches):
            left = self.backlog()
            if not left:
                return 0
            with writing(self._engine) as connection:
                _alone(connection)
                self._take(connection)
        return self.backlog()

    def close_days(self, most: int = CLOSED_AT_ONCE, quiet: timedelta = QUIET) -> int:
        """Sum up days that have been quiet; how many. A report counts the facts of the others."""
        with writing(self._engine) as connection:
            _alone(connection)
            return close_some(connection, self._clock(), most, quiet)

    def rebuild(self, tell: Callable[[int, int], None] | None = None) -> int:
        """Compute everything anew; how many calls and orders. Gives the same tables as `refresh` does.

        `tell` is told how far it has come. May be stopped and repeated at any point.
        """
        with writing(self._engine) as connection:
            _alone(connection)
            last = connection.execute(select(func.max(stat_changes.c.id))).scalar_one() or 0
            total = _count(connection, calls) + _count(connection, work_orders)
            agents = whole(connection)
        for agent, reach in agents.items():
            with writing(self._engine) as connection:
                _alone(connection)
                write_agent_facts(connection, {agent: reach})
        done = 0
        for step in (self._rebuild_orders, self._rebuild_calls):
            position: tuple[Any, ...] | None = ()
            while position is not None:
                with writing(self._engine) as connection:
                    _alone(connection)
                    position, count = step(connection, position)
                done += count
                if tell is not None:
                    tell(done, total)
        with writing(self._engine) as connection:
            # what was noted while this ran is counted once more by the next refresh
            connection.execute(delete(stat_changes).where(stat_changes.c.id <= last))
        while self.close_days(quiet=timedelta(0)):
            pass
        return done

    def _take(self, connection: Connection) -> None:
        rows = connection.execute(select(stat_changes).order_by(stat_changes.c.id).limit(BATCH)).all()
        agents: dict[str, Reach] = {}
        for row in rows:
            if row.kind == "agent":
                first, last = agents.get(row.key, (row.at, row.at))
                agents[row.key] = (min(first, row.at), max(last, row.at))
        wrapped = write_agent_facts(connection, agents)
        ids = {row.key for row in rows if row.kind == "call"} | wrapped
        orders = {int(row.key) for row in rows if row.kind == "order"}
        orders |= set(connection.scalars(select(work_orders.c.id).where(work_orders.c.call_id.in_(ids))))
        self._write_orders(connection, orders)
        self._write_calls(connection, ids)
        connection.execute(delete(stat_changes).where(stat_changes.c.id.in_([row.id for row in rows])))

    def _write_calls(self, connection: Connection, ids: Collection[str]) -> None:
        days = write_call_facts(connection, ids, self._trials)
        reopen(connection, Subject.CALLS, days, self._clock())

    def _write_orders(self, connection: Connection, ids: Collection[int]) -> None:
        reopen(connection, Subject.ORDERS, write_order_facts(connection, ids), self._clock())

    def _rebuild_orders(
        self, connection: Connection, after: tuple[Any, ...]
    ) -> tuple[tuple[Any, ...] | None, int]:
        wanted = select(work_orders.c.id).order_by(work_orders.c.id).limit(BATCH)
        if after:
            wanted = wanted.where(work_orders.c.id > after[0])
        ids = connection.scalars(wanted).all()
        self._write_orders(connection, set(ids))
        return ((ids[-1],) if ids else None), len(ids)

    def _rebuild_calls(
        self, connection: Connection, after: tuple[Any, ...]
    ) -> tuple[tuple[Any, ...] | None, int]:
        # In the order of their start, so that what belongs together is read together.
        wanted = select(calls.c.id, calls.c.started).order_by(calls.c.started, calls.c.id).limit(BATCH)
        if after:
            wanted = wanted.where(_behind(*after))
        rows: list[Row[Any]] = list(connection.execute(wanted))
        self._write_calls(connection, {row.id for row in rows})
        return ((rows[-1].started, rows[-1].id) if rows else None), len(rows)


def _behind(started: datetime, call: str) -> Any:
    same = (calls.c.started == started) & (calls.c.id > call)
    return (calls.c.started > started) | same


def _count(connection: Connection, table: Any) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _alone(connection: Connection) -> None:
    """One counts at a time: the later of two would else write what it read before the earlier one."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
