"""Deletes what callers said once it may no longer be kept, and leaves the figures."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, select, text, update

from hotline.errors import StoreError
from hotline.store.engine import reading, writing
from hotline.store.search import INDEX_TABLE
from hotline.store.tables import audit, calls, intents, legs, utterances

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


class Retention:
    """The policy of `privacy.recording_days` on one database and its recordings."""

    def __init__(self, engine: Engine, recordings: Path, days: int) -> None:
        self._engine = engine
        self._recordings = recordings
        self._days = days

    def sweep(self, now: datetime) -> Swept:
        """Delete recordings, transcripts, numbers and found fields of calls that started too long ago.

        The recording's hash, the outcome, the times and the category stay. Work orders are records of their
        own and are not touched. Each call is noted in the audit log in the transaction that empties it. A
        file goes before its row says so: after a crash in between, the next sweep finishes the work. Blocks;
        raises `StoreError`, also for a file that cannot be deleted.
        """
        before = now - timedelta(days=self._days)
        swept = Swept(0, 0, 0)
        while expired := self._expired(before):
            swept = _sum(swept, self._empty(expired, now))
        swept = _sum(swept, Swept(0, 0, self._delete_strays(before)))
        if swept.utterances:
            self._forget_words()
        log.info(
            "retention swept",
            extra={"calls": swept.calls, "utterances": swept.utterances, "recordings": swept.recordings},
        )
        return swept

    def _expired(self, before: datetime) -> list[tuple[str, str | None]]:
        """Ids and recordings of calls whose content is due."""
        wanted = (
            select(calls.c.id, calls.c.recording)
            .where(
                calls.c.started < before,
                calls.c.state == "closed",
                calls.c.content_deleted_at.is_(None),
            )
            .order_by(calls.c.started)
            .limit(BATCH)
        )
        with reading(self._engine) as connection:
            return [(row.id, row.recording) for row in connection.execute(wanted)]

    def _empty(self, expired: Sequence[tuple[str, str | None]], now: datetime) -> Swept:
        files = sum(self._delete_recording(recording) for _, recording in expired if recording)
        ids = [call for call, _ in expired]
        with writing(self._engine) as connection:
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
            _note(connection, ids, now)
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
        # The log beside the database still holds the old pages; this cannot be done inside a transaction.
        with closing(self._engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def _note(connection: Connection, ids: Sequence[str], now: datetime) -> None:
    row = {"at": now, "who": WHO, "action": ACTION, "detail": ""}
    connection.execute(audit.insert(), [{**row, "subject": call} for call in ids])


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
