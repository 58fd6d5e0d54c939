"""Messages cut out of a byte stream."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.sip.message import MAX_BODY, MAX_MESSAGE, BadMessage
from hotline.gateway.sip.stream import StreamParser

pytestmark = pytest.mark.unit

ONE = b"OPTIONS sip:a@h SIP/2.0\r\nX: 1\r\nContent-Length: 5\r\n\r\nhello"
TWO = b"OPTIONS sip:a@h SIP/2.0\r\nl : 0\r\n\r\n"


def fed(parser: StreamParser, data: bytes) -> list[bytes]:
    """What is whole when these bytes have come."""
    parser.add(data)
    return list(iter(parser.take, None))


@given(st.lists(st.integers(0, len(ONE + TWO + ONE)), max_size=8))
def test_however_it_is_cut_the_same_messages_come_out(cuts: list[int]) -> None:
    whole = ONE + TWO + ONE
    edges = [0, *sorted(cuts), len(whole)]
    parser = StreamParser()
    found = [message for start, end in pairwise(edges) for message in fed(parser, whole[start:end])]
    assert found == [ONE, TWO, ONE]


def test_pings_are_counted_and_pongs_swallowed() -> None:
    parser = StreamParser()
    assert fed(parser, b"\r\n\r\n") == []
    assert parser.pings == 1
    assert fed(parser, b"\r\n" + ONE) == [ONE]
    assert fed(parser, b"\r") == []
    assert fed(parser, b"\n\r\n") == []
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
        fed(StreamParser(), data)


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_any_bytes(pieces: list[bytes]) -> None:
    parser = StreamParser()
    try:
        for piece in pieces:
            fed(parser, piece)
    except BadMessage:
        return


def test_empty_lines_of_any_kind_before_a_message_are_skipped() -> None:
    parser = StreamParser()
    assert fed(parser, b"\r\r\n\n\r\r" + ONE) == [ONE]
    assert fed(parser, b"\n" * 100_000) == []
    assert not parser.begun
    assert fed(parser, TWO) == [TWO]


@pytest.mark.parametrize(
    "start",
    [
        b"\r" * 4,
        b"OPTIONS sip:a@h SIP/2.0\r\nX: " + b"x" * 31_000,
        b"OPTIONS sip:a@h SIP/2.0\r\nX: " + b"x\r\nX: " * 4_000 + b"1\r\nContent-Length: 20000\r\n\r\n",
    ],
    ids=["empty lines", "headers", "body"],
)
def test_what_trickles_in_is_not_read_anew_with_every_byte(start: bytes) -> None:
    """A thousand bytes one by one: each costs what one byte costs, however much waits."""
    parser = StreamParser()
    fed(parser, start)
    began = time.thread_time()
    for _ in range(1_000):
        fed(parser, b"\r")
    assert time.thread_time() - began < 0.02
