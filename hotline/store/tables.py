"""The tables of calls, people and what they did; all times UTC."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from workorders.tables import UtcDateTime

# Text without a limit wherever the words come from outside or from an operator's files: a row that the
# database refuses for its length would be refused again at every try.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

calls = Table(
    "calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(8), nullable=False),  # open | closed; written open when the call starts
    Column("channel", Text, nullable=False),
    Column("remote", Text, nullable=False),
    Column("dialled", Text, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("answered", UtcDateTime),
    Column("ended", UtcDateTime),
    Column("flow", Text, nullable=False, default=""),
    Column("flow_path", JSON, nullable=False, default=list),
    Column("digits", Text, nullable=False, default=""),
    Column("consent_version", Text),
    Column("consent_at", UtcDateTime),
    Column("recording", Text),
    Column("recording_sha256", String(64)),
    Column("recording_origin", Integer, nullable=False, default=0),
    Column("orders", JSON, nullable=False, default=list),
    Column("outcome", String(16)),
    Column("detail", Text, nullable=False, default=""),
    Column("content_deleted_at", UtcDateTime),  # set by retention; the row stays for the statistics
    Index("ix_calls_started_id", "started", "id"),
    Index("ix_calls_state", "state"),
)

legs = Table(
    "legs",
    metadata,
    Column("call_id", ForeignKey("calls.id"), primary_key=True),
    Column("leg", String(64), primary_key=True),
    Column("speaker", String(8), nullable=False),
    Column("remote", Text, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("received", Integer, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("late", Integer, nullable=False),
    Column("duplicated", Integer, nullable=False),
    Column("concealed_ms", Integer, nullable=False),
    Column("codec", Text, nullable=False),
    Column("jitter_ms", Float, nullable=False, server_default="0"),
    Column("playout_ms", Integer, nullable=False, server_default="0"),
    Column("round_trip_ms", Integer),
    Column("remote_loss", Float, nullable=False, server_default="0"),
    Column("mos", Float),
    Column("engine", Text, nullable=False),
    Column("utterances", Integer, nullable=False),
    Column("degraded", Integer, nullable=False),
    Column("dropped_ms", Integer, nullable=False),
)

utterances = Table(
    "utterances",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", ForeignKey("calls.id"), nullable=False),
    Column("utterance", String(64), nullable=False),
    Column("leg", String(64), nullable=False),
    Column("speaker", String(8), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("start", Integer, nullable=False),  # samples at 16 kHz on the leg's clock
    Column("end", Integer, nullable=False),
    Column("text", Text, nullable=False),  # normalised
    Column("raw", Text, nullable=False),  # as recognised: evidence
    Column("spans", JSON, nullable=False),
    Column("words", JSON, nullable=False),
    Column("confidence", Float),
    Column("engine", Text, nullable=False),
    Column("degraded", Boolean, nullable=False),
    Column("rewrote_stable", Boolean, nullable=False),
    Column("gap", Integer, nullable=False),
    Column("search", Text, nullable=False),  # see hotline.store.search; indexed by the migrations
    UniqueConstraint("call_id", "utterance"),
)

intents = Table(
    "intents",
    metadata,
    Column("call_id", ForeignKey("calls.id"), primary_key=True),
    Column("matter", Text, nullable=False),
    Column("matter_label", Text, nullable=False),
    Column("matter_confidence", Float, nullable=False),
    Column("service", Text, nullable=False),
    Column("service_label", Text, nullable=False),
    Column("service_confidence", Float, nullable=False),
    Column("matters", JSON, nullable=False),
    Column("slots", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("source", String(8), nullable=False),
    Column("flags", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_intents_matter", "matter"),
)

consents = Table(
    "consents",
    metadata,
    Column("call_id", ForeignKey("calls.id"), primary_key=True),
    Column("version", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("display", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("password", String(255), nullable=False),  # argon2id
    Column("created", UtcDateTime, nullable=False),
    Column("disabled", Boolean, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", String(64), primary_key=True),  # SHA-256 of it
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Index("ix_sessions_user_id", "user_id"),
    Index("ix_sessions_expires", "expires"),
)

login_failures = Table(
    "login_failures",
    metadata,
    # SHA-256 of the name as typed: people type passwords into the wrong field.
    Column("name", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last", UtcDateTime, nullable=False),
    Column("locked_until", UtcDateTime),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_audit_at", "at"),
    Index("ix_audit_subject", "subject"),
)

unit_tokens = Table(
    "unit_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("unit", String(64), nullable=False),
    Column("label", String(64), nullable=False),
    Column("token", String(64), nullable=False, unique=True),  # SHA-256 of it
    Column("created", UtcDateTime, nullable=False),
    Column("revoked", UtcDateTime),
    Index("ix_unit_tokens_unit", "unit"),
)

agents = Table(
    "agents",
    metadata,
    Column("name", String(64), primary_key=True),  # what the agent signs in with; may precede the user
    Column("display", String(64), nullable=False),
    Column("skills", JSON, nullable=False),
    Column("phone", String(64), unique=True),
    Column("phone_only", Boolean, nullable=False),
    Column("licence", String(64), nullable=False),
    Column("licence_until", Date),
    Column("shifts", JSON, nullable=False),  # [[weekdays], begins, ends], minutes since midnight
    Column("updated", UtcDateTime, nullable=False),
)

acd_log = Table(
    "acd_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(24), nullable=False),
    # No foreign key: the line may be written before its call's row.
    Column("call_id", String(64)),
    Column("agent", String(64)),
    Column("queue", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Index("ix_acd_log_at_id", "at", "id"),
    Index("ix_acd_log_call_id", "call_id"),
    Index("ix_acd_log_agent_at", "agent", "at"),
)
