"""STUN keep-alives on the SIP port."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.sip.stun import COOKIE, answer, is_stun

pytestmark = pytest.mark.unit

TRANSACTION = bytes(range(12))


def request(body: bytes = b"", kind: int = 1) -> bytes:
    return struct.pack("!HHI12s", kind, len(body), COOKIE, TRANSACTION) + body


def test_tells_where_it_came_from() -> None:
    said = answer(request(), ("192.0.2.1", 32853))
    # RFC 5769 §2.2's address and port, with another transaction.
    assert said is not None
    kind, length, cookie, transaction = struct.unpack_from("!HHI12s", said)
    assert (kind, cookie, transaction) == (0x0101, COOKIE, TRANSACTION)
    assert length == len(said) - 20 == 12
    assert said[20:] == bytes.fromhex("002000080001a147e112a643")


def test_ipv6() -> None:
    said = answer(request(), ("2001:db8::1", 5060))
    assert said is not None
    mask = struct.pack("!I", COOKIE) + TRANSACTION
    assert bytes(a ^ b for a, b in zip(said[28:], mask, strict=True)).hex() == "20010db8" + "0" * 23 + "1"


def test_names_what_it_does_not_understand() -> None:
    said = answer(
        request(struct.pack("!HHI", 0x0003, 4, 0) + struct.pack("!HHI", 0x8022, 4, 0)), ("10.0.0.1", 1)
    )
    assert said is not None
    assert said[:2] == b"\x01\x11"
    assert said.endswith(struct.pack("!HHH", 0x000A, 2, 3) + bytes(2))


@pytest.mark.parametrize(
    "data",
    [
        request(kind=0x0011),
        request(kind=0x0101),
        request()[:19],
        request() + b"1234",
        request(b"\0\3\0\xff"),
        request(bytes(560)),
    ],
)
def test_deserves_no_answer(data: bytes) -> None:
    assert answer(data, ("10.0.0.1", 1)) is None


@given(st.binary(max_size=700))
def test_never_raises(body: bytes) -> None:
    answer(body, ("10.0.0.1", 1))
    said = answer(request(body[: len(body) // 4 * 4]), ("10.0.0.1", 1))
    assert said is None or is_stun(said)


def test_sip_is_no_stun() -> None:
    assert not is_stun(b"OPTIONS sip:12348@127.0.0.1 SIP/2.0\r\n")
