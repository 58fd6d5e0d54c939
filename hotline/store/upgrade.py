"""Brings a database's tables to what this release needs."""

from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, text

import workorders.tables
from hotline.errors import StoreError
from hotline.store import tables
from hotline.store.engine import reading, writing
from hotline.store.search import INDEX_TABLE

HAND_MADE = (INDEX_TABLE, "ix_utterances_search")
"""Names (or their beginnings) of what SQLAlchemy cannot describe; a revision makes it by hand."""

_UPGRADE_LOCK = 12348
"""Key of PostgreSQL's advisory lock; on SQLite the write lock does."""


def upgrade(engine: Engine) -> str:
    """Run the revisions that are missing, in one transaction; the revision now in force.

    Several processes may do this at once: one works, the others wait and find nothing to do. A database
    that is already up to date is only read. Raises `StoreError`, also for a database that a newer release
    has upgraded.
    """
    from alembic import command
    from alembic.util.exc import CommandError

    if current(engine) == (newest := head()):
        return newest
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError("the database belongs to another release of the hotline") from error
    return newest


def current(engine: Engine) -> str | None:
    """The revision of the database; None before its first upgrade. Raises `StoreError`."""
    from alembic.migration import MigrationContext

    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision that this release needs."""
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise StoreError("the installed package lacks its database revisions")
    return newest


def differences(connection: Connection) -> list[Any]:
    """What the tables in code have that the database lacks, and the other way round (Alembic's own form)."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts=alembic_options())
    return list(compare_metadata(context, context.opts["target_metadata"]))


def alembic_options() -> dict[str, Any]:
    """How Alembic compares and runs: both metadata sets, hand-made things left alone."""
    return {
        "target_metadata": [tables.metadata, workorders.tables.metadata],
        "compare_type": True,
        "include_name": _is_ours,
    }


def _is_ours(
    name: str | None,
    kind: Literal["schema", "table", "column", "index", "unique_constraint", "foreign_key_constraint"],
    parents: Any,
) -> bool:
    del kind, parents
    return name is None or not name.startswith(HAND_MADE)


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
