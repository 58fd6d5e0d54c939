"""Seals committed rows into the chain, each once and in order, a moment after they were written.

A follower and not a part of the writing transactions: one chain means one writer, and orders filed at once
would wait for each other. A crash loses nothing, for what has no entry yet is found by its id; that no row is
sealed twice and that the chain has no forks the database itself sees to (its keys).

What is final: on SQLite, where one transaction writes at a time, everything that can be read. On PostgreSQL a
transaction may commit a lower id after a higher one; so rows are taken as far as ids have no gap, and for a
gap that stays (a transaction that was rolled back) the table is locked for a moment against writers: what is
not there then never comes. Therefore a row that turns up below what is sealed was put there by hand.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, text

from hotline.audit.chain import GENESIS, link
from hotline.audit.sources import SOURCES, row_digest, rows_of
from hotline.errors import StoreError
from hotline.store.engine import reading, writing
from hotline.store.tables import audit_chain

log = logging.getLogger(__name__)

BATCH = 1_000
"""Rows of a table in one transaction: SQLite's other writers wait a few milliseconds for it."""
GAP_SECONDS = 2.0
"""A gap this old is looked into."""
LOCK = 123480
"""Key of PostgreSQL's advisory lock: one process seals at a time."""


@dataclass(frozen=True, slots=True)
class ChainState:
    """How far the chain goes."""

    seq: int
    """Of the last entry; 0: none."""
    hash: str
    sealed_at: datetime | None
    waiting: int
    """Rows that have no entry yet, not those below what is sealed."""
    oldest: datetime | None
    """When the oldest of them was written."""


@dataclass(frozen=True, slots=True)
class SealerFigures:
    """As `hotline_audit_*` on the metrics page."""

    waiting: int
    sealed: int


class Sealer:
    """Of one database. Methods block and raise `StoreError`."""

    def __init__(
        self, engine: Engine, utc_now: Callable[[], datetime], clock: Callable[[], float] = monotonic
    ) -> None:
        self._engine = engine
        self._now = utc_now
        self._clock = clock
        self._gaps: dict[str, tuple[int, float]] = {}
        self._final: dict[str, int] = {}
        self.lag = 0
        """Rows found waiting at the last look, at most one batch of each table."""
        self.sealed = 0
        """Rows sealed since the start."""

    def figures(self) -> SealerFigures:
        """How it is doing."""
        return SealerFigures(self.lag, self.sealed)

    def seal(self) -> int:
        """Seal what is there, one batch of each table; how many rows. 0: nothing to do for now."""
        with reading(self._engine) as connection:
            head = head_of(connection)
            rows = [item for source in SOURCES for item in self._new(connection, source)]
        self.lag = len(rows)
        if not rows:
            return 0
        entries, at = linked(head, rows), self._now()
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
            if head_of(connection) != head:
                return len(rows)  # another process was at it: look again
            connection.execute(insert(audit_chain), [{**entry, "sealed_at": at} for entry in entries])
        self.sealed += len(rows)
        return len(rows)

    def seal_all(self, tell: Callable[[int], None] = lambda _count: None) -> int:
        """Seal until nothing is left; how many rows. `tell` hears of each batch."""
        total = 0
        while count := self.seal():
            total += count
            tell(count)
        return total

    def state(self) -> ChainState:
        """How far the chain goes, and what waits."""
        with reading(self._engine) as connection:
            return state_of(connection)

    def _new(self, connection: Connection, source: str) -> list[tuple[str, int, str]]:
        """Final rows of a table that come next: table, id, digest."""
        table, floor = SOURCES[source], sealed_to(connection, source)
        asked = rows_of(source).where(table.c.id > floor).order_by(table.c.id).limit(BATCH)
        rows = connection.execute(asked).mappings().all()
        if connection.dialect.name == "postgresql":
            rows = self._settled(source, floor, rows)
        return [(source, int(row["id"]), row_digest(row)) for row in rows]

    def _settled(self, source: str, floor: int, rows: Sequence[RowMapping]) -> Sequence[RowMapping]:
        """The rows up to the first gap behind which something may still come."""
        final, taken = self._final.get(source, 0), floor
        for place, row in enumerate(rows):
            if row["id"] > taken + 1 and row["id"] > final:
                self._look_into(source, int(row["id"]))
                return rows[:place]
            taken = int(row["id"])
        self._gaps.pop(source, None)
        return rows

    def _look_into(self, source: str, behind: int) -> None:
        """Settle a gap that is old enough. It is passed at the next look: these rows were read too early."""
        at, since = self._gaps.get(source, (0, 0.0))
        if at != behind:
            self._gaps[source] = (behind, self._clock())
        elif self._clock() - since >= GAP_SECONDS:
            self._final[source] = self._settle(source)

    def _settle(self, source: str) -> int:
        """The highest id there is at a moment when nobody writes; up to it nothing more will come."""
        table = SOURCES[source]
        with writing(self._engine) as connection:
            connection.execute(text("SET LOCAL lock_timeout = '1s'"))
            connection.execute(text(f"LOCK TABLE {table.name} IN SHARE MODE"))  # our own names only
            return int(connection.scalar(select(func.max(table.c.id))) or 0)


def head_of(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last entry."""
    last = select(audit_chain.c.seq, audit_chain.c.hash).order_by(audit_chain.c.seq.desc()).limit(1)
    row = connection.execute(last).one_or_none()
    return (row.seq, row.hash) if row is not None else (0, GENESIS)


def sealed_to(connection: Connection, source: str) -> int:
    """The highest id of a table that has an entry; every lower one has one too, or never was."""
    highest = select(func.max(audit_chain.c.row_id)).where(audit_chain.c.source == source)
    return int(connection.scalar(highest) or 0)


def linked(head: tuple[int, str], rows: Sequence[tuple[str, int, str]]) -> list[dict[str, Any]]:
    """The entries of rows, in order, behind the head."""
    seq, prev = head
    entries = []
    for source, row, digest in rows:
        seq += 1
        made = link(prev, seq, source, row, digest)
        entries.append(
            {"seq": seq, "source": source, "row_id": row, "digest": digest, "prev": prev, "hash": made}
        )
        prev = made
    return entries


def state_of(connection: Connection) -> ChainState:
    """How far the chain goes, and what waits, in one transaction."""
    last = select(audit_chain).order_by(audit_chain.c.seq.desc()).limit(1)
    row = connection.execute(last).one_or_none()
    waiting, oldest = 0, None
    for source, table in SOURCES.items():
        behind = table.c.id > sealed_to(connection, source)
        count, first = connection.execute(select(func.count(), func.min(table.c.at)).where(behind)).one()
        waiting += count
        oldest = min(filter(None, (oldest, first)), default=None)
    if row is None:
        return ChainState(0, GENESIS, None, waiting, oldest)
    return ChainState(row.seq, row.hash, row.sealed_at, waiting, oldest)


async def seal_forever(sealer: Sealer, seconds: float) -> None:
    """Seal until cancelled. What fails is tried again: rows keep."""
    while True:
        try:
            found = await anyio.to_thread.run_sync(sealer.seal)
        except StoreError as error:
            log.error("rows wait to be sealed", extra={"code": error.code})
            found = 0
        if not found:
            await anyio.sleep(seconds)
