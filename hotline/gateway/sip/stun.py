"""STUN keep-alives on the SIP port (RFC 5626 §3.5.2, RFC 5389): a binding request in, its answer out. Pure.

Phones behind NAT ask from time to time where we see them; the answer keeps the NAT's mapping open. There are
no credentials in this usage, and nothing but plain binding requests is answered.
"""

import struct
from ipaddress import ip_address

COOKIE = 0x2112_A442
MOST = 548
"""Longest request looked at (RFC 5389 §7.1)."""

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111
_XOR_MAPPED, _ERROR_CODE, _UNKNOWN = 0x0020, 0x0009, 0x000A


def is_stun(data: bytes) -> bool:
    """Whether this is STUN: its first two bits are zero and the cookie is there; no SIP message begins so."""
    return len(data) >= _HEADER.size and data[0] < 4 and data[4:8] == struct.pack("!I", COOKIE)


def answer(data: bytes, source: tuple[str, int]) -> bytes | None:
    """The answer to a binding request; None for what deserves none. Never raises.

    Attributes that must be understood (below 0x8000) and are not get a 420 that names them.
    """
    if not is_stun(data) or len(data) > MOST:
        return None
    kind, length, _, transaction = _HEADER.unpack_from(data)
    if kind != _REQUEST or length % 4 or length != len(data) - _HEADER.size:
        return None
    unknown: list[int] = []
    at = _HEADER.size
    while at < len(data):
        name, size = _ATTRIBUTE.unpack_from(data, at)
        at += 4 + size + -size % 4
        if at > len(data):
            return None
        if name < 0x8000:
            unknown.append(name)
    if unknown:
        body = _attribute(_ERROR_CODE, struct.pack("!HBB", 0, 4, 20) + b"Unknown Attribute")
        body += _attribute(_UNKNOWN, b"".join(struct.pack("!H", name) for name in unknown))
        return _HEADER.pack(_ERROR, len(body), COOKIE, transaction) + body
    body = _attribute(_XOR_MAPPED, _mapped(source, transaction))
    return _HEADER.pack(_SUCCESS, len(body), COOKIE, transaction) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _mapped(source: tuple[str, int], transaction: bytes) -> bytes:
    address = ip_address(source[0].partition("%")[0])
    mask = struct.pack("!I", COOKIE) + transaction
    hidden = bytes(one ^ other for one, other in zip(address.packed, mask, strict=False))
    return struct.pack("!BBH", 0, 1 if address.version == 4 else 2, source[1] ^ (COOKIE >> 16)) + hidden
