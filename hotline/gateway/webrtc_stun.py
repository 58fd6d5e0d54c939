"""STUN binding requests of ICE: bytes to `BindingRequest`, and the answers (RFC 8489, RFC 8445). Pure."""

import binascii
import hmac
import secrets
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from hotline.errors import WireError

COOKIE = 0x2112_A442
MAX_MESSAGE = 1200
MAX_ATTRIBUTES = 32

_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111
_USERNAME, _INTEGRITY, _ERROR_CODE, _MAPPED = 0x0006, 0x0008, 0x0009, 0x0020
_PRIORITY, _USE_CANDIDATE, _UNKNOWN, _FINGERPRINT = 0x0024, 0x0025, 0x000A, 0x8028
_CONTROLLED, _CONTROLLING = 0x8029, 0x802A
_KNOWN = frozenset({_USERNAME, _INTEGRITY, _PRIORITY, _USE_CANDIDATE})
_FINGERPRINT_XOR = 0x5354_554E
_INTEGRITY_BYTES, _FINGERPRINT_BYTES = 24, 8

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")

Address = tuple[str, int]


class StunSyntaxError(WireError):
    """A datagram that is no STUN binding request."""

    code = "hotline.wire.stun"


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """One connectivity check as it came."""

    transaction: bytes
    """12 bytes."""
    username: str
    """`ours:theirs` (RFC 8445 §7.2.2); "" when absent."""
    use_candidate: bool
    controlled: bool
    """The sender thinks that we are in control."""
    unknown: tuple[int, ...]
    """Attributes one must understand and we do not."""
    signed: bytes
    """What MESSAGE-INTEGRITY is computed over; b"" when there is none."""
    integrity: bytes

    def signed_with(self, password: str) -> bool:
        """Whether MESSAGE-INTEGRITY was made with this password (short-term credentials)."""
        if not self.signed:
            return False
        return hmac.compare_digest(_sha1(password, self.signed), self.integrity)


def is_stun(data: bytes) -> bool:
    """Whether this can be STUN and nothing else that shares the port (RFC 7983)."""
    return len(data) >= _HEADER.size and data[0] < 4


def parse(data: bytes) -> BindingRequest:
    """Read one binding request. Raises `StunSyntaxError` for all else, other STUN messages too."""
    if not _HEADER.size <= len(data) <= MAX_MESSAGE or len(data) % 4:
        raise StunSyntaxError("length out of range")
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if kind != _REQUEST or cookie != COOKIE or length != len(data) - _HEADER.size:
        raise StunSyntaxError("no binding request")
    found: dict[int, bytes] = {}
    signed = b""
    at = _HEADER.size
    while at < len(data):
        kind, size = _ATTRIBUTE.unpack_from(data, at)
        value = data[at + 4 : at + 4 + size]
        if len(value) != size or len(found) >= MAX_ATTRIBUTES:
            raise StunSyntaxError("attribute cut off or one too many")
        if kind == _FINGERPRINT:
            _check_fingerprint(data, at, value)
            break
        if _INTEGRITY not in found:  # what follows the signature counts for nothing (RFC 8489 §14.5)
            found.setdefault(kind, value)
            if kind == _INTEGRITY:
                signed = _with_length(data[:at], at - _HEADER.size + _INTEGRITY_BYTES)
        at += 4 + size + -size % 4
    try:
        username = found.get(_USERNAME, b"").decode("ascii")
    except UnicodeDecodeError as error:
        raise StunSyntaxError("user name is not ASCII") from error
    return BindingRequest(
        transaction=transaction,
        username=username,
        use_candidate=_USE_CANDIDATE in found,
        controlled=_CONTROLLED in found,
        unknown=tuple(kind for kind in found if kind < 0x8000 and kind not in _KNOWN),
        signed=signed,
        integrity=found.get(_INTEGRITY, b""),
    )


def success(request: BindingRequest, source: Address, password: str) -> bytes:
    """The answer to a good check: where it came from."""
    return _message(_SUCCESS, request.transaction, _attribute(_MAPPED, _mapped(request, source)), password)


def failure(request: BindingRequest, status: int, reason: str, password: str) -> bytes:
    """An error answer: 420 lists what we do not understand, 487 is a conflict of roles."""
    body = _attribute(_ERROR_CODE, struct.pack("!HBB", 0, status // 100, status % 100) + reason.encode())
    if status == 420:
        body += _attribute(_UNKNOWN, b"".join(struct.pack("!H", kind) for kind in request.unknown))
    return _message(_ERROR, request.transaction, body, password)


def check(username: str, password: str, *, nominate: bool, controlled: bool = False) -> bytes:
    """A connectivity check as a full agent sends it (for peers that we play ourselves)."""
    body = _attribute(_USERNAME, username.encode("ascii"))
    body += _attribute(_PRIORITY, struct.pack("!I", 0x6E00_01FF))
    body += _attribute(_CONTROLLED if controlled else _CONTROLLING, secrets.token_bytes(8))
    if nominate:
        body += _attribute(_USE_CANDIDATE, b"")
    return _message(_REQUEST, secrets.token_bytes(12), body, password)


def _message(kind: int, transaction: bytes, body: bytes, password: str) -> bytes:
    head = _HEADER.pack(kind, len(body) + _INTEGRITY_BYTES, COOKIE, transaction) + body
    head += _attribute(_INTEGRITY, _sha1(password, head))
    head = _with_length(head, len(head) - _HEADER.size + _FINGERPRINT_BYTES)
    return head + _attribute(_FINGERPRINT, struct.pack("!I", binascii.crc32(head) ^ _FINGERPRINT_XOR))


def _check_fingerprint(data: bytes, at: int, value: bytes) -> None:
    expected = binascii.crc32(data[:at]) ^ _FINGERPRINT_XOR
    if at + _FINGERPRINT_BYTES != len(data) or value != struct.pack("!I", expected):
        raise StunSyntaxError("fingerprint does not fit")


def _with_length(message: bytes, length: int) -> bytes:
    return message[:2] + struct.pack("!H", length) + message[4:]


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _mapped(request: BindingRequest, source: Address) -> bytes:
    """XOR-MAPPED-ADDRESS (RFC 8489 §14.2)."""
    address = ip_address(source[0])
    mask = struct.pack("!I", COOKIE) + request.transaction
    hidden = bytes(byte ^ other for byte, other in zip(address.packed, mask, strict=False))
    family = 1 if address.version == 4 else 2
    return struct.pack("!BBH", 0, family, source[1] ^ (COOKIE >> 16)) + hidden


def _sha1(password: str, data: bytes) -> bytes:
    return hmac.digest(password.encode("ascii"), data, "sha1")
