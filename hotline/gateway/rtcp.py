"""RTCP (RFC 3550 §6): the least a good peer sends, and safe reading of what it gets."""

import secrets
import struct
from dataclasses import dataclass

from hotline.errors import WireError

SENDER_REPORT, RECEIVER_REPORT, SDES, BYE, XR = 200, 201, 202, 203, 207
MAX_DATAGRAM = 2048

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!IIIIII")
_BLOCK = struct.Struct("!IIIIII")
_VOIP = struct.Struct("!BBHIBBBBHHHHbbBBBBBBBBHHH")
"""VoIP metrics block (RFC 3611 §4.7)."""
_VOIP_BLOCK = 7
_UNKNOWN = 127
"""Says that a level, an R factor or a score is not known (RFC 3611 §4.7)."""


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
class Voip:
    """What a VoIP metrics block says (RFC 3611 §4.7); None for what its sender does not know."""

    ssrc: int
    """Of the stream it is about."""
    loss: float
    """Share lost, 0 to 1."""
    discard: float
    """Share that came too late, 0 to 1."""
    burst_density: float
    """Share lost within bursts, 0 to 1."""
    gap_density: float
    round_trip_ms: int
    end_system_ms: int
    r_factor: int | None
    mos: float | None
    """Conversational quality, 1 to 5."""
    buffer_ms: int
    """Nominal delay of the jitter buffer."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What matters to us in a compound."""

    ssrc: int
    report: int | None
    """Middle 32 bits of the NTP time, when it held a sender report."""
    bye: bool
    blocks: tuple[Received, ...] = ()
    """Report blocks: how our stream, and others, are received there."""
    voip: tuple[Voip, ...] = ()


def make_cname() -> str:
    """A random name for one call (RFC 7022 §4.2): tells nothing of the host."""
    return secrets.token_urlsafe(12)


def ntp_middle(now: float) -> int:
    """Middle 32 bits of the NTP time of `now`, seconds since 1970 (RFC 3550 §4)."""
    return round((now + _NTP_EPOCH) * 65_536) & 0xFFFF_FFFF


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


def voip_report(ssrc: int, voip: Voip) -> bytes:
    """An XR packet with one VoIP metrics block, to be put into a compound (RFC 3611 §2)."""
    score = _UNKNOWN if voip.mos is None else round(voip.mos * 10)
    block = _VOIP.pack(
        _VOIP_BLOCK, 0, 8, voip.ssrc, _share(voip.loss), _share(voip.discard), _share(voip.burst_density),
        _share(voip.gap_density), 0, 0, _short(voip.round_trip_ms), _short(voip.end_system_ms),
        _UNKNOWN, _UNKNOWN, _UNKNOWN, 16, _UNKNOWN if voip.r_factor is None else voip.r_factor, _UNKNOWN,
        score, score, 0b0010_0000, 0, _short(voip.buffer_ms), _short(voip.buffer_ms), _short(200),
    )  # fmt: skip
    return _packet(XR, 0, struct.pack("!I", ssrc) + block)


def _share(value: float) -> int:
    return min(255, max(0, round(value * 256)))


def _short(value: int) -> int:
    return min(0xFFFF, max(0, value))


def parse(data: bytes) -> Heard:
    """Read a compound (RFC 3550 A.2 checks). Raises `RtcpSyntaxError`."""
    if not 8 <= len(data) <= MAX_DATAGRAM:
        raise RtcpSyntaxError("length out of range")
    if data[1] not in (SENDER_REPORT, RECEIVER_REPORT):
        raise RtcpSyntaxError("does not begin with a report")
    (ssrc,) = struct.unpack_from("!I", data, 4)
    ntp: int | None = None
    bye = False
    blocks: list[Received] = []
    voip: list[Voip] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise RtcpSyntaxError("packet header cut off")
        flags, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if flags >> 6 != 2 or end > len(data):
            raise RtcpSyntaxError("packet longer than the datagram")
        body = data[at + 4 : end]
        if kind == SENDER_REPORT:
            if words < 6:
                raise RtcpSyntaxError("sender report too short")
            seconds, fraction = struct.unpack_from("!II", body, 4)
            ntp = (seconds & 0xFFFF) << 16 | fraction >> 16
            blocks += _blocks(body[24:], flags & 0x1F)
        elif kind == RECEIVER_REPORT:
            blocks += _blocks(body[4:], flags & 0x1F)
        elif kind == XR:
            voip += _voip(body[4:])
        bye = bye or kind == BYE
        at = end
    return Heard(ssrc, ntp, bye, tuple(blocks), tuple(voip))


def _blocks(body: bytes, count: int) -> list[Received]:
    """Report blocks; those that are announced and not there are no error, since peers do that."""
    found = []
    for number in range(min(count, len(body) // _BLOCK.size)):
        ssrc, lost, highest, jitter, last, delay = _BLOCK.unpack_from(body, number * _BLOCK.size)
        total = lost & 0xFF_FFFF
        total -= (total & 0x80_0000) << 1  # 24 bit, signed
        found.append(Received(ssrc, lost >> 24, total, highest, jitter, last, delay))
    return found


def _voip(body: bytes) -> list[Voip]:
    """VoIP metrics among the blocks of an XR packet; what is cut off ends it."""
    found, at = [], 0
    while at + 4 <= len(body):
        kind, _, words = _HEADER.unpack_from(body, at)
        end = at + 4 + 4 * words
        if kind == _VOIP_BLOCK and end <= len(body) and words == 8:
            said = _VOIP.unpack_from(body, at)
            factor, score = said[16], said[19]
            found.append(
                Voip(
                    ssrc=said[3],
                    loss=said[4] / 256,
                    discard=said[5] / 256,
                    burst_density=said[6] / 256,
                    gap_density=said[7] / 256,
                    round_trip_ms=said[10],
                    end_system_ms=said[11],
                    r_factor=factor if factor <= 100 else None,
                    mos=score / 10 if 10 <= score <= 50 else None,
                    buffer_ms=said[22],
                )
            )
        at = end
    return found
