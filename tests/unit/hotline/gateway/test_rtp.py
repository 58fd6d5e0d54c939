"""RTP packets: what is read, what is refused, and numbers that wrap."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.rtp import (
    MAX_PAYLOAD,
    RtpPacket,
    RtpSyntaxError,
    build,
    parse,
    sequence_delta,
    timestamp_delta,
)

pytestmark = pytest.mark.unit

packets = st.builds(
    RtpPacket,
    st.integers(0, 127),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=400),
    st.booleans(),
)


@given(packets)
def test_what_is_built_is_read_back(packet: RtpPacket) -> None:
    assert parse(build(packet)) == packet


@given(st.binary(max_size=2200))
def test_no_bytes_do_harm(data: bytes) -> None:
    try:
        parse(data)
    except RtpSyntaxError as error:
        assert repr(data) not in str(error)


@given(packets, st.integers(0, 15), st.integers(0, 5), st.integers(1, 20))
def test_csrc_extension_and_padding_are_left_out(
    packet: RtpPacket, sources: int, words: int, padding: int
) -> None:
    plain = build(packet)
    header = bytes([plain[0] | 0x30 | sources]) + plain[1:12] + bytes(4 * sources)
    extension = struct.pack("!HH", 0xBEDE, words) + bytes(4 * words)
    data = header + extension + packet.payload + bytes(padding - 1) + bytes([padding])
    assert parse(data) == packet


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        bytes([0x40]) + bytes(11),  # version 1
        bytes([0x8F]) + bytes(11),  # fifteen CSRCs announced, none there
        bytes([0x90]) + bytes(11),  # extension announced, none there
        bytes([0x90]) + bytes(13) + b"\xff\xff",  # extension longer than the packet
        bytes([0xA0]) + bytes(11),  # padding of no bytes
        bytes([0xA0]) + bytes(11) + b"\x20",  # padding longer than the packet
        bytes([0x80]) + bytes(11 + MAX_PAYLOAD + 1),
        bytes([0x80]) + bytes(70_000),
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(RtpSyntaxError):
        parse(data)


@given(st.integers(0, 0xFFFF), st.integers(-0x8000, 0x7FFF))
def test_sequence_numbers_wrap(old: int, ahead: int) -> None:
    assert sequence_delta((old + ahead) & 0xFFFF, old) == ahead


@given(st.integers(0, 0xFFFFFFFF), st.integers(-0x80000000, 0x7FFFFFFF))
def test_timestamps_wrap(old: int, ahead: int) -> None:
    assert timestamp_delta((old + ahead) & 0xFFFFFFFF, old) == ahead
