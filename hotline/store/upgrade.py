"""Brings a database's tables to what this release needs."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, text

import workorders.case_tables  # its tables are in the metadata once it is imported
import workorders.tables
import workorders.word_tables
from hotline.errors import StoreError
from hotline.store import quality_tables, stat_tables, topic_tables
from hotline.store.engine import forget_pages, reading, writing
from hotline.store.search import INDEX_TABLE

log = logging.getLogger(__name__)

TOLD_EVERY = 50_000
HAND_MADE = (INDEX_TABLE, "ix_utterances_search", workorders.word_tables.INDEX, workorders.word_tables.GIN)
"""Names (or their beginnings) of what SQLAlchemy cannot describe; a revision makes it by hand."""

_KNOWN = (stat_tables.call_facts, topic_tables.topics, quality_tables.quality_days)
"""A table is in the metadata once its module is imported."""
OUR_TABLES = (_KNOWN[0].metadata, workorders.tables.metadata)
"""Every table there is: those of statistics and the like share the first with `hotline.store.tables`."""
HowFar = Callable[[int, int], None]
"""Told how many of how many rows a long revision has done."""
_UPGRADE_LOCK = 12348
"""Key of PostgreSQL's advisory lock; on SQLite the write lock does."""


def upgrade(engine: Engine, secrets_key: Path | None = None, tell: HowFar | None = None) -> str:
    """Run the revisions that are missing, in one transaction; the revision now in force.

    `tell` hears from revisions that take long, and the log does, every `TOLD_EVERY` rows.

    Several processes may do this at once: one works, the others wait and find nothing to do. A database
    that is already up to date is only read. `secrets_key`: where the key is, or will be, that seals secrets
    (`hotline.store.secret_box`); only a database with secrets in the clear needs it. Raises `StoreError`,
    also for a database that a newer release has upgraded.
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
        config.attributes["tell"] = tell
        config.attributes["secrets_key"] = secrets_key
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError("the database belongs to another release of the hotline") from error
    forget_pages(engine)  # what was moved or sealed
    return newest


def progress() -> HowFar:
    """For a revision that is being run: whom to tell how far it is."""
    from alembic import context

    heard: HowFar | None = context.config.attributes.get("tell")
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if heard is not None:
            heard(done, total)
        if done - told >= TOLD_EVERY or (done == total and told):
            told = done
            log.info("upgrading the database", extra={"done": done, "total": total})

    return tell


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
        "target_metadata": list(OUR_TABLES),
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
