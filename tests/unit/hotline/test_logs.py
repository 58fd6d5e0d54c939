"""Log lines: JSON, bound to their call, without personal data."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from hotline.errors import HotlineError, StoreError
from hotline.logs import JsonLines, bound_to_call, configure

pytestmark = pytest.mark.unit

log = logging.getLogger("hotline.somewhere")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    # pytest's own handlers must survive: configure closes what it replaces.
    root.handlers = []
    configure(stream=stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def only(lines: io.StringIO) -> dict[str, Any]:
    (line,) = read(lines)
    return line


def test_a_line_is_json_with_the_fields_given(lines: io.StringIO) -> None:
    log.warning("leg %s ended", 7, extra={"packets": 3, "codec": "PCMA"})
    line = only(lines)
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "hotline.somewhere", "leg 7 ended")
    assert (line["packets"], line["codec"]) == (3, "PCMA")
    assert line["time"].endswith("+00:00")
    assert "call_id" not in line


def test_personal_fields_are_left_out(lines: io.StringIO) -> None:
    log.info("call began", extra={"pii_remote": "13800001234", "channel": "phone"})
    assert "138" not in lines.getvalue()
    assert only(lines)["channel"] == "phone"


def test_personal_fields_are_shown_on_a_test_line(lines: io.StringIO) -> None:
    configure(show_raw=True, stream=lines)
    log.info("call began", extra={"pii_remote": "13800001234"})
    assert only(lines)["pii_remote"] == "13800001234"


def test_lines_of_a_call_carry_its_id_across_tasks(lines: io.StringIO) -> None:
    async def call(name: str) -> None:
        with bound_to_call(name):
            await anyio.lowlevel.checkpoint()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(leg)

    async def leg() -> None:
        log.info("leg")

    async def line() -> None:
        async with anyio.create_task_group() as tasks:
            for name in "ab":
                tasks.start_soon(call, name)
        log.info("idle")

    anyio.run(line)
    assert sorted(str(entry.get("call_id")) for entry in read(lines)) == ["None", "a", "b"]


def test_a_strange_error_shows_its_type_and_place_but_not_its_words(lines: io.StringIO) -> None:
    try:
        raise ValueError("caller said 13800001234")
    except ValueError:
        log.exception("decoding failed")
    error = only(lines)["error"]
    assert error["type"] == "ValueError"
    assert "test_logs.py" in error["at"][0]
    assert "138" not in lines.getvalue()


def test_our_own_errors_show_code_and_message(lines: io.StringIO) -> None:
    try:
        raise StoreError("the disk is full")
    except HotlineError:
        log.exception("saving failed")
    error = only(lines)["error"]
    assert (error["code"], error["message"]) == ("hotline.store", "the disk is full")


def test_groups_and_causes_are_unfolded(lines: io.StringIO) -> None:
    try:
        try:
            raise KeyError("secret")
        except KeyError as cause:
            raise ExceptionGroup("several", [StoreError("locked"), OSError("secret")]) from cause
    except ExceptionGroup:
        log.exception("call failed")
    causes = only(lines)["error"]["causes"]
    assert [cause["type"] for cause in causes] == ["StoreError", "OSError"]
    assert causes[0]["message"] == "locked"
    assert "secret" not in lines.getvalue()


def test_endless_causes_end(lines: io.StringIO) -> None:
    one, other = ValueError(), ValueError()
    one.__context__, other.__context__ = other, one
    log.error("loop", exc_info=one)
    assert only(lines)["error"]["type"] == "ValueError"


def test_what_is_no_json_is_named_by_type(lines: io.StringIO) -> None:
    log.info("odd", extra={"thing": object(), "blob": b"13800001234"})
    line = only(lines)
    assert (line["thing"], line["blob"]) == ("<object>", "<bytes>")


def test_a_bad_message_is_no_error() -> None:
    record = logging.makeLogRecord({"msg": "%d of %d", "args": (1,)})
    assert json.loads(JsonLines().format(record))["message"] == "%d of %d"


def test_a_line_break_cannot_forge_a_line(lines: io.StringIO) -> None:
    log.info("user", extra={"agent": 'x"}\n{"level": "ERROR"'})
    assert len(lines.getvalue().splitlines()) == 1


def test_configuring_again_replaces(lines: io.StringIO) -> None:
    configure(level="WARNING", stream=lines)
    log.info("quiet")
    log.warning("loud")
    assert only(lines)["message"] == "loud"


def test_an_unknown_level_is_refused(lines: io.StringIO) -> None:
    with pytest.raises(ValueError):
        configure(level="LOUD", stream=lines)
