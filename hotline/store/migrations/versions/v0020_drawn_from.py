"""Keeps the calls that a day's sample of quality inspection was drawn from; days drawn before have none."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty for what was drawn before."""
    op.add_column("quality_days", sa.Column("drawn_from", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """As before."""
    op.drop_column("quality_days", "drawn_from")
