"""Messages cut out of a byte stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.sip.message import MAX_BODY, MAX_MESSAGE, BadMessage
from hotline.gateway.sip.stream import StreamParser

pytestmark = pytest.mark.unit

ONE = b"OPTIONS sip:a@h SIP/2.0\r\nX: 1\r\nContent-Length: 5\r\n\r\nhello"
TWO = b"OPTIONS sip:a@h SIP/2.0\r\nl : 0\r\n\r\n"


@given(st.lists(st.integers(0, len(ONE + TWO + ONE)), max_size=8))
def test_however_it_is_cut_the_same_messages_come_out(cuts: list[int]) -> None:
    whole = ONE + TWO + ONE
    edges = [0, *sorted(cuts), len(whole)]
    parser = StreamParser()
    found = [message for start, end in pairwise(edges) for message in parser.feed(whole[start:end])]
    assert found == [ONE, TWO, ONE]


def test_pings_are_counted_and_pongs_swallowed() -> None:
    parser = StreamParser()
    assert parser.feed(b"\r\n\r\n") == []
    assert parser.pings == 1
    assert parser.feed(b"\r\n" + ONE) == [ONE]
    assert parser.feed(b"\r") == []
    assert parser.feed(b"\n\r\n") == []
    assert parser.pings == 2


@pytest.mark.parametrize(
    "data",
    [
        b"x" * MAX_MESSAGE,
        b"A b SIP/2.0\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"A b SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\nxx",
    ],
)
def test_lost_framing(data: bytes) -> None:
    with pytest.raises(BadMessage):
        StreamParser().feed(data)


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_any_bytes(pieces: list[bytes]) -> None:
    parser = StreamParser()
    try:
        for piece in pieces:
            parser.feed(piece)
    except BadMessage:
        return
