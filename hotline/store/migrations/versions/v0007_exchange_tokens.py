"""Adds the tokens of other lines and systems."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0011"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "exchange_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(32), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("revoked", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_exchange_tokens"),
        sa.UniqueConstraint("token", name="uq_exchange_tokens_token"),
    )
    op.create_index("ix_exchange_tokens_system", "exchange_tokens", ["system"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("exchange_tokens")
