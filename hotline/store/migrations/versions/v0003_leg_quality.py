"""Adds how each leg sounded: jitter, delays, what the far end lost, and the estimated score."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; legs of before have no score."""
    op.add_column("legs", sa.Column("jitter_ms", sa.Float(), nullable=False, server_default="0"))
    op.add_column("legs", sa.Column("playout_ms", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("legs", sa.Column("round_trip_ms", sa.Integer(), nullable=True))
    op.add_column("legs", sa.Column("remote_loss", sa.Float(), nullable=False, server_default="0"))
    op.add_column("legs", sa.Column("mos", sa.Float(), nullable=True))


def downgrade() -> None:
    """Drop them."""
    for name in ("mos", "remote_loss", "round_trip_ms", "playout_ms", "jitter_ms"):
        op.drop_column("legs", name)
