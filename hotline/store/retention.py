"""Deletes what callers said once it may no longer be kept, and leaves the figures."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    ScalarSelect,
    delete,
    func,
    literal,
    select,
    text,
    tuple_,
    update,
)

from hotline.errors import StoreError
from hotline.store.engine import forget_pages, reading, writing
from hotline.store.holds import held
from hotline.store.retention_rules import Kind, RetentionRules
from hotline.store.search import INDEX_TABLE
from hotline.store.tables import audit, calls, intents, legs, utterances
from workorders.model import Kind as OrderKind
from workorders.tables import work_orders

log = logging.getLogger(__name__)

BATCH = 200
"""Calls a transaction, so that no writer waits long."""

WHO = "system"
ACTION = "retention.delete"


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep deleted."""

    calls: int
    """Calls whose content is gone; their rows, legs and categories stay for the statistics."""
    utterances: int
    recordings: int
    """Audio files, those that no call knew of included."""


@dataclass(frozen=True, slots=True)
class Due:
    """A call whose content is to go."""

    call: str
    recording: str | None
    sha256: str | None
    started: datetime
    rule: str
    days: int


class Retention:
    """The rules of retention on one database and its recordings. Held calls are left alone."""

    def __init__(self, engine: Engine, recordings: Path, rules: RetentionRules | int) -> None:
        """`rules`: or how many days everything is kept."""
        self._engine = engine
        self._recordings = recordings
        self._rules = RetentionRules((), rules) if isinstance(rules, int) else rules

    def sweep(self, now: datetime) -> Swept:
        """Delete recordings, transcripts, numbers and found fields of calls whose time is over.

        The recording's hash, the outcome, the times and the category stay. Work orders are records of their
        own and are not touched. In the transaction that empties a call its certificate goes into the audit
        log: by which rule, and the hashes of what is gone. A
        file goes before its row says so: after a crash in between, the next sweep finishes the work. Blocks;
        raises `StoreError`, also for a file that cannot be deleted.
        """
        swept, after = Swept(0, 0, 0), None
        while page := self._old(now, after):
            after = (page[-1].started, page[-1].call)
            if due := [each for each in page if each.started < now - timedelta(days=each.days)]:
                swept = _sum(swept, self._empty(due, now))
        longest = now - timedelta(days=self._rules.longest)
        swept = _sum(swept, Swept(0, 0, self._delete_strays(longest)))
        if swept.utterances:
            self._forget_words()
        log.info(
            "retention swept",
            extra={"calls": swept.calls, "utterances": swept.utterances, "recordings": swept.recordings},
        )
        return swept

    def _old(self, now: datetime, after: tuple[datetime, str] | None) -> list[Due]:
        """A page of closed calls old enough for any rule, that nobody holds, oldest first."""
        key = tuple_(calls.c.started, calls.c.id)
        wanted = (
            select(
                calls.c.id,
                calls.c.recording,
                calls.c.recording_sha256,
                calls.c.started,
                intents.c.flags,
                intents.c.matter,
                intents.c.service,
                _complaints().label("complaint"),
            )
            .outerjoin(intents, intents.c.call_id == calls.c.id)
            .where(
                calls.c.started < now - timedelta(days=self._rules.shortest),
                calls.c.state == "closed",
                calls.c.content_deleted_at.is_(None),
                calls.c.id.not_in(held()),
            )
            .order_by(calls.c.started, calls.c.id)
            .limit(BATCH)
        )
        if after is not None:
            wanted = wanted.where(key > tuple_(literal(after[0], calls.c.started.type), literal(after[1])))
        with reading(self._engine) as connection:
            return [self._due(row) for row in connection.execute(wanted)]

    def _due(self, row: Row[Any]) -> Due:
        kind = Kind(bool(row.complaint), tuple(row.flags or ()), row.matter or "", row.service or "")
        rule, days = self._rules.of(kind)
        return Due(row.id, row.recording, row.recording_sha256, row.started, rule, days)

    def _empty(self, due: Sequence[Due], now: datetime) -> Swept:
        files = sum(self._delete_recording(each.recording) for each in due if each.recording)
        ids = [each.call for each in due]
        with writing(self._engine) as connection:
            _note(connection, due, now)
            said = connection.execute(delete(utterances).where(utterances.c.call_id.in_(ids))).rowcount
            connection.execute(
                update(intents).where(intents.c.call_id.in_(ids)).values(slots=[], evidence=[])
            )
            connection.execute(update(legs).where(legs.c.call_id.in_(ids)).values(remote=""))
            connection.execute(
                update(calls)
                .where(calls.c.id.in_(ids))
                .values(remote="", digits="", recording=None, content_deleted_at=now)
            )
        return Swept(len(ids), said, files)

    def _delete_recording(self, name: str) -> int:
        root = self._recordings.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            log.error("a recording outside the recordings folder was left alone")
            return 0
        return _unlink(path)

    def _delete_strays(self, before: datetime) -> int:
        """Delete old audio that no call's row names: what a process left that was killed while recording."""
        if not self._recordings.is_dir():
            return 0
        old = {
            path.relative_to(self._recordings).as_posix(): path
            for path in self._recordings.rglob("*")
            if path.is_file() and path.stat().st_mtime < before.timestamp()
        }
        names = list(old)
        for at in range(0, len(names), BATCH):
            for named in self._named(names[at : at + BATCH]):
                del old[named]
        return sum(_unlink(path) for path in old.values())

    def _named(self, names: Sequence[str]) -> Sequence[str]:
        with reading(self._engine) as connection:
            found = connection.scalars(select(calls.c.recording).where(calls.c.recording.in_(names)))
            return [name for name in found if name is not None]

    def _forget_words(self) -> None:
        """Take the deleted words out of the search index as well, which otherwise only crosses them out."""
        if self._engine.dialect.name != "sqlite":
            return
        with writing(self._engine) as connection:
            connection.execute(
                text(f"INSERT INTO {INDEX_TABLE}({INDEX_TABLE}) VALUES ('optimize')")  # noqa: S608 - ours
            )
        forget_pages(self._engine)


