"""Adds indexes for lists of orders of a state or a matter, newest first."""

from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; the one of matters alone is no longer needed."""
    op.create_index("ix_work_orders_matter_filed_at", "work_orders", ["matter", "filed_at"])
    op.create_index("ix_work_orders_state_filed_at", "work_orders", ["state", "filed_at"])
    op.drop_index("ix_work_orders_matter", "work_orders")


def downgrade() -> None:
    """As before."""
    op.create_index("ix_work_orders_matter", "work_orders", ["matter"])
    op.drop_index("ix_work_orders_state_filed_at", "work_orders")
    op.drop_index("ix_work_orders_matter_filed_at", "work_orders")
