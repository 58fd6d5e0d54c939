"""Adds quality inspection: days that were drawn, calls drawn, issues."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0016"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "quality_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seed", sa.String(32), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("drawn_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_quality_days"),
    )
    op.create_table(
        "quality_samples",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("inspector", sa.String(64), nullable=False),
        sa.Column("inspected_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["day"], ["quality_days.day"], name="fk_quality_samples_day_quality_days"),
        sa.PrimaryKeyConstraint("id", name="pk_quality_samples"),
        sa.UniqueConstraint("call_id", name="uq_quality_samples_call_id"),
    )
    op.create_index("ix_quality_samples_day", "quality_samples", ["day"])
    op.create_index("ix_quality_samples_agent_day", "quality_samples", ["agent", "day"])
    op.create_table(
        "quality_issues",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raised_by", sa.String(64), nullable=False),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("verified_by", sa.String(64), nullable=False),
        sa.Column("verified_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["sample_id"], ["quality_samples.id"], name="fk_quality_issues_sample_id_quality_samples"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_quality_issues"),
    )
    op.create_index("ix_quality_issues_sample_id", "quality_issues", ["sample_id"])
    op.create_index("ix_quality_issues_agent_state", "quality_issues", ["agent", "state"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("quality_issues")
    op.drop_table("quality_samples")
    op.drop_table("quality_days")
