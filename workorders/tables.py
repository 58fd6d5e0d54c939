"""The tables of work orders: one metadata set, which the migrations read."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant on both databases; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raises `ValueError` for a time that does not say its zone; stores UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware, always UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_COMPLAINT = text("against_unit > ''")
GATHERED = text("length(party) > 0 AND kind = 'ordinary' AND state <> 'cancelled'")
"""Orders that clusters of one party are gathered from; by the length, so that no index that begins with the
party is taken. A query says it so for the databases to see that the index of just these orders will do."""
work_orders = Table(
    "work_orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", String(32), nullable=False, unique=True),
    Column("call_id", String(64), nullable=False),
    Column("matter_no", Integer, nullable=False),
    Column("matter", String(64), nullable=False),
    Column("matter_label", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("service_label", String(64), nullable=False),
    Column("district", String(6), nullable=False),
    Column("summary", Text, nullable=False),
    Column("caller_contact", String(255), nullable=False),
    Column("source", String(16), nullable=False),
    Column("flags", JSON, nullable=False),
    Column("urgency", String(16), nullable=False),
    Column("unit", String(64), nullable=False),
    Column("unit_name", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("filed_at", UtcDateTime, nullable=False),
    Column("sign_by", UtcDateTime, nullable=True),
    Column("due_at", UtcDateTime, nullable=True),
    Column("provisional", Boolean, nullable=False),
    Column("policy", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("kind", String(16), nullable=False, server_default="ordinary"),
    Column("owner", String(64), nullable=False, server_default=""),
    Column("against_unit", String(64), nullable=False, server_default=""),
    Column("against_person", String(64), nullable=False, server_default=""),
    Column("parent", String(32), nullable=False, server_default=""),
    Column("pool", String(8), nullable=False, server_default=""),
    Column("holder", String(64), nullable=False, server_default=""),
    Column("held_until", UtcDateTime, nullable=True),
    Column("party", String(160), nullable=False, server_default=""),
    Column("life", JSON, nullable=False, server_default="{}"),
    Column("channel", String(16), nullable=False, server_default="phone"),
    Column("content_deleted_at", UtcDateTime, nullable=True),
    UniqueConstraint("call_id", "matter_no"),
    CheckConstraint("matter_no >= 1", name="matter_no"),
    Index(None, "filed_at", "id"),
    Index(None, "unit", "filed_at", "id"),
    Index(None, "unit", "state", "filed_at", "id"),
    Index(None, "matter", "filed_at", "id"),
    Index(None, "state", "filed_at", "id"),
    Index(None, "against_unit", sqlite_where=_COMPLAINT, postgresql_where=_COMPLAINT),
    Index(None, "parent"),
    Index(None, "pool", "holder"),
    Index(None, "owner", "call_id"),
    Index(None, "against_person"),
    Index(None, "caller_contact", "filed_at"),
    Index(None, "party", "filed_at"),
    Index(
        "ix_work_orders_gathered",
        "filed_at",
        "party",
        "caller_contact",
        sqlite_where=GATHERED,
        postgresql_where=GATHERED,
    ),
)
"""One row a matter. `provisional`: a deadline crosses a year whose holidays are not official yet. `life`: as
JSON what else `workorders.model.Life` holds; what is looked for stands in columns. `content_deleted_at`: when
retention deleted all that was personal."""

order_timers = Table(
    "order_timers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False),
    Column("rule", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
    UniqueConstraint("order_id", "rule", "at"),
    Index(None, "status", "at"),
)
"""What will happen to an order by itself: `waiting`, `fired` or `cancelled`. A row is fired once, ever."""

order_fields = Table(
    "order_fields",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", String(64), nullable=False),
    Column("value", Text, nullable=False),
    Column("display", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("machine_value", Text, nullable=True),
    UniqueConstraint("order_id", "name"),
)
"""The form's fields. `machine_value`: what the machine had, once a person has corrected it."""

order_history = Table(
    "order_history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("from_state", String(16), nullable=True),
    Column("to_state", String(16), nullable=False),
    Column("field", String(64), nullable=True),
    Column("machine_value", Text, nullable=True),
    Column("human_value", Text, nullable=True),
    Column("content", String(64), nullable=True),
)
"""What happened to an order, append only; see `workorders.history_rows`. `content`: the commitment to what
was said, where anything was; lines of an older release have none."""

order_texts = Table(
    "order_texts",
    metadata,
    Column("history_id", ForeignKey("order_history.id"), primary_key=True),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False, index=True),
    Column("salt", String(32), nullable=False),
    Column("machine_value", Text, nullable=True),
    Column("human_value", Text, nullable=True),
    Column("text", Text, nullable=True),
)
"""What was said in a line of history; deleted when its time is over."""

order_sequences = Table(
    "order_sequences",
    metadata,
    Column("day", String(8), primary_key=True),
    Column("district", String(6), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""Last sequence number given out, per day (Asia/Shanghai) and district."""

order_outbox = Table(
    "order_outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("delivery_id", String(32), nullable=False, unique=True),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("unit", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("leased_until", UtcDateTime, nullable=True),
    Column("lease_owner", String(32), nullable=True),
    Column("finished_at", UtcDateTime, nullable=True),
    Column("problem", String(128), nullable=True),
    Index(None, "status", "kind", "next_at"),
)
"""What is still to be done about an order: `dispatch`, `event` (publish) or `webhook`."""

order_attachments = Table(
    "order_attachments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False, index=True),
    Column("name", String(255), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("unit", String(64), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""Files that came with an order's answer; `key` names one in addresses, the content lies under its hash."""

unit_feeds = Table(
    "unit_feeds",
    metadata,
    Column("unit", String(64), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The last change of each unit's feed; the row stays locked until the transaction that adds one ends."""

unit_changes = Table(
    "unit_changes",
    metadata,
    Column("unit", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("order_id", ForeignKey("work_orders.id"), nullable=False),
    Column("history_id", ForeignKey("order_history.id"), nullable=False),
    Column("gone", Boolean, nullable=False),
)
"""Every change of a unit's orders, numbered 1, 2, 3 … in the order of their commits. `gone`: with this change
the order ceased to be the unit's."""

intake_keys = Table(
    "intake_keys",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("body", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""Hash of what another channel filed under its key: the same key with other content is refused."""
