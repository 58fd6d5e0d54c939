"""The log of who looked at what and changed what; rows are added, never altered (triggers see to it)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, or_, select

from hotline.store.engine import reading, storable, writing
from hotline.store.tables import audit

TERMINAL = "cli"
"""`who` of what is done at the command line."""
MAX_ENTRIES = 1_000
"""Entries one listing gives at most."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that someone did."""

    id: int
    """Grows with time; pass it as `before` to read on."""
    at: datetime
    """UTC."""
    who: str
    """Name of the user, `unit:<code>`, `system`, or `TERMINAL`."""
    action: str
    """What was done: `call.export`, `recording.play`, `order.edit`, …"""
    subject: str
    """What it was done to: call id, order number, user name."""
    detail: str
    """The rest, machine-readable; never a caller's words or numbers."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; everything given must hold."""

    who: str = ""
    action: str = ""
    """The whole of it, or what stands before a dot."""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """Before this instant."""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """In SQL."""
        if self.who:
            yield audit.c.who == storable(self.who)
        if action := storable(self.action):
            kind = audit.c.action.startswith(f"{action}.", autoescape=True)
            yield or_(audit.c.action == action, kind)
        if self.subject:
            yield audit.c.subject == storable(self.subject)
        if self.since is not None:
            yield audit.c.at >= self.since
        if self.until is not None:
            yield audit.c.at < self.until


class AuditStore:
    """The audit table. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, who: str, action: str, subject: str, at: datetime, detail: str = "") -> None:
        """Add an entry."""
        row = {"at": at, "who": who, "action": action, "subject": subject, "detail": detail}
        with writing(self._engine) as connection:
            connection.execute(audit.insert().values(row))

    def of_action(self, action: str, since: datetime) -> list[AuditEntry]:
        """The latest entries of one action at or after `since`, oldest first; reads the whole table."""
        wanted = select(audit).where(audit.c.action == action, audit.c.at >= since)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(audit.c.id.desc()).limit(MAX_ENTRIES)).all()
        return [
            AuditEntry(row.id, row.at, row.who, row.action, row.subject, row.detail) for row in reversed(rows)
        ]

    def entries(
        self,
        *,
        subject: str | None = None,
        before: int | None = None,
        limit: int = 100,
        asked: "AuditFilter | None" = None,
    ) -> Sequence[AuditEntry]:
        """Entries, newest first: those about one subject, or all; those before an id, or from the end."""
        asked = asked or AuditFilter()
        wanted = select(audit).order_by(audit.c.id.desc()).limit(max(1, min(limit, MAX_ENTRIES)))
        if subject is not None:
            wanted = wanted.where(audit.c.subject == subject)
        if before is not None:
            wanted = wanted.where(audit.c.id < before)
        for condition in asked.conditions():
            wanted = wanted.where(condition)
        with reading(self._engine) as connection:
            return [
                AuditEntry(row.id, row.at, row.who, row.action, row.subject, row.detail)
                for row in connection.execute(wanted)
            ]
