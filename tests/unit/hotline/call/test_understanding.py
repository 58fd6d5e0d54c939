"""What need not be asked for."""

import pytest

from hotline.call.understanding import Understanding
from hotline.conversation import CallId, Candidate, Intent, Slot, Source
from tests.fakes.call_parts import FakeReader

pytestmark = pytest.mark.unit


def known(remote: str, **slots: str) -> frozenset[str]:
    understanding = Understanding(CallId("c"), FakeReader())
    one = Candidate("labour.wages", "", 0.9)
    found = tuple(Slot(name, value, value, 0.9, ()) for name, value in slots.items())
    understanding.intent = Intent(one, one, (one,), found, (), Source.SPEECH)
    return understanding.known(remote)


@pytest.mark.parametrize("remote", ["13800001234", "+8613800001234", "sip:02886781234@example.org"])
def test_a_number_the_network_tells_is_known(remote: str) -> None:
    assert known(remote) == {"phone"}


@pytest.mark.parametrize("remote", ["anonymous", "sip:anonymous@anonymous.invalid", "", "1001"])
def test_a_caller_without_a_number_is_asked_for_one(remote: str) -> None:
    assert known(remote) == set()
    assert known(remote, phone="13800001234") == {"phone"}


def test_a_whole_prefecture_is_no_place_to_send_anybody_to() -> None:
    assert known("", place="510100") == set()
    assert known("", place="510116") == {"place"}


def test_nothing_said_is_nothing_known() -> None:
    assert Understanding(CallId("c"), FakeReader()).known("") == set()
