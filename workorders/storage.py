"""What every module with SQL does the same way: the driver's errors as ours, and inserts that may be late."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from workorders.errors import WorkOrderError


class StorageFailed(WorkOrderError):
    """The database refused or could not be reached. The driver's words, which may quote rows, are dropped."""

    code = "order.storage"
    retryable = True


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into `StorageFailed`, without its message."""
    try:
        yield
    except DBAPIError as error:
        raise StorageFailed(f"the database refused ({type(error.orig).__name__})") from None
    except PoolTimeout:
        raise StorageFailed("all connections to the database are busy") from None


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one like it is there; whether it was. The transaction goes on either way."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made = dialect.insert(table).values(dict(values)).on_conflict_do_nothing()
    return connection.execute(made.returning(*table.primary_key)).first() is not None
