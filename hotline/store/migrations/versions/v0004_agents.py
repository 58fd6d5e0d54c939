"""Adds the roster of agents and the log of calls and agents."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "agents",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("display", sa.String(64), nullable=False),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("phone", sa.String(64)),
        sa.Column("phone_only", sa.Boolean(), nullable=False),
        sa.Column("licence", sa.String(64), nullable=False),
        sa.Column("licence_until", sa.Date()),
        sa.Column("shifts", sa.JSON(), nullable=False),
        sa.Column("updated", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_agents"),
        sa.UniqueConstraint("phone", name="uq_agents_phone"),
    )
    op.create_table(
        "acd_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("call_id", sa.String(64)),
        sa.Column("agent", sa.String(64)),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_acd_log"),
    )
    op.create_index("ix_acd_log_at_id", "acd_log", ["at", "id"])
    op.create_index("ix_acd_log_call_id", "acd_log", ["call_id"])
    op.create_index("ix_acd_log_agent_at", "acd_log", ["agent", "at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("acd_log")
    op.drop_table("agents")