def _note(connection: Connection, due: Sequence[Due], now: datetime) -> None:
    """Write the certificates of deletion, while what they vouch for is still there to be hashed."""
    rows = [
        {
            "at": now,
            "who": WHO,
            "action": ACTION,
            "subject": each.call,
            "detail": json.dumps({**_hashes(connection, each.call), **_basis(each)}),
        }
        for each in due
    ]
    connection.execute(audit.insert(), rows)


def _basis(due: Due) -> dict[str, str | int | None]:
    return {"rule": due.rule, "days": due.days, "recording": due.recording, "sha256": due.sha256}


def _hashes(connection: Connection, call: str) -> dict[str, str | int]:
    """How many utterances there were, and the SHA-256 of their texts in order, each ended by a line feed."""
    said = select(utterances.c.text).where(utterances.c.call_id == call)
    texts = connection.scalars(said.order_by(utterances.c.start, utterances.c.leg, utterances.c.seq)).all()
    whole = "".join(f"{text}\n" for text in texts).encode("utf-8", "surrogatepass")
    return {"utterances": len(texts), "transcript_sha256": hashlib.sha256(whole).hexdigest()}


def _complaints() -> ScalarSelect[int]:
    """How many complaints a call has led to."""
    return (
        select(func.count())
        .where(work_orders.c.call_id == calls.c.id, work_orders.c.kind == OrderKind.COMPLAINT.value)
        .scalar_subquery()
    )


def _unlink(path: Path) -> int:
    try:
        path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StoreError(f"a recording cannot be deleted: {error.strerror}") from None
    return 1


def _sum(one: Swept, other: Swept) -> Swept:
    return Swept(
        one.calls + other.calls, one.utterances + other.utterances, one.recordings + other.recordings
    )
