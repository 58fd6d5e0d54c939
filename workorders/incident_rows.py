"""Incidents in the database, on SQLite and PostgreSQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from workorders.case_messages import OpenIncident
from workorders.case_tables import incident_members, incidents
from workorders.cases import Incident
from workorders.storage import insert_new, translated

OPEN, CLOSED = "open", "closed"


class SqlIncidents:
    """See `workorders.cases.Incidents`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, command: OpenIncident) -> int:
        """A new one; its id."""
        values: dict[str, Any] = {
            "kind": command.kind,
            "title": command.title,
            "district": command.district,
            "words": list(command.words),
            "party": command.party,
            "greeting": command.greeting,
            "queue": command.queue,
            "status": OPEN,
            "opened_at": command.at,
            "opened_by": command.by,
        }
        with translated():
            made = insert(incidents).values(values).returning(incidents.c.id)
            return int(self._connection.execute(made).scalar_one())

    def get(self, incident: int) -> Incident | None:
        """The one of that id, locked."""
        wanted = select(incidents).where(incidents.c.id == incident).with_for_update()
        with translated():
            row = self._connection.execute(wanted).mappings().one_or_none()
        return None if row is None else incident_from(row)

    def close(self, incident: int, by: str, at: datetime, outcome: str) -> None:
        """It is over."""
        values = {"status": CLOSED, "closed_by": by, "closed_at": at, "outcome": outcome}
        with translated():
            self._connection.execute(update(incidents).where(incidents.c.id == incident).values(values))

    def join(self, incident: int, kind: str, ref: str, by: str, at: datetime) -> bool:
        """Whether it is part of it only now."""
        values = {"incident_id": incident, "kind": kind, "ref": ref, "by": by, "at": at}
        with translated():
            return insert_new(self._connection, incident_members, values)

    def leave(self, incident: int, kind: str, ref: str) -> bool:
        """Whether it was part of it, and no longer is."""
        members = incident_members.c
        gone = delete(incident_members).where(
            members.incident_id == incident, members.kind == kind, members.ref == ref
        )
        with translated():
            return self._connection.execute(gone).rowcount == 1


def incident_from(row: RowMapping) -> Incident:
    """A row as an incident."""
    return Incident(
        id=row["id"],
        kind=row["kind"],
        title=row["title"],
        district=row["district"],
        words=tuple(row["words"]),
        party=row["party"],
        greeting=row["greeting"],
        queue=row["queue"],
        status=row["status"],
        opened_at=row["opened_at"],
        opened_by=row["opened_by"],
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
        outcome=row["outcome"],
    )
