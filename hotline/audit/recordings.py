"""Compares recordings with the hashes that were sealed when their calls closed."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, RowMapping, func, select

from hotline.audit.report import Broken
from hotline.store.calls import RECORDING
from hotline.store.engine import reading
from hotline.store.retention import ACTION as DELETED
from hotline.store.tables import audit


class Tapes:
    """The recordings in a folder."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder.resolve()
        self.seen = 0
        """Recordings looked at."""
        self.deleted = 0
        """Of these, gone with a certificate of retention."""

    def look(self, row: RowMapping, seq: int) -> Iterator[Broken]:
        """What is wrong with the recording that a row of the audit log tells of; nothing for other rows."""
        if row["action"] != RECORDING:
            return
        self.seen += 1
        call = str(row["subject"])
        file, sha256 = _told(row["detail"])
        path = (self._folder / file).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            if self._certified(call):
                self.deleted += 1
            else:
                yield Broken("recording_missing", "recording", call, seq, file)
            return
        with path.open("rb") as tape:
            if hashlib.file_digest(tape, "sha256").hexdigest() != sha256:
                yield Broken("recording_changed", "recording", call, seq, file)

    def _certified(self, call: str) -> bool:
        """Whether the audit log has it that the call's content was deleted in its time."""
        asked = select(func.count()).where(audit.c.subject == call, audit.c.action == DELETED)
        with reading(self._engine) as connection:
            return bool(connection.scalar(asked))


def _told(detail: str) -> tuple[str, str]:
    try:
        said = json.loads(detail)
        return str(said["file"]), str(said["sha256"])
    except (ValueError, KeyError, TypeError):
        return "", ""
