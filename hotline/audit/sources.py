"""The tables whose rows are sealed: what is done to orders, and everything in the audit log.

Both are append-only. Recordings are among them by the audit log: when a call closes, the hash of its
recording is written there in the transaction that closes it. Of what was said in an order's history
the sealed row has a commitment (`workorders.history_rows`); the words stand beside it until their time is
over.
Rows of an older release were sealed with their words and are put together again to be compared.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, select

from hotline.audit.chain import digest_of
from hotline.store.tables import audit
from workorders.history_rows import SAID, commitment
from workorders.tables import order_history, order_texts

AUDIT = "audit"
HISTORY = "order_history"

SOURCES: Mapping[str, Table] = {AUDIT: audit, HISTORY: order_history}
"""By the name that stands in the chain."""

ASKED_AT_ONCE = 500
"""Ids in one question: SQLite takes no list without end."""
_BESIDE = "beside_"
"""Before the names of columns of `order_texts`."""


def rows_of(source: str) -> Select[Any]:
    """Rows of a table with all that `row_digest` and `words_of` look at."""
    if source != HISTORY:
        return select(SOURCES[source])
    beside = [order_texts.c[name].label(_BESIDE + name) for name in ("history_id", "salt", *SAID)]
    return select(order_history, *beside).outerjoin(
        order_texts, order_texts.c.history_id == order_history.c.id
    )


def row_digest(row: Mapping[str, Any] | RowMapping) -> str:
    """The digest of a row of any of the tables, as `rows_of` has read it."""
    plain = {str(name): value for name, value in row.items() if name != "id" and not name.startswith(_BESIDE)}
    if "content" in plain and plain["content"] is None:
        del plain["content"]
        for name in SAID:
            said = row[_BESIDE + name]
            plain[name] = plain.get(name) if said is None else said
    return digest_of(plain)


def rest_of(row: RowMapping) -> str:
    """The digest that a line of history will have without the words beside it."""
    return row_digest({name: None if name.startswith(_BESIDE) else row[name] for name in row})


def words_hold(row: RowMapping) -> bool | None:
    """Whether the words beside a line of history are those that its row commits to; None: they are gone."""
    if row[_BESIDE + "history_id"] is None:
        return None
    said = {name: row[_BESIDE + name] for name in SAID}
    return bool(commitment(row[_BESIDE + "salt"], said) == row["content"])


def wordless(row: RowMapping) -> bool:
    """Whether no words stand beside a line of history that may once have had some."""
    return row[_BESIDE + "history_id"] is None


def rows_by_id(connection: Connection, source: str, ids: Iterable[int]) -> dict[int, RowMapping]:
    """The rows that are there."""
    table, wanted, found = SOURCES[source], list(ids), {}
    for at in range(0, len(wanted), ASKED_AT_ONCE):
        asked = rows_of(source).where(table.c.id.in_(wanted[at : at + ASKED_AT_ONCE]))
        for row in connection.execute(asked).mappings():
            found[int(row["id"])] = row
    return found
