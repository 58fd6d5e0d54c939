"""Small parts of the composition root: ids, addresses, and errors told without their text."""

import re
from typing import Any, cast

import pytest

from hotline.app import Running, new_call_id
from hotline.call.contained import where
from hotline.settings import load

pytestmark = pytest.mark.unit

SECRET = "老板欠我工资 13800001234"


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001  any error is what this is about
        return caught


def test_ids_of_calls_are_apart_and_say_nothing() -> None:
    ids = {new_call_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"20\d{12}-[0-9a-f]{8}", each) for each in ids)


def test_where_tells_the_place_and_never_the_text() -> None:
    cause = raised(ValueError(SECRET))
    error = raised(RuntimeError(SECRET))
    error.__cause__ = cause
    error.add_note(SECRET)
    group = raised(
        ExceptionGroup(SECRET, [cast(Exception, error), ExceptionGroup(SECRET, [KeyError(SECRET)])])
    )
    for told in (where(error), where(group)):
        assert any(line.startswith("RuntimeError test_app.py:") for line in told)
        assert not any(part in line for line in told for part in SECRET.split())
        assert not any("/" in line for line in told)  # no path of a machine either


def test_where_is_short_however_deep_and_wide() -> None:
    def deep(levels: int) -> None:
        if not levels:
            raise ValueError(SECRET)
        deep(levels - 1)

    errors: list[Exception] = []
    for _ in range(20):
        try:
            deep(50)
        except ValueError as error:
            errors.append(error)
    assert len(where(errors[0])) == 8
    assert len(where(ExceptionGroup("", errors))) == 40


@pytest.mark.parametrize(("port", "shown"), [(5060, ""), (5070, ":5070")])
def test_addresses_to_dial_and_to_open(port: int, shown: str) -> None:
    settings = load()
    nothing = cast(Any, None)
    line = Running(settings, nothing, nothing, nothing, nothing, port, 8080, nothing)
    assert line.sip_uri == f"sip:{settings.sip.numbers[0]}@{settings.sip.host}{shown}"
    assert line.page == f"http://{settings.web.host}:8080/"
