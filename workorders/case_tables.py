"""The tables of what stands beside an order: incidents, numbers outside, referrals, appointments, links."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from workorders.tables import UtcDateTime, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("title", String(128), nullable=False),
    Column("district", String(6), nullable=False),
    Column("words", JSON, nullable=False),
    Column("party", String(160), nullable=False, server_default=""),
    Column("greeting", Text, nullable=False),
    Column("queue", String(32), nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("opened_by", String(64), nullable=False),
    Column("closed_at", UtcDateTime, nullable=True),
    Column("closed_by", String(64), nullable=False, server_default=""),
    Column("outcome", Text, nullable=False, server_default=""),
)
"""Something that many call about. `words`: what its callers say; `greeting`, `queue`: what they are told and
where they wait."""

incident_members = Table(
    "incident_members",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("ref", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", String(64), nullable=False),
    UniqueConstraint("incident_id", "kind", "ref"),
    Index(None, "kind", "ref"),
)
"""Calls (`call`, by id) and orders (`order`, by number) of an incident."""

order_references = Table(
    "order_references",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False),
    Column("system", String(32), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("number", String(64), nullable=True),
    Column("status", String(16), nullable=False),
    Column("text", Text, nullable=False, server_default=""),
    Column("at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("system", "number"),
    UniqueConstraint("order_id", "system", "direction"),
)
"""Under what number another system has an order: `in`, it came from there; `out`, it went there. The number
outside is null until they have told it."""

exchange_events = Table(
    "exchange_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("system", String(32), nullable=False),
    Column("event", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("system", "event"),
)
"""What other systems have told us, each once. `subject`: order number or referral."""

referrals = Table(
    "referrals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("institution", String(128), nullable=False, server_default=""),
    Column("basis", String(32), nullable=False, server_default=""),
    Column("mode", String(8), nullable=False, server_default=""),
    Column("party", String(128), nullable=False, server_default=""),
    Column("party_contact", String(64), nullable=False, server_default=""),
    Column("deed", String(64), nullable=False, server_default=""),
    Column("outside", String(32), nullable=False, server_default=""),
    Column("outside_number", String(64), nullable=True),
    Column("text", Text, nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("outside", "outside_number"),
    Index(None, "kind", "created_at"),
)
"""What an order was referred to. `party`, `party_contact`: the other side of a mediation (personal data);
`deed`: what a notary is asked for; `text`: the last reason or result."""

appointment_slots = Table(
    "appointment_slots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("institution", String(128), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("created_by", String(64), nullable=False),
    UniqueConstraint("institution", "starts_at"),
    CheckConstraint("capacity >= 1", name="capacity"),
    Index(None, "starts_at"),
)
"""When a notary's office receives callers, and how many at once."""

appointments = Table(
    "appointments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slot_id", ForeignKey("appointment_slots.id"), nullable=False),
    Column("seat", Integer, nullable=True),
    Column("referral_id", ForeignKey("referrals.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("slot_id", "seat"),
)
"""Who comes when. A seat is one person's; one who does not come any more has none (null)."""

video_links = Table(
    "video_links",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("referral_id", ForeignKey("referrals.id"), nullable=False, index=True),
    Column("room", String(32), nullable=False, unique=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("opened_at", UtcDateTime, nullable=True),
    Column("revoked_at", UtcDateTime, nullable=True),
)
"""Links that hand a call over to video: the room, until when, whether anybody came."""

calendar_years = Table(
    "calendar_years",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("days", Text, nullable=False),
    Column("imported_at", UtcDateTime, nullable=False),
    Column("imported_by", String(64), nullable=False),
)
"""Calendars that were imported, over those of the flow folder. `days`: the file's text."""
