"""RTCP (RFC 3550 §6): the least a good peer sends, and safe reading of what it gets."""

import secrets
import struct
from dataclasses import dataclass

from hotline.errors import WireError

SENDER_REPORT, RECEIVER_REPORT, SDES, BYE = 200, 201, 202, 203
MAX_DATAGRAM = 2048

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!IIIIII")
_BLOCK = struct.Struct("!IIIIII")


class RtcpSyntaxError(WireError):
    """A datagram that is no RTCP compound."""

    code = "hotline.wire.rtcp"


@dataclass(frozen=True, slots=True)
class Sent:
    """What we have sent (sender info, RFC 3550 §6.4.1)."""

    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Received:
    """What we have received of one source (report block)."""

    ssrc: int
    fraction_lost: int
    """256ths, since the last report."""
    lost: int
    highest: int
    """Extended highest sequence number."""
    jitter: int
    last_report: int
    """Middle 32 bits of the NTP time of the peer's last sender report; 0 when none came."""
    delay: int
    """Since then, in 65536ths of a second."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What matters to us in a compound."""

    ssrc: int
    report: int | None
    """Middle 32 bits of the NTP time, when it held a sender report."""
    bye: bool


def make_cname() -> str:
    """A random name for one call (RFC 7022 §4.2): tells nothing of the host."""
    return secrets.token_urlsafe(12)


def report(
    ssrc: int, cname: str, now: float, sent: Sent | None, received: Received | None, *, bye: bool = False
) -> bytes:
    """A compound: SR when we have sent, else RR; then SDES with CNAME; then BYE when we leave.

    `now`: seconds since 1970.
    """
    block = _block(received) if received is not None else b""
    count = 1 if block else 0
    if sent is not None:
        seconds = int(now)
        fraction = int((now - seconds) * (1 << 32))
        info = _SENDER.pack(
            ssrc,
            (seconds + _NTP_EPOCH) & 0xFFFF_FFFF,
            fraction,
            sent.timestamp,
            sent.packets & 0xFFFF_FFFF,
            sent.octets & 0xFFFF_FFFF,
        )
        out = _packet(SENDER_REPORT, count, info + block)
    else:
        out = _packet(RECEIVER_REPORT, count, struct.pack("!I", ssrc) + block)
    name = cname.encode()
    item = struct.pack("!IBB", ssrc, 1, len(name)) + name
    out += _packet(SDES, 1, item + bytes(4 - len(item) % 4))
    if bye:
        out += _packet(BYE, 1, struct.pack("!I", ssrc))
    return out


def _block(received: Received) -> bytes:
    lost = max(-0x80_0000, min(received.lost, 0x7F_FFFF)) & 0xFF_FFFF
    return _BLOCK.pack(
        received.ssrc,
        (received.fraction_lost & 0xFF) << 24 | lost,
        received.highest & 0xFFFF_FFFF,
        received.jitter & 0xFFFF_FFFF,
        received.last_report,
        received.delay & 0xFFFF_FFFF,
    )


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def parse(data: bytes) -> Heard:
    """Read a compound (RFC 3550 A.2 checks). Raises `RtcpSyntaxError`."""
    if not 8 <= len(data) <= MAX_DATAGRAM:
        raise RtcpSyntaxError("length out of range")
    if data[1] not in (SENDER_REPORT, RECEIVER_REPORT):
        raise RtcpSyntaxError("does not begin with a report")
    (ssrc,) = struct.unpack_from("!I", data, 4)
    ntp: int | None = None
    bye = False
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise RtcpSyntaxError("packet header cut off")
        flags, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if flags >> 6 != 2 or end > len(data):
            raise RtcpSyntaxError("packet longer than the datagram")
        if kind == SENDER_REPORT:
            if words < 6:
                raise RtcpSyntaxError("sender report too short")
            seconds, fraction = struct.unpack_from("!II", data, at + 8)
            ntp = (seconds & 0xFFFF) << 16 | fraction >> 16
        bye = bye or kind == BYE
        at = end
    return Heard(ssrc, ntp, bye)
