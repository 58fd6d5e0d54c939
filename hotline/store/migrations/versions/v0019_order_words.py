"""Adds the index of orders' words, filled for the orders there are, and indexes for lists in their order."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from hotline.store.upgrade import progress
from workorders.word_tables import POSTGRESQL_INDEX, SQLITE_INDEX, Pieces, word_rows

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

CHUNK = 1000
"""Orders read and indexed at a time; so many texts are in memory."""
LISTS = (("unit", "state"), ("matter",), ("state",))
"""Columns that lists are narrowed by; their indexes lacked the order's id."""


def upgrade() -> None:
    """Make and fill them."""
    op.create_index("ix_intents_matter_call_id", "intents", ["matter", "call_id"])
    op.drop_index("ix_intents_matter", "intents")
    for columns in LISTS:
        op.drop_index(_name(columns, "filed_at"), "work_orders")
        op.create_index(_name(columns, "filed_at", "id"), "work_orders", [*columns, "filed_at", "id"])
    op.create_index(_name(("unit",), "filed_at", "id"), "work_orders", ["unit", "filed_at", "id"])
    complaint = sa.text("against_unit > ''")
    op.create_index(
        _name(("against_unit",)),
        "work_orders",
        ["against_unit"],
        sqlite_where=complaint,
        postgresql_where=complaint,
    )
    words = op.create_table(
        "order_words",
        sa.Column("order_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("words", Pieces(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["work_orders.id"], name="fk_order_words_order_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_words"),
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    # SQLite's index is filled by its triggers; PostgreSQL's is made faster of rows that are there.
    for statement in () if postgresql else SQLITE_INDEX:
        op.get_bind().exec_driver_sql(statement)
    _fill(words)
    for statement in POSTGRESQL_INDEX if postgresql else ():
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """As before."""
    if op.get_bind().dialect.name != "postgresql":
        op.execute("DROP TABLE order_word_index")
    op.drop_table("order_words")
    op.create_index("ix_intents_matter", "intents", ["matter"])
    op.drop_index("ix_intents_matter_call_id", "intents")
    op.drop_index(_name(("against_unit",)), "work_orders")
    op.drop_index(_name(("unit",), "filed_at", "id"), "work_orders")
    for columns in LISTS:
        op.drop_index(_name(columns, "filed_at", "id"), "work_orders")
        op.create_index(_name(columns, "filed_at"), "work_orders", [*columns, "filed_at"])


def _fill(words: sa.Table) -> None:
    bind = op.get_bind()
    total = bind.scalar(sa.text("SELECT count(*) FROM work_orders")) or 0
    after, done, told = 0, 0, progress()
    while rows := _texts(bind, after):
        bind.execute(words.insert(), word_rows(rows))
        after, done = rows[-1]["id"], done + len(rows)
        told(done, total)


def _texts(bind: sa.Connection, after: int) -> Sequence[Mapping[Any, Any]]:
    wanted = sa.text(
        "SELECT id, search_text, caller_contact FROM work_orders WHERE id > :after ORDER BY id LIMIT :chunk"
    )
    return bind.execute(wanted, {"after": after, "chunk": CHUNK}).mappings().all()


def _name(columns: Sequence[str], *more: str) -> str:
    return "_".join(("ix_work_orders", *columns, *more))
