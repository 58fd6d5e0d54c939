"""The key that opens secrets in the database: made at the start, looked after, rotated."""

import logging
from collections.abc import Iterator

from sqlalchemy import Engine

from hotline.call.line import utc_now
from hotline.settings import Settings
from hotline.store.audit import TERMINAL, AuditStore
from hotline.store.second_factor import rotate, unopened
from hotline.store.secret_box import SecretBox, SecretsUnavailable
from hotline.wiring import Tell, open_database

log = logging.getLogger(__name__)

LOST = (
    "{count} second factors cannot be checked, {path} lacks their key: put the key file back from its copy, "
    "or run hotline users reset-code for {names}"
)


def open_looked_after(settings: Settings, tell: Tell) -> Engine:
    """The database of a line that starts, and its key looked after. Raises `StoreError`."""
    engine = open_database(settings)
    look_after(settings, engine, tell)
    return engine


def look_after(settings: Settings, engine: Engine, tell: Tell) -> None:
    """Make the key when there is none, and say whose second factor it does not open.

    The line starts whatever is found: calls need no second factor. Raises `StoreError`.
    """
    box = SecretBox(settings.secrets_key)
    try:
        if box.prepare():
            tell(f"made {box.path}, which opens second factors; keep a copy apart from the database's")
    except SecretsUnavailable as error:
        log.error("the key of secrets cannot be made", extra={"code": error.code})
    for problem in problems(settings, engine):
        log.error("secrets in the database cannot be opened", extra={"code": SecretsUnavailable.code})
        tell(problem)


def problems(settings: Settings, engine: Engine) -> Iterator[str]:
    """What is wrong with the key file, and with what is sealed under it. Raises `StoreError`."""
    box = SecretBox(settings.secrets_key)
    if wrong := box.problem():
        yield wrong
    if lost := unopened(engine, box):
        yield LOST.format(count=len(lost), path=box.path, names=", ".join(lost))


def rotate_key(settings: Settings) -> Iterator[str]:
    """Seal every secret anew under a new key; on record. Raises `StoreError`, `SecretsUnavailable`."""
    engine, box = open_database(settings), SecretBox(settings.secrets_key)
    AuditStore(engine).record(TERMINAL, "keys.rotate", "", utc_now())
    count = rotate(engine, box)
    yield f"{count} second factors are sealed under a new key, {box.names()[0]} in {box.path}; copy it now"
    yield from problems(settings, engine)
