"""Adds the audit chain and its signed roots, a second factor, the age of passwords and sessions, legal holds.

The history of orders is append-only from here on, like the audit log before it. What is in both tables is
sealed into the chain when the line starts next.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
LOCKED = ("order_history", "audit_chain", "audit_roots")
"""Rows are added and never altered; the audit log itself is locked since the first revision."""


def upgrade() -> None:
    """Add tables, columns and locks."""
    _create_chain()
    _create_roots()
    _create_recovery_codes()
    _create_holds()
    op.add_column("users", sa.Column("must_change", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("password_at", INSTANT, nullable=True))
    op.add_column("users", sa.Column("totp", sa.String(64), nullable=True))
    op.add_column("users", sa.Column("totp_step", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("seen", INSTANT, nullable=True))
    op.add_column("sessions", sa.Column("client", sa.String(128), nullable=False, server_default=""))
    op.create_index("ix_work_orders_owner", "work_orders", ["owner"])
    op.create_index("ix_work_orders_against_person", "work_orders", ["against_person"])
    for table in LOCKED:
        _lock(table)


def downgrade() -> None:
    """Take everything back; the chain is gone then."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in LOCKED:
        if postgresql:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        else:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(f"DROP TRIGGER {table}_no_delete")
    if postgresql:
        op.execute("DROP FUNCTION rows_append_only()")
    op.drop_index("ix_work_orders_against_person", "work_orders")
    op.drop_index("ix_work_orders_owner", "work_orders")
    for table, columns in (
        ("sessions", ("client", "seen")),
        ("users", ("totp_step", "totp", "password_at", "must_change")),
    ):
        for column in columns:
            op.drop_column(table, column)
    for table in ("holds", "recovery_codes", "audit_roots", "audit_chain"):
        op.drop_table(table)


def _lock(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """CREATE OR REPLACE FUNCTION rows_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN
                 RAISE EXCEPTION 'rows of this table are only added'
                 USING ERRCODE = 'integrity_constraint_violation';
               END $$"""
        )
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION rows_append_only()"
        )
        return
    for what in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{what} BEFORE {what.upper()} ON {table} BEGIN "
            "SELECT RAISE(ABORT, 'rows of this table are only added'); END"
        )


def _create_chain() -> None:
    op.create_table(
        "audit_chain",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("sealed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_chain"),
        sa.UniqueConstraint("source", "row_id", name="uq_audit_chain_source_row_id"),
    )
    op.create_index("ix_audit_chain_sealed_at", "audit_chain", ["sealed_at"])


def _create_roots() -> None:
    op.create_table(
        "audit_roots",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_roots"),
    )
    op.create_index("ix_audit_roots_day", "audit_roots", ["day"])


def _create_recovery_codes() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_recovery_codes_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
        sa.UniqueConstraint("user_id", "code", name="uq_recovery_codes_user_id_code"),
    )


def _create_holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("released_by", sa.String(64), nullable=False, server_default=""),
        sa.Column("released_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_holds"),
    )
    op.create_index("ix_holds_call_id", "holds", ["call_id"])
