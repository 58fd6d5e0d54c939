"""Makes the tables of calls and people, the index of what was said, and the lock on the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

# Kept in step with `utterances` by triggers, so that no writer can forget it.
SQLITE_INDEX = (
    """CREATE VIRTUAL TABLE utterance_index
       USING fts5(search, content='utterances', content_rowid='id', tokenize='unicode61')""",
    """CREATE TRIGGER utterance_index_insert AFTER INSERT ON utterances BEGIN
         INSERT INTO utterance_index(rowid, search) VALUES (new.id, new.search);
       END""",
    """CREATE TRIGGER utterance_index_delete AFTER DELETE ON utterances BEGIN
         INSERT INTO utterance_index(utterance_index, rowid, search) VALUES ('delete', old.id, old.search);
       END""",
    """CREATE TRIGGER utterance_index_update AFTER UPDATE OF search ON utterances BEGIN
         INSERT INTO utterance_index(utterance_index, rowid, search) VALUES ('delete', old.id, old.search);
         INSERT INTO utterance_index(rowid, search) VALUES (new.id, new.search);
       END""",
)
POSTGRESQL_INDEX = (
    "CREATE INDEX ix_utterances_search ON utterances USING gin (to_tsvector('simple', search))",
)

SQLITE_AUDIT_LOCK = (
    """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
         SELECT RAISE(ABORT, 'the audit log is append-only');
       END""",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
         SELECT RAISE(ABORT, 'the audit log is append-only');
       END""",
)
POSTGRESQL_AUDIT_LOCK = (
    """CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation';
       END $$""",
    """CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
       FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()""",
)


def upgrade() -> None:
    """Make the tables."""
    _create_calls()
    _create_legs()
    _create_utterances()
    _create_intents()
    _create_consents()
    _create_users()
    _create_sessions()
    _create_login_failures()
    _create_audit()
    _create_unit_tokens()
    postgresql = op.get_bind().dialect.name == "postgresql"
    index, lock = (
        (POSTGRESQL_INDEX, POSTGRESQL_AUDIT_LOCK) if postgresql else (SQLITE_INDEX, SQLITE_AUDIT_LOCK)
    )
    for statement in (*index, *lock):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them, with all calls and people."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    if not postgresql:
        op.execute("DROP TABLE utterance_index")
    op.drop_table("unit_tokens")
    op.drop_table("audit")
    op.drop_table("login_failures")
    op.drop_table("sessions")
    op.drop_table("users")
    op.drop_table("consents")
    op.drop_table("intents")
    op.drop_table("utterances")
    op.drop_table("legs")
    op.drop_table("calls")
    if postgresql:
        op.execute("DROP FUNCTION audit_append_only()")


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("remote", sa.Text(), nullable=False),
        sa.Column("dialled", sa.Text(), nullable=False),
        sa.Column("started", INSTANT, nullable=False),
        sa.Column("answered", INSTANT, nullable=True),
        sa.Column("ended", INSTANT, nullable=True),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("flow_path", sa.JSON(), nullable=False),
        sa.Column("digits", sa.Text(), nullable=False),
        sa.Column("consent_version", sa.Text(), nullable=True),
        sa.Column("consent_at", INSTANT, nullable=True),
        sa.Column("recording", sa.Text(), nullable=True),
        sa.Column("recording_sha256", sa.String(length=64), nullable=True),
        sa.Column("recording_origin", sa.Integer(), nullable=False),
        sa.Column("orders", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("content_deleted_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_started_id", "calls", ["started", "id"])
    op.create_index("ix_calls_state", "calls", ["state"])


def _create_legs() -> None:
    op.create_table(
        "legs",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("leg", sa.String(length=64), nullable=False),
        sa.Column("speaker", sa.String(length=8), nullable=False),
        sa.Column("remote", sa.Text(), nullable=False),
        sa.Column("started", INSTANT, nullable=False),
        sa.Column("ended", INSTANT, nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("duplicated", sa.Integer(), nullable=False),
        sa.Column("concealed_ms", sa.Integer(), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("utterances", sa.Integer(), nullable=False),
        sa.Column("degraded", sa.Integer(), nullable=False),
        sa.Column("dropped_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_legs_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", "leg", name="pk_legs"),
    )


def _create_utterances() -> None:
    op.create_table(
        "utterances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("utterance", sa.String(length=64), nullable=False),
        sa.Column("leg", sa.String(length=64), nullable=False),
        sa.Column("speaker", sa.String(length=8), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("spans", sa.JSON(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("rewrote_stable", sa.Boolean(), nullable=False),
        sa.Column("gap", sa.Integer(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_utterances_call_id_calls"),
        sa.PrimaryKeyConstraint("id", name="pk_utterances"),
        sa.UniqueConstraint("call_id", "utterance", name="uq_utterances_call_id_utterance"),
    )


def _create_intents() -> None:
    op.create_table(
        "intents",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("matter_label", sa.Text(), nullable=False),
        sa.Column("matter_confidence", sa.Float(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("service_label", sa.Text(), nullable=False),
        sa.Column("service_confidence", sa.Float(), nullable=False),
        sa.Column("matters", sa.JSON(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_intents_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", name="pk_intents"),
    )
    op.create_index("ix_intents_matter", "intents", ["matter"])


def _create_consents() -> None:
    op.create_table(
        "consents",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_consents_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", "version", name="pk_consents"),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("display", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("expires", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users"),
        sa.PrimaryKeyConstraint("token", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires", "sessions", ["expires"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _create_login_failures() -> None:
    op.create_table(
        "login_failures",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last", INSTANT, nullable=False),
        sa.Column("locked_until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_login_failures"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_subject", "audit", ["subject"])


def _create_unit_tokens() -> None:
    op.create_table(
        "unit_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("revoked", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_unit_tokens"),
        sa.UniqueConstraint("token", name="uq_unit_tokens_token"),
    )
    op.create_index("ix_unit_tokens_unit", "unit_tokens", ["unit"])
