"""Adds supervisors' topics, and the calls found by their sound."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "topics",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("phonetic", sa.Boolean(), nullable=False),
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("place", sa.String(6), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scanned_to", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_topics"),
        sa.UniqueConstraint("name", name="uq_topics_name"),
    )
    op.create_table(
        "topic_hits",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["topic_id"], ["topics.id"], name="fk_topic_hits_topic_id_topics"),
        sa.PrimaryKeyConstraint("topic_id", "call_id", name="pk_topic_hits"),
    )
    op.create_index("ix_topic_hits_call_id", "topic_hits", ["call_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("topic_hits")
    op.drop_table("topics")
