"""Hides which database is underneath: its settings, transactions, dialect, and errors."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from hotline.errors import ConfigError, StoreError
from hotline.store.turns import Turns

BUSY_SECONDS = 10
"""How long a writer waits for the one before it."""

TURN = "turn"
"""Mark of a pooled connection whose transaction has the turn to write."""

READ_ONLY = "read_only"
"""Execution option of a connection or engine that only reads; see `read_only`."""

_SQLITE_REASONS = {
    "SQLITE_BUSY": "the database is locked by another writer",
    "SQLITE_LOCKED": "the database is locked by another writer",
    "SQLITE_FULL": "the disk of the database is full",
    "SQLITE_CANTOPEN": "the database file cannot be opened",
    "SQLITE_READONLY": "the database file cannot be written",
    "SQLITE_PERM": "the database file cannot be written",
    "SQLITE_IOERR": "the disk of the database failed",
    "SQLITE_CORRUPT": "the database file is damaged",
    "SQLITE_NOTADB": "the file is no database",
    "SQLITE_CONSTRAINT": "a row contradicts the database's rules",
}
_POSTGRES_REASONS = {
    "08": "the database cannot be reached",
    "22": "a value does not fit its column",
    "23": "a row contradicts the database's rules",
    "28": "the database refused the user or password",
    "3D": "there is no database of that name",
    "40": "two transactions collided",
    "53": "the database server is out of disk, memory or connections",
    "42": "the database lacks a table or the right to it; run hotline db upgrade",
    "55": "the database is locked by another writer",
    "57": "the database server is shutting down",
}


class RowRefused(StoreError):
    """The database understood and said no: a broken rule, a value it cannot hold, a table that is not there.

    `code` is that of `StoreError`; only trying again is pointless.
    """

    retryable = False


def make_engine(url: str) -> Engine:
    """An engine for a SQLAlchemy URL; a SQLite file's folder is made when absent, readable by us alone.

    SQLite: write-ahead log, foreign keys, one writer at a time. A transaction takes the write lock when it
    begins (BEGIN IMMEDIATE), because one that first reads and then writes cannot wait for the lock and fails
    at once; readers say so with `reading` or `read_only` and block nobody.

    Raises `ConfigError` for a URL that cannot be used, `StoreError` when the folder cannot be made.
    Nothing is connected to yet.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(["store.url: not a database URL"]) from None
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _sqlite(parsed)
    if kind in {"postgresql", "postgres"}:
        return _postgresql(parsed)
    raise ConfigError([f"store.url: {kind} is not supported; use sqlite or postgresql"])


def read_only(engine: Engine) -> Engine:
    """The same engine for code that only reads: its transactions never take the write lock."""
    return engine.execution_options(**{READ_ONLY: True})


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is committed at the end of the block. Raises `StoreError`."""
    with translated(), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database and changes nothing. Raises `StoreError`."""
    with translated(), read_only(engine).connect() as connection:
        yield connection


def forget_pages(engine: Engine) -> None:
    """Take what was deleted out of the log beside a SQLite database, which still holds the old pages.

    On PostgreSQL deleted rows go when its autovacuum comes by.
    """
    if engine.dialect.name != "sqlite":
        return
    # This cannot be done inside a transaction.
    with closing(engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])


def insert_if_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row unless its key is there; whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # Asked for by RETURNING: the drivers do not agree on what the row count of such an insert means.
    insert = dialect.insert(table).values(dict(row)).on_conflict_do_nothing()
    return connection.execute(insert.returning(*table.primary_key)).first() is not None


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each with every column of the table; a row whose key is there is written over."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    fresh = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
    connection.execute(
        insert.on_conflict_do_update(index_elements=keys, set_=fresh), [dict(row) for row in rows]
    )


def storable(text: str) -> str:
    """Text from outside without what a database refuses: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into `StoreError`, or `RowRefused` where trying again cannot help.

    The driver's own message is dropped, not chained: it may quote the row, which is personal data.
    """
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError) as error:
        raise RowRefused(_reason(error.orig)) from None
    except DBAPIError as error:
        raise StoreError(_reason(error.orig)) from None
    except PoolTimeout:
        raise StoreError("all connections to the database are busy") from None


def _reason(error: BaseException | None) -> str:
    name = getattr(error, "sqlite_errorname", None)
    if name:
        stem = "_".join(str(name).split("_")[:2])
        return f"{_SQLITE_REASONS.get(stem, 'the database refused the statement')} ({name})"
    state = getattr(error, "sqlstate", None)
    if state:
        reason = _POSTGRES_REASONS.get(str(state)[:2], "the database refused the statement")
        return f"{reason} (SQLSTATE {state})"
    if isinstance(error, sqlite3.Error):
        return "the database refused the statement"
    return "the database cannot be reached"


def _sqlite(url: URL) -> Engine:
    pool: dict[str, Any] = {}
    if url.database in {None, "", ":memory:"}:
        # One connection that is never closed, lent to one thread at a time: the data lives in it.
        pool = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
    else:
        _prepare_file(Path(str(url.database)))
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        hide_parameters=True,
        **pool,
    )
    event.listen(engine, "connect", _tune_sqlite)
    _write_in_turn(engine, Turns())
    return engine


def _prepare_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # the log and the shared memory beside it take over its permissions
    except OSError as error:
        raise StoreError(f"the database file cannot be made: {error.strerror}") from error


def _tune_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says, not where Python guesses
    for pragma in (
        "journal_mode = WAL",
        "foreign_keys = ON",
        # FULL, not NORMAL: with NORMAL a power cut may undo the last commits, and a caller has been told the
        # number of an order by then. Finals come in batches, so one fsync a commit is affordable.
        "synchronous = FULL",
        "secure_delete = ON",  # what retention deletes is overwritten, not just unlinked
        "temp_store = MEMORY",
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _write_in_turn(engine: Engine, turns: Turns) -> None:
    """Transactions that write wait for one another here rather than inside SQLite, which knows no queue."""

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(READ_ONLY, False):
            connection.exec_driver_sql("BEGIN")
            return
        # Without a turn it is tried all the same: the writer may be another process, and SQLite tells.
        if turns.take(BUSY_SECONDS):
            connection.info[TURN] = True
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def end(connection: Connection) -> None:
        if not connection.invalidated and connection.info.pop(TURN, False):
            turns.give_back()

    def left(_raw: object, record: ConnectionPoolEntry, *_error: object) -> None:
        if record.info.pop(TURN, False):  # a transaction that failed to begin, or that nobody has ended
            turns.give_back()

    event.listen(engine, "begin", begin)
    event.listen(engine, "commit", end)
    event.listen(engine, "rollback", end)
    event.listen(engine, "checkin", left)
    event.listen(engine, "invalidate", left)


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={
                "connect_timeout": 5,
                # jit: to compile a question takes PostgreSQL up to a second, and it does so for lists that it
                # believes to be dear and that end after fifty rows.
                "options": f"-c timezone=UTC -c jit=off -c lock_timeout={BUSY_SECONDS * 1000}",
            },
            hide_parameters=True,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError:
        raise ConfigError(
            ["store.url: PostgreSQL needs its driver; pip install 'hotline12348[postgres]'"]
        ) from None
