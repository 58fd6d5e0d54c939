"""AudioSocket's framing and what a UUID says of the caller."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.audiosocket import Messages, caller_of, message

pytestmark = pytest.mark.unit

MESSAGES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=700)), max_size=20)


@given(MESSAGES, st.lists(st.integers(1, 400), max_size=50))
def test_framing_does_not_depend_on_how_the_stream_is_cut(
    sent: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(message(kind, payload) for kind, payload in sent)
    messages, found, at = Messages(), [], 0
    for cut in [*cuts, len(stream)]:
        found += messages.feed(stream[at : at + cut])
        at += cut
    assert found == sent


@given(st.binary(max_size=2_000))
def test_any_bytes_are_some_messages(data: bytes) -> None:
    found = Messages().feed(data)
    assert sum(3 + len(payload) for _, payload in found) <= len(data)


@pytest.mark.parametrize(
    ("text", "caller"),
    [
        ("12348000-0000-4000-8000-f13800001234", "13800001234"),
        ("12348000-0000-4000-8000-fff028123456", "028123456"),
        ("12348000-0000-4000-8000-fffffffff110", "110"),
    ],
)
def test_number_in_the_last_group(text: str, caller: str) -> None:
    assert caller_of(UUID(text)) == caller


@pytest.mark.parametrize(
    "text", ["0fb1b9f4-6c1c-4f5e-9a57-3d8a1f2b4c6d", "12348000-0000-4000-8000-ffffffffffff", str(UUID(int=5)),
             "0fb1b9f4-6c1c-4f5e-9a57-123456789012"]
)  # fmt: skip
def test_a_uuid_made_at_random_is_no_number(text: str) -> None:
    assert caller_of(UUID(text)) == f"pbx:{UUID(text).hex}"
