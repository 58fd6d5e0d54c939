"""Adds what handling units need: their people, token scopes, attachments, the change feed, channels.

Orders that units can see already become the first changes of their units' feeds, in the order of filing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
SCOPES = '["read", "act"]'
"""What a token could do before there were scopes."""


def upgrade() -> None:
    """Add the columns and tables, and fill the feeds."""
    op.add_column("users", sa.Column("unit", sa.String(64), nullable=False, server_default=""))
    op.add_column("unit_tokens", sa.Column("channel", sa.String(16), nullable=False, server_default=""))
    op.add_column("unit_tokens", sa.Column("scopes", sa.JSON(), nullable=False, server_default=SCOPES))
    op.add_column("unit_tokens", sa.Column("expires", INSTANT, nullable=True))
    op.add_column("unit_tokens", sa.Column("last_used", INSTANT, nullable=True))
    op.add_column("work_orders", sa.Column("channel", sa.String(16), nullable=False, server_default="phone"))
    _attachments()
    _feeds()
    _outward()
    op.execute(
        "INSERT INTO unit_changes (unit, seq, order_id, history_id, gone) "
        "SELECT unit, row_number() OVER (PARTITION BY unit ORDER BY filed_at, id), id, "
        "(SELECT max(order_history.id) FROM order_history WHERE order_history.order_id = work_orders.id), "
        "false FROM work_orders "
        "WHERE state NOT IN ('draft', 'filed') AND against_unit <> unit"
    )
    op.execute("INSERT INTO unit_feeds (unit, last) SELECT unit, count(*) FROM unit_changes GROUP BY unit")


def _attachments() -> None:
    op.create_table(
        "order_attachments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_order_attachments_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_attachments"),
        sa.UniqueConstraint("key", name="uq_order_attachments_key"),
    )
    op.create_index("ix_order_attachments_order_id", "order_attachments", ["order_id"])
    op.create_index("ix_order_attachments_sha256", "order_attachments", ["sha256"])


def _feeds() -> None:
    op.create_table(
        "unit_feeds",
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("unit", name="pk_unit_feeds"),
    )
    op.create_table(
        "unit_changes",
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("history_id", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_unit_changes_order_id"),
        sa.ForeignKeyConstraint(["history_id"], ["order_history.id"], name="fk_unit_changes_history_id"),
        sa.PrimaryKeyConstraint("unit", "seq", name="pk_unit_changes"),
    )


def _outward() -> None:
    op.create_table(
        "intake_keys",
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("body", sa.String(64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_intake_keys"),
    )
    op.create_table(
        "webhook_keys",
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("old_until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("unit", name="pk_webhook_keys"),
    )
    op.create_table(
        "outbound_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("classes", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbound_records"),
    )
    op.create_index("ix_outbound_records_number", "outbound_records", ["number"])
    op.create_index("ix_outbound_records_at", "outbound_records", ["at"])


def downgrade() -> None:
    """Drop them. The files of attachments stay where they are."""
    for table in (
        "outbound_records",
        "webhook_keys",
        "intake_keys",
        "unit_changes",
        "unit_feeds",
        "order_attachments",
    ):
        op.drop_table(table)
    op.drop_column("work_orders", "channel")
    for name in ("last_used", "expires", "scopes", "channel"):
        op.drop_column("unit_tokens", name)
    op.drop_column("users", "unit")
