"""Takes what was said in histories of orders out of the sealed rows, so that it can be deleted in its time.

The rows of an older release were sealed with their words: `hotline.audit.sources` puts them together again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# An edit's values before and after are personal, and so is whom a complaint is about.
MOVE = """
    INSERT INTO order_texts (history_id, order_id, salt, machine_value, human_value, text)
    SELECT id, order_id, '',
           CASE WHEN action IN ('edit', 'name_subject') THEN machine_value END,
           CASE WHEN action IN ('edit', 'name_subject') THEN human_value END,
           text
    FROM order_history
    WHERE text IS NOT NULL
       OR action IN ('edit', 'name_subject') AND (machine_value IS NOT NULL OR human_value IS NOT NULL)
"""
EMPTY = """
    UPDATE order_history SET machine_value = NULL, human_value = NULL
    WHERE action IN ('edit', 'name_subject')
"""
BACK = """
    UPDATE order_history SET
        machine_value = coalesce((SELECT machine_value FROM order_texts WHERE history_id = order_history.id),
                                 machine_value),
        human_value = coalesce((SELECT human_value FROM order_texts WHERE history_id = order_history.id),
                               human_value),
        text = (SELECT text FROM order_texts WHERE history_id = order_history.id)
"""
QUIET = ("order_history_append_only", "stat_6_update")


def upgrade() -> None:
    """Make the table of texts, move what there is, and drop the column."""
    op.add_column("work_orders", sa.Column("content_deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("order_history", sa.Column("content", sa.String(64), nullable=True))
    op.create_table(
        "order_texts",
        sa.Column("history_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("machine_value", sa.Text(), nullable=True),
        sa.Column("human_value", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["history_id"], ["order_history.id"], name="fk_order_texts_history_id"),
        sa.ForeignKeyConstraint(["order_id"], ["work_orders.id"], name="fk_order_texts_order_id"),
        sa.PrimaryKeyConstraint("history_id", name="pk_order_texts"),
    )
    op.create_index("ix_order_texts_order_id", "order_texts", ["order_id"])
    op.execute(MOVE)
    _unlocked(EMPTY)
    op.drop_column("order_history", "text")


def downgrade() -> None:
    """Put the words back where they still are; the release before finds the newer lines changed."""
    op.add_column("order_history", sa.Column("text", sa.Text(), nullable=True))
    _unlocked(BACK)
    op.drop_table("order_texts")
    op.drop_column("order_history", "content")
    op.drop_column("work_orders", "content_deleted_at")


def _unlocked(statement: str) -> None:
    """Run it with the history's lock off, and without counting every order anew for it."""
    if op.get_bind().dialect.name == "postgresql":
        for name in QUIET:
            op.execute(f"ALTER TABLE order_history DISABLE TRIGGER {name}")
        op.execute(statement)
        for name in QUIET:
            op.execute(f"ALTER TABLE order_history ENABLE TRIGGER {name}")
        return
    kept = []
    for name in ("order_history_no_update", "stat_6_update"):
        found = op.get_bind().execute(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name"), {"name": name}
        )
        kept.append(found.scalar_one())
        op.execute(f"DROP TRIGGER {name}")
    op.execute(statement)
    for trigger in kept:
        op.get_bind().exec_driver_sql(trigger)
