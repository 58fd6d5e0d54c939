"""Adds what two pages on many orders need: lists of a matter's calls in their order, and the orders that
clusters are gathered from."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, fill it, and let its index take the other's place."""
    op.add_column("intents", sa.Column("call_started", sa.DateTime(timezone=True)))
    with _nothing_to_count_again():
        op.execute(
            "UPDATE intents SET call_started = (SELECT started FROM calls WHERE calls.id = intents.call_id)"
        )
    op.create_index(
        "ix_intents_matter_call_started_call_id", "intents", ["matter", "call_started", "call_id"]
    )
    op.drop_index("ix_intents_matter_call_id", "intents")
    gathered = sa.text("length(party) > 0 AND kind = 'ordinary' AND state <> 'cancelled'")
    op.create_index(
        "ix_work_orders_gathered",
        "work_orders",
        ["filed_at", "party", "caller_contact"],
        sqlite_where=gathered,
        postgresql_where=gathered,
    )


def downgrade() -> None:
    """As before."""
    op.drop_index("ix_work_orders_gathered", "work_orders")
    op.create_index("ix_intents_matter_call_id", "intents", ["matter", "call_id"])
    op.drop_index("ix_intents_matter_call_started_call_id", "intents")
    op.drop_column("intents", "call_started")


@contextmanager
def _nothing_to_count_again() -> Iterator[None]:
    """No figure depends on the new column: without this, statistics would count every call again."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute("ALTER TABLE intents DISABLE TRIGGER USER")
        yield
        op.execute("ALTER TABLE intents ENABLE TRIGGER USER")
    else:  # nobody else writes meanwhile
        last = bind.scalar(sa.text("SELECT max(id) FROM stat_changes")) or 0
        yield
        bind.execute(sa.text("DELETE FROM stat_changes WHERE id > :last"), {"last": last})
