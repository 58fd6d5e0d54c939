"""Makes the tables of work orders: orders, their fields and history, numbers given out, the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _create_work_orders()
    _create_order_fields()
    _create_order_history()
    _create_order_sequences()
    _create_order_outbox()


def downgrade() -> None:
    """Drop them, with all orders."""
    op.drop_table("order_outbox")
    op.drop_table("order_sequences")
    op.drop_table("order_history")
    op.drop_table("order_fields")
    op.drop_table("work_orders")


def _create_work_orders() -> None:
    op.create_table(
        "work_orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("matter_no", sa.Integer(), nullable=False),
        sa.Column("matter", sa.String(length=64), nullable=False),
        sa.Column("matter_label", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("service_label", sa.String(length=64), nullable=False),
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("caller_contact", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("urgency", sa.String(length=16), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("unit_name", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("filed_at", INSTANT, nullable=False),
        sa.Column("sign_by", INSTANT, nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.CheckConstraint("matter_no >= 1", name="ck_work_orders_matter_no"),
        sa.PrimaryKeyConstraint("id", name="pk_work_orders"),
        sa.UniqueConstraint("call_id", "matter_no", name="uq_work_orders_call_id_matter_no"),
        sa.UniqueConstraint("number", name="uq_work_orders_number"),
    )
    op.create_index("ix_work_orders_filed_at_id", "work_orders", ["filed_at", "id"])
    op.create_index("ix_work_orders_matter", "work_orders", ["matter"])
    op.create_index("ix_work_orders_unit_state_filed_at", "work_orders", ["unit", "state", "filed_at"])


def _create_order_fields() -> None:
    op.create_table(
        "order_fields",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("display", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("machine_value", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_order_fields_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_fields"),
        sa.UniqueConstraint("order_id", "name", name="uq_order_fields_order_id_name"),
    )


def _create_order_history() -> None:
    op.create_table(
        "order_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=True),
        sa.Column("to_state", sa.String(length=16), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=True),
        sa.Column("machine_value", sa.Text(), nullable=True),
        sa.Column("human_value", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_order_history_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_history"),
    )
    op.create_index("ix_order_history_order_id", "order_history", ["order_id"])


def _create_order_sequences() -> None:
    op.create_table(
        "order_sequences",
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "district", name="pk_order_sequences"),
    )


def _create_order_outbox() -> None:
    op.create_table(
        "order_outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("leased_until", INSTANT, nullable=True),
        sa.Column("lease_owner", sa.String(length=32), nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("problem", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_order_outbox_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_outbox"),
        sa.UniqueConstraint("delivery_id", name="uq_order_outbox_delivery_id"),
    )
    op.create_index("ix_order_outbox_order_id", "order_outbox", ["order_id"])
    op.create_index("ix_order_outbox_status_kind_next_at", "order_outbox", ["status", "kind", "next_at"])
