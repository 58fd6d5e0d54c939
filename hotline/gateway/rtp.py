"""RTP packets (RFC 3550 §5.1): bytes to `RtpPacket` and back, and arithmetic on numbers that wrap.

Pure: no sockets, no clock. The only error is `RtpSyntaxError`.
"""

import struct
from typing import NamedTuple

from hotline.errors import WireError

VERSION = 2
HEADER_BYTES = 12
MAX_DATAGRAM = 2048
"""Longest datagram looked at; 200 ms of G.711 with every header extension in use is shorter."""
MAX_PAYLOAD = 1600
"""Longest payload in bytes: 200 ms of G.711."""

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")


class RtpSyntaxError(WireError):
    """A datagram that is no RTP packet."""

    code = "hotline.wire.rtp"


class RtpPacket(NamedTuple):
    """One RTP packet without its CSRC list, header extension and padding.

    A tuple and not a dataclass, because one is made for every datagram: a frozen dataclass costs three times
    as much.
    """

    payload_type: int
    """0 to 127."""
    sequence: int
    """0 to 65535, wraps."""
    timestamp: int
    """32 bit, wraps; G.711 counts samples at 8 kHz."""
    ssrc: int
    """32 bit."""
    payload: bytes
    marker: bool = False
    """First packet of a talkspurt (RFC 3551 §4.1) or of an event (RFC 4733 §2.5.1.2)."""


def parse(data: bytes) -> RtpPacket:
    """Read one datagram. CSRCs, extension and padding are checked and left out.

    Raises `RtpSyntaxError` for anything that is not one whole RTP packet of at most 1600 payload bytes.
    """
    if not HEADER_BYTES <= len(data) <= MAX_DATAGRAM:
        raise RtpSyntaxError("length out of range")
    flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if flags >> 6 != VERSION:
        raise RtpSyntaxError("not RTP version 2")
    if flags == 0x80:  # the usual packet: no padding, extension or CSRC
        payload = data[HEADER_BYTES:]
    else:
        payload = data[_payload_start(data, flags) : _payload_end(data, flags)]
    if len(payload) > MAX_PAYLOAD:
        raise RtpSyntaxError("payload too long")
    return RtpPacket(kind & 0x7F, sequence, timestamp, ssrc, payload, kind > 0x7F)


def _payload_start(data: bytes, flags: int) -> int:
    start = HEADER_BYTES + 4 * (flags & 0x0F)
    if flags & 0x10:
        if start + 4 > len(data):
            raise RtpSyntaxError("header extension cut off")
        start += 4 + 4 * int(_EXTENSION.unpack_from(data, start)[1])
    padding = data[-1] if flags & 0x20 else 0
    if flags & 0x20 and padding == 0:
        raise RtpSyntaxError("padding of no bytes")
    if start + padding > len(data):
        raise RtpSyntaxError("headers longer than the packet")
    return start


def _payload_end(data: bytes, flags: int) -> int:
    return len(data) - (data[-1] if flags & 0x20 else 0)


def build(packet: RtpPacket) -> bytes:
    """Write a packet without CSRC, extension or padding. Numbers must be in range."""
    kind = packet.payload_type | (0x80 if packet.marker else 0)
    return _HEADER.pack(0x80, kind, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def sequence_delta(new: int, old: int) -> int:
    """How far `new` is ahead of `old` on the 16-bit circle: -32768 to 32767."""
    return ((new - old + 0x8000) & 0xFFFF) - 0x8000


def timestamp_delta(new: int, old: int) -> int:
    """How far `new` is ahead of `old` on the 32-bit circle: -2^31 to 2^31 - 1."""
    return ((new - old + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
