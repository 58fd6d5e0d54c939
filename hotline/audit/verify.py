"""Compares the chain with everything it has sealed, and names what is broken: the row, and in what way.

Reads only. Memory does not grow with the chain. Rows that have no entry yet cannot be compared with anything;
they are counted, and how old the oldest is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Engine, RowMapping, func, select

from hotline.audit.chain import GENESIS, link
from hotline.audit.erasures import Erasures
from hotline.audit.recordings import Tapes
from hotline.audit.report import MOST, Broken, Report
from hotline.audit.roots import Root, broken_roots, stored_roots
from hotline.audit.sealer import sealed_to, state_of
from hotline.audit.sources import AUDIT, HISTORY, SOURCES, row_digest, rows_by_id, wordless, words_hold
from hotline.store.engine import reading
from hotline.store.tables import audit_chain
from hotline.store.views import local_midnight
from workorders.tables import order_history, work_orders

LOOKED_FOR = 20
"""For so many altered rows it is found out whose content they have: each costs a walk through the chain."""
CHUNK = 2_000
"""Entries looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at."""

    since: date | None = None
    """Entries sealed on or after this day (Asia/Shanghai)."""
    until: date | None = None
    """Inclusive."""
    roots: tuple[Root, ...] | None = None
    """Kept outside; None: those in the database."""
    public: Ed25519PublicKey | None = None
    """Whose signature roots must have."""
    tapes: Path | None = None
    """The folder of recordings; None: files are not read."""


Tell = Callable[[int, int], None]
"""Entries done, entries in all."""


def nothing(_done: int, _all: int) -> None:
    """Tell nobody."""


def verify(engine: Engine, wanted: Wanted, tell: Tell = nothing) -> Report:
    """Look at everything. Blocks, for long on a long chain; raises `StoreError`."""
    report = Report()
    with reading(engine) as connection:
        report.state = state_of(connection)
        report.first, report.last = _range(connection, wanted)
    tapes = Tapes(engine, wanted.tapes) if wanted.tapes is not None else None
    walk = _Walk(engine, report, tapes)
    for done in walk.run():
        tell(done, max(report.last - report.first + 1, 0))
    for broken in _inserted(engine):
        report.add(broken)
    for broken in _states(engine):
        report.add(broken)
    _roots(engine, wanted, report)
    return report


def _range(connection: Connection, wanted: Wanted) -> tuple[int, int]:
    seq, at = audit_chain.c.seq, audit_chain.c.sealed_at
    asked = select(func.min(seq), func.max(seq))
    if wanted.since is not None:
        asked = asked.where(at >= local_midnight(wanted.since))
    if wanted.until is not None:
        asked = asked.where(at < local_midnight(wanted.until + timedelta(days=1)))
    first, last = connection.execute(asked).one()
    if wanted.since is None:
        first = 1  # what is missing at the beginning is missing
    return int(first or 1), int(last or 0)


class _Walk:
    """Along the chain, an entry at a time."""

    def __init__(self, engine: Engine, report: Report, tapes: Tapes | None) -> None:
        self._engine = engine
        self._report = report
        self._tapes = tapes
        self._seq = report.first - 1
        self._prev = GENESIS
        self._rows: dict[str, int] = {}
        self._erasures = Erasures()

    def run(self) -> Iterator[int]:
        """Entries done after each chunk."""
        report = self._report
        with reading(self._engine) as connection:
            if self._seq:
                before = select(audit_chain.c.hash).where(audit_chain.c.seq == self._seq)
                self._prev = connection.scalar(before) or GENESIS
        at = report.first
        while at <= report.last:
            with reading(self._engine) as connection:
                chunk = (
                    select(audit_chain)
                    .where(audit_chain.c.seq >= at, audit_chain.c.seq <= report.last)
                    .order_by(audit_chain.c.seq)
                    .limit(CHUNK)
                )
                entries = connection.execute(chunk).mappings().all()
                if not entries:
                    break
                self._chunk(connection, entries)
            at = int(entries[-1]["seq"]) + 1
            yield at - report.first

    def _chunk(self, connection: Connection, entries: Sequence[RowMapping]) -> None:
        rows: dict[str, dict[int, RowMapping]] = {}
        for source in SOURCES:
            ids = [each["row_id"] for each in entries if each["source"] == source]
            rows[source] = rows_by_id(connection, source, ids)
        for entry in entries:
            self._link(entry)
            row = rows.get(entry["source"], {}).get(entry["row_id"])
            self._row(connection, entry, row)

    def _link(self, entry: RowMapping) -> None:
        """The entry hangs on the one before, and is what it was when it was made."""
        seq = int(entry["seq"])
        for missing in range(self._seq + 1, min(seq, self._seq + 1 + MOST)):
            self._report.add(Broken("entry_missing", "chain", str(missing), missing))
        made = link(entry["prev"], seq, entry["source"], entry["row_id"], entry["digest"])
        if made != entry["hash"] or (entry["prev"] != self._prev and seq == self._seq + 1):
            self._report.add(Broken("entry_changed", "chain", str(seq), seq))
        self._seq, self._prev = seq, entry["hash"]

    def _row(self, connection: Connection, entry: RowMapping, row: RowMapping | None) -> None:
        """The row is what was sealed, and nothing is missing before it."""
        source, row_id, seq = entry["source"], int(entry["row_id"]), int(entry["seq"])
        self._unsealed_gap(connection, source, row_id, seq)
        if row is None:
            self._report.add(Broken("deleted", source, str(row_id), seq))
            return
        if source == HISTORY and not self._words(connection, row, entry):
            return
        digest = row_digest(row)
        if digest != entry["digest"]:
            few = self._report.count < LOOKED_FOR
            other = _sealed_elsewhere(connection, source, digest) if few else None
            kind = "changed" if other is None else "reordered"
            self._report.add(Broken(kind, source, str(row_id), seq, "" if other is None else str(other)))
            return
        if source == AUDIT and self._tapes is not None:
            for broken in self._tapes.look(row, seq):
                self._report.add(broken)
            self._report.recordings = self._tapes.seen
            self._report.deleted_recordings = self._tapes.deleted

    def _words(self, connection: Connection, row: RowMapping, entry: RowMapping) -> bool:
        """The words of a line of history are there, or gone in their time; whether the row is to be compared.

        A row of an older release whose words are gone cannot be: its certificate has been.
        """
        seq, line = int(entry["seq"]), str(row["id"])
        committed = row["content"] is not None
        if committed and words_hold(row) is False:
            self._report.add(Broken("words_changed", HISTORY, line, seq))
        if not wordless(row) or (not committed and row_digest(row) == entry["digest"]):
            return True
        certified = self._erasures.certified(connection, row, sealed_with_words=not committed)
        self._report.erased_lines = self._erasures.seen
        if not certified and committed:
            self._report.add(Broken("words_missing", HISTORY, line, seq))
        return committed or not certified

    def _unsealed_gap(self, connection: Connection, source: str, row_id: int, seq: int) -> None:
        """On SQLite ids have no gaps: a missing one was deleted before it could be sealed."""
        before = self._rows.get(source)
        self._rows[source] = row_id
        if before is None or connection.dialect.name != "sqlite" or row_id == before + 1:
            return
        for missing in range(before + 1, min(row_id, before + 1 + MOST)):
            self._report.add(Broken("deleted", source, str(missing), None, f"before entry {seq}"))


def _sealed_elsewhere(connection: Connection, source: str, digest: str) -> int | None:
    """The row whose sealed content this is."""
    asked = select(audit_chain.c.row_id).where(audit_chain.c.source == source, audit_chain.c.digest == digest)
    found = connection.scalar(asked.limit(1))
    return None if found is None else int(found)


def _inserted(engine: Engine) -> Iterator[Broken]:
    """Rows without an entry among rows that have one: nothing of ours ever writes there."""
    for source, table in SOURCES.items():
        with reading(engine) as connection:
            sealed = (
                select(audit_chain.c.seq)
                .where(audit_chain.c.source == source, audit_chain.c.row_id == table.c.id)
                .exists()
            )
            below = table.c.id <= sealed_to(connection, source)
            asked = select(table.c.id).where(below, ~sealed).order_by(table.c.id).limit(MOST)
            for row in connection.scalars(asked):
                yield Broken("inserted", source, str(row))


def _states(engine: Engine) -> Iterator[Broken]:
    """Orders that stand otherwise than the last line of their sealed history says."""
    last = (
        select(order_history.c.order_id, func.max(order_history.c.id).label("id"))
        .group_by(order_history.c.order_id)
        .subquery()
    )
    asked = (
        select(work_orders.c.number, work_orders.c.state, order_history.c.to_state)
        .join(last, last.c.order_id == work_orders.c.id)
        .join(order_history, order_history.c.id == last.c.id)
        .where(work_orders.c.state != order_history.c.to_state)
        .order_by(work_orders.c.id)
        .limit(MOST)
    )
    with reading(engine) as connection:
        for row in connection.execute(asked):
            yield Broken("state_changed", "work_orders", row.number, None, f"{row.to_state} > {row.state}")


def _roots(engine: Engine, wanted: Wanted, report: Report) -> None:
    """Every root is signed, hangs on the one before, and names the chain as it is."""
    stored = stored_roots(engine)
    roots = list(wanted.roots) if wanted.roots is not None else stored
    report.roots, report.signed = len(roots), wanted.public is not None
    for number, kind in broken_roots(roots, wanted.public):
        report.add(Broken(kind, "root", str(number)))
    known = {root.number: root.body for root in stored}
    with reading(engine) as connection:
        for root in roots:
            there = connection.scalar(select(audit_chain.c.hash).where(audit_chain.c.seq == root.seq))
            if there != root.hash:
                report.add(Broken("root_mismatch", "root", str(root.number), root.seq, root.day))
            elif known.get(root.number) != root.body:
                report.add(Broken("root_unknown", "root", str(root.number), root.seq, root.day))
