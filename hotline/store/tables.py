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
    false,
    text,
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
    Index("ix_calls_remote_started", "remote", "started"),
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
    Column("call_started", UtcDateTime),  # never null; the call's own, for lists of a matter in their order
    Index("ix_intents_matter_call_started_call_id", "matter", "call_started", "call_id"),
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
    Column("unit", String(64), nullable=False, server_default=""),  # role unit: whose person this is
    Column("must_change", Boolean, nullable=False, server_default=false()),  # the password, at once
    Column("password_at", UtcDateTime),
    Column("totp_sealed", String(255)),  # see hotline.store.secret_box; a second factor has been set up
    Column("totp_step", Integer, nullable=False, server_default="0"),  # the last one used: no code twice
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", String(64), primary_key=True),  # SHA-256 of it
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("seen", UtcDateTime),
    Column("client", String(128), nullable=False, server_default=""),  # address and program, for its owner
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

exchange_tokens = Table(
    "exchange_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("system", String(32), nullable=False, index=True),  # with outside- in front
    Column("label", String(64), nullable=False),
    Column("token", String(64), nullable=False, unique=True),  # SHA-256 of it
    Column("created", UtcDateTime, nullable=False),
    Column("revoked", UtcDateTime),
)

audit_chain = Table(
    "audit_chain",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3, … without a gap
    Column("source", String(16), nullable=False),  # the table, see hotline.audit.sources
    Column("row_id", Integer, nullable=False),
    Column("digest", String(64), nullable=False),  # of the row, see hotline.audit.chain
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("sealed_at", UtcDateTime, nullable=False),
    UniqueConstraint("source", "row_id"),
    Index("ix_audit_chain_sealed_at", "sealed_at"),
)

audit_roots = Table(
    "audit_roots",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("day", String(10), nullable=False),  # Asia/Shanghai
    Column("body", Text, nullable=False),  # the signed bytes, canonical JSON
    Column("signature", String(128), nullable=False),  # Ed25519, hexadecimal
    Index("ix_audit_roots_day", "day"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("code", String(64), nullable=False),  # SHA-256 of it; gone once used
    UniqueConstraint("user_id", "code"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", Integer, primary_key=True),
    # No foreign key: a hold may be placed before its call's row is there.
    Column("call_id", String(64), nullable=False),
    Column("who", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("released_by", String(64), nullable=False, server_default=""),
    Column("released_at", UtcDateTime),
    Index("ix_holds_call_id", "call_id"),
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
    Column("channel", String(16), nullable=False, server_default=""),  # a channel's token has no unit
    Column("scopes", JSON, nullable=False, server_default='["read", "act"]'),
    Column("expires", UtcDateTime),
    Column("last_used", UtcDateTime),
    Index("ix_unit_tokens_unit", "unit"),
)

webhook_keys = Table(
    "webhook_keys",
    metadata,
    Column("unit", String(64), primary_key=True),
    Column("generation", Integer, nullable=False),  # the secret is derived from it and the master secret
    Column("since", UtcDateTime, nullable=False),
    Column("old_until", UtcDateTime),  # until then deliveries are also signed with the secret before
)

outbound_records = Table(
    "outbound_records",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String(64), nullable=False),
    Column("unit", String(64), nullable=False),
    Column("way", String(16), nullable=False),  # page | rest | feed | file
    Column("number", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("classes", String(64), nullable=False),  # data classes that left unmasked
    Index("ix_outbound_records_number", "number"),
    Index("ix_outbound_records_at", "at"),
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
    Column("team", String(64), nullable=False, server_default=""),
)

_CONNECTED = text("kind = 'connect'")

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
    # Whether a call was put through, and through which queues it came, is read off the index alone.
    Index("ix_acd_log_call_id_kind_queue", "call_id", "kind", "queue"),
    Index("ix_acd_log_agent_at", "agent", "at"),
    Index("ix_acd_log_had", "agent", "call_id", "kind", sqlite_where=_CONNECTED, postgresql_where=_CONNECTED),
)
