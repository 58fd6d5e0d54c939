"""Adds the life of orders: complaints, owners, merging, the pool, counters, and the timers.

Orders there are keep their state: an answered one now waits for review. Their timers are planned when the
line starts next.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and the table of timers."""
    for name, length, default in (
        ("kind", 16, "ordinary"),
        ("owner", 64, ""),
        ("against_unit", 64, ""),
        ("against_person", 64, ""),
        ("parent", 32, ""),
        ("pool", 8, ""),
        ("holder", 64, ""),
    ):
        op.add_column(
            "work_orders", sa.Column(name, sa.String(length), nullable=False, server_default=default)
        )
    op.add_column("work_orders", sa.Column("held_until", INSTANT, nullable=True))
    op.add_column("work_orders", sa.Column("life", sa.JSON(), nullable=False, server_default="{}"))
    op.create_index("ix_work_orders_parent", "work_orders", ["parent"])
    op.create_index("ix_work_orders_pool_holder", "work_orders", ["pool", "holder"])
    op.create_table(
        "order_timers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_order_timers_order_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_timers"),
        sa.UniqueConstraint("order_id", "rule", "at", name="uq_order_timers_order_id_rule_at"),
    )
    op.create_index("ix_order_timers_status_at", "order_timers", ["status", "at"])


def downgrade() -> None:
    """Drop them. States and actions that the release before does not know stay in the rows."""
    op.drop_table("order_timers")
    op.drop_index("ix_work_orders_pool_holder", "work_orders")
    op.drop_index("ix_work_orders_parent", "work_orders")
    for name in (
        "life",
        "held_until",
        "holder",
        "pool",
        "parent",
        "against_person",
        "against_unit",
        "owner",
        "kind",
    ):
        op.drop_column("work_orders", name)
