"""The index of orders' words: a table that is written with the order, and how each database looks into it."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Dialect, ForeignKey, Integer, Table, Text, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeDecorator, TypeEngine

from workorders.tables import metadata
from workorders.words import pieces

INDEX = "order_word_index"
"""SQLite's FTS5 table over `order_words.words`; its rowid is `work_orders.id`."""
GIN = "ix_order_words_words"

# Pieces hold nothing but letters, digits and signs beyond ASCII, which this tokenizer leaves alone.
SQLITE_INDEX = (
    """CREATE VIRTUAL TABLE order_word_index USING fts5(
         words, content='order_words', content_rowid='order_id', columnsize=0, tokenize='ascii'
       )""",
    """CREATE TRIGGER order_word_index_insert AFTER INSERT ON order_words BEGIN
         INSERT INTO order_word_index(rowid, words) VALUES (new.order_id, new.words);
       END""",
    """CREATE TRIGGER order_word_index_delete AFTER DELETE ON order_words BEGIN
         INSERT INTO order_word_index(order_word_index, rowid, words)
         VALUES ('delete', old.order_id, old.words);
       END""",
    """CREATE TRIGGER order_word_index_update AFTER UPDATE ON order_words BEGIN
         INSERT INTO order_word_index(order_word_index, rowid, words)
         VALUES ('delete', old.order_id, old.words);
         INSERT INTO order_word_index(rowid, words) VALUES (new.order_id, new.words);
       END""",
)
POSTGRESQL_INDEX = ("CREATE INDEX ix_order_words_words ON order_words USING gin (words)",)


class Pieces(TypeDecorator[list[str]]):
    """Pieces in order, a text on SQLite; each once, an array on PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type."""
        return dialect.type_descriptor(postgresql.ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        """As the database keeps it."""
        if value is None:
            return None
        return list(dict.fromkeys(value)) if dialect.name == "postgresql" else " ".join(value)


order_words = Table(
    "order_words",
    metadata,
    Column(
        "order_id",
        Integer,
        ForeignKey("work_orders.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("words", Pieces, nullable=False),
)
"""Pieces (`workorders.words`) of what a search looks through; apart from orders, which change more often."""


def make_index(connection: Connection) -> None:
    """Make what SQLAlchemy cannot describe, over an `order_words` that is there."""
    for statement in SQLITE_INDEX if connection.dialect.name == "sqlite" else POSTGRESQL_INDEX:
        connection.exec_driver_sql(statement)


@event.listens_for(order_words, "after_create")
def _made(_table: Table, connection: Connection, **_more: Any) -> None:
    make_index(connection)


def word_columns(order_id: int, order: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an order, from its columns `search_text` and `caller_contact`."""
    return {"order_id": order_id, "words": pieces(order["search_text"], order["caller_contact"])}


def word_rows(orders: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows for many orders, each with its `id`."""
    return [word_columns(order["id"], order) for order in orders]


def write_words(connection: Connection, row: Mapping[str, Any]) -> None:
    """Put a row of `word_columns` in the place of the one there is."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = dialect.insert(order_words).values(dict(row))
    fresh = {"words": made.excluded.words}
    connection.execute(made.on_conflict_do_update(index_elements=["order_id"], set_=fresh))


def forget_words(connection: Connection) -> None:
    """Take words that were deleted out of SQLite's index, which otherwise only crosses them out."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO order_word_index(order_word_index) VALUES ('optimize')")
