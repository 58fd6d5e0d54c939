"""JSON log lines on stderr, one an event, bound to the call they belong to and without personal data."""

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

PERSONAL = "pii_"
"""Beginning of every field that holds personal data."""

MAX_CAUSES = 5
"""How deep, and how many side by side, the causes of an error are written."""

_call: ContextVar[str | None] = ContextVar("call", default=None)

# What a record has by itself; anything else was given by `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@contextmanager
def bound_to_call(call: str) -> Iterator[None]:
    """Put the call's id on every line logged in the block, and in the tasks and threads started in it."""
    token = _call.set(call)
    try:
        yield
    finally:
        _call.reset(token)


def configure(show_raw: bool = False, level: int | str = logging.INFO, stream: TextIO | None = None) -> None:
    """Send all logging to a stream (stderr) as JSON lines. May be called again; the last call holds.

    Fields that begin with `pii_` are left out unless `show_raw`. Raises `ValueError` for an unknown level.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonLines(show_raw))
    root = logging.getLogger()
    root.setLevel(level)
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    # These speak of every request; the addresses in them are personal data.
    for noisy in ("httpx", "httpcore", "uvicorn.access", "websockets", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, call, the fields of `extra`, the error."""

    def __init__(self, show_raw: bool = False) -> None:
        super().__init__()
        self._show_raw = show_raw

    def format(self, record: logging.LogRecord) -> str:
        """Never raises: a field that is no JSON is written by its name of type, a bad message unformatted."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        if (call := _call.get()) is not None:
            line["call_id"] = call
        for name, value in vars(record).items():
            if name not in _STANDARD and (self._show_raw or not name.startswith(PERSONAL)):
                line.setdefault(name, value)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = self._error(record.exc_info[1], depth=0)
        return json.dumps(line, ensure_ascii=False, default=_fallback)

    def _error(self, error: BaseException, depth: int) -> dict[str, Any]:
        """Type, code, place and causes of an exception; its message only with `show_raw`: it may quote data.

        Our own errors keep their message: they are written to carry no personal data.
        """
        frames = traceback.extract_tb(error.__traceback__)
        facts: dict[str, Any] = {
            "type": type(error).__name__,
            "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        }
        code = getattr(error, "code", None)
        if isinstance(code, str):
            facts["code"] = code
        if isinstance(code, str) or self._show_raw:
            facts["message"] = str(error)
        if depth < MAX_CAUSES and (causes := _causes(error)):
            facts["causes"] = [self._error(cause, depth + 1) for cause in causes]
        return facts


def _causes(error: BaseException) -> Sequence[BaseException]:
    """The errors in a group, else the one that led to this one."""
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[:MAX_CAUSES]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [cause] if cause is not None else []


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _fallback(value: object) -> str:
    """What stands for a value that JSON does not know; its own text might quote data."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"<{type(value).__name__}>"
