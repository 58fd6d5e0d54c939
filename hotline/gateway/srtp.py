"""SRTP for SIP legs, keyed in the session description (RFC 3711, RFC 4568, RFC 7714), by libsrtp."""

import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

from hotline.errors import WireError

SUITES: dict[str, tuple[str, int]] = {
    "AEAD_AES_256_GCM": ("SRTP_PROFILE_AEAD_AES_256_GCM", 44),
    "AEAD_AES_128_GCM": ("SRTP_PROFILE_AEAD_AES_128_GCM", 28),
    "AES_CM_128_HMAC_SHA1_80": ("SRTP_PROFILE_AES128_CM_SHA1_80", 30),
    "AES_CM_128_HMAC_SHA1_32": ("SRTP_PROFILE_AES128_CM_SHA1_32", 30),
}
"""Name in `a=crypto` → libsrtp's name, bytes of key and salt together."""
WINDOW = 1024
"""Packets that may come out of order before they count as played again."""


class SrtpError(WireError):
    """A packet that the keys do not fit, or one played again."""

    code = "hotline.wire.srtp"


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What both directions of a leg are protected with."""

    suite: str
    ours: bytes = field(repr=False)
    """Key and salt of what we send."""
    theirs: bytes = field(repr=False)
    """Key and salt of what comes."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """One `a=crypto` line (RFC 4568 §9.1)."""

    tag: int
    suite: str
    key: bytes = field(repr=False)
    """Key and salt."""

    @classmethod
    def parse(cls, value: str) -> "Crypto | None":
        """Read what follows `a=crypto:`; None for a suite or parameters we do not speak. Never raises.

        A lifetime is taken note of by nobody; several keys or a key identifier (MKI) are refused.
        """
        parts = value.split()
        if len(parts) < 3 or not (parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 10):
            return None
        suite = parts[1].upper()
        if suite not in SUITES or len(parts) > 3:  # session parameters change what must be done: not spoken
            return None
        method, _, info = parts[2].partition(":")
        inline, *rest = info.split("|")
        if method.lower() != "inline" or ";" in info or len(rest) > 1 or any(":" in item for item in rest):
            return None
        try:
            key = base64.b64decode(inline + "=" * (-len(inline) % 4), validate=True)
        except ValueError:
            return None
        return cls(int(parts[0]), suite, key) if len(key) == SUITES[suite][1] else None

    @classmethod
    def make(cls, tag: int, suite: str) -> "Crypto":
        """A line with a fresh key."""
        return cls(tag, suite, secrets.token_bytes(SUITES[suite][1]))

    def __str__(self) -> str:
        return f"a=crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


class Srtp:
    """Protects one leg's packets."""

    def __init__(self, keys: SrtpKeys) -> None:
        self.keys = keys
        self._out = _session(keys.ours, keys.suite, inbound=False)
        self._in = _session(keys.theirs, keys.suite, inbound=True)

    def rekey(self, keys: SrtpKeys) -> None:
        """Go on with these keys. A direction whose key stays keeps its context: packets must never be
        numbered from the start again under one key, or its keystream is used twice (RFC 3711 §9.1)."""
        before, self.keys = self.keys, keys
        if (keys.suite, keys.ours) != (before.suite, before.ours):
            self._out = _session(keys.ours, keys.suite, inbound=False)
        if (keys.suite, keys.theirs) != (before.suite, before.theirs):
            self._in = _session(keys.theirs, keys.suite, inbound=True)

    def protect(self, packet: bytes) -> bytes:
        """RTP to SRTP. Raises `SrtpError`."""
        return self._do(self._out.protect, packet)

    def unprotect(self, packet: bytes) -> bytes:
        """SRTP to RTP. Raises `SrtpError` for a packet that is not the peer's, or came before."""
        return self._do(self._in.unprotect, packet)

    def protect_control(self, packet: bytes) -> bytes:
        """RTCP to SRTCP. Raises `SrtpError`."""
        return self._do(self._out.protect_rtcp, packet)

    def unprotect_control(self, packet: bytes) -> bytes:
        """SRTCP to RTCP. Raises `SrtpError`."""
        return self._do(self._in.unprotect_rtcp, packet)

    @staticmethod
    def _do(work: Any, packet: bytes) -> bytes:
        from pylibsrtp import Error

        try:
            done: bytes = work(packet)
        except (Error, TypeError) as error:  # TypeError: longer than libsrtp takes
            raise SrtpError("not authentic") from error
        return done


def _session(key: bytes, suite: str, *, inbound: bool) -> Any:
    from pylibsrtp import Policy, Session

    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=getattr(Policy, SUITES[suite][0]),
    )
    policy.window_size = WINDOW
    return Session(policy)
