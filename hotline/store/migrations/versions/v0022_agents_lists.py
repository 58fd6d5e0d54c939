"""What the lists of agents who see only some calls need: how a call came to whom, by indexes alone."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Wider indexes in the place of narrow ones, and one of the calls that were put through."""
    connected = sa.text("kind = 'connect'")
    op.create_index("ix_acd_log_call_id_kind_queue", "acd_log", ["call_id", "kind", "queue"])
    op.drop_index("ix_acd_log_call_id", "acd_log")
    op.create_index(
        "ix_acd_log_had",
        "acd_log",
        ["agent", "call_id", "kind"],
        sqlite_where=connected,
        postgresql_where=connected,
    )
    op.create_index("ix_work_orders_owner_call_id", "work_orders", ["owner", "call_id"])
    op.drop_index("ix_work_orders_owner", "work_orders")


def downgrade() -> None:
    """As before."""
    op.create_index("ix_work_orders_owner", "work_orders", ["owner"])
    op.drop_index("ix_work_orders_owner_call_id", "work_orders")
    op.drop_index("ix_acd_log_had", "acd_log")
    op.create_index("ix_acd_log_call_id", "acd_log", ["call_id"])
    op.drop_index("ix_acd_log_call_id_kind_queue", "acd_log")
