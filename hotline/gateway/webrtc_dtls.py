"""DTLS-SRTP of one WebRTC peer (RFC 5763, RFC 5764): a handshake in memory, then keys for SRTP.

No sockets and no timers: datagrams are given in and handed out, and the owner asks when to try again.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from OpenSSL import SSL

MTU = 1200
"""Bytes of our longest handshake datagram; fits every path that carries media."""
_RECORD_HEADER = 13
_READ = 65_536
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
_PROFILES: dict[bytes, tuple[str, int, int]] = {
    b"SRTP_AEAD_AES_128_GCM": ("SRTP_PROFILE_AEAD_AES_128_GCM", 16, 12),
    b"SRTP_AES128_CM_SHA1_80": ("SRTP_PROFILE_AES128_CM_SHA1_80", 16, 14),
}
"""OpenSSL's name → libsrtp's name, bytes of key, bytes of salt (RFC 5764 §4.1.2, RFC 7714 §12)."""
_HASHES = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
"""SDP's names of hashes (RFC 8122 §5); SHA-1 and older prove nothing any more."""

Fingerprint = tuple[str, str]
"""Hash name and colon-separated hex, as in `a=fingerprint`."""


class DtlsState(Enum):
    """How far the association is."""

    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What protects one call's packets; each raises `pylibsrtp.Error` for a packet it will not take."""

    protect: Callable[[bytes], bytes]
    unprotect: Callable[[bytes], bytes]
    protect_rtcp: Callable[[bytes], bytes]
    unprotect_rtcp: Callable[[bytes], bytes]


class Certificate:
    """Our self-signed certificate, made anew by each process; peers know it by its fingerprint."""

    def __init__(self) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from OpenSSL import SSL

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(16))])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=3650))
        certificate = builder.sign(key, hashes.SHA256())
        digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER))
        self.fingerprint: Fingerprint = ("sha-256", _hex(digest.digest()))
        self._context = context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_TICKET)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        # Any certificate passes here: the peer's is judged by the fingerprint its signalling gave.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(b":".join(_PROFILES))

    def connection(self) -> "SSL.Connection":
        """A new association that reads and writes memory."""
        from OpenSSL import SSL

        connection = SSL.Connection(self._context)
        connection.set_ciphertext_mtu(MTU)
        return connection


class Dtls:
    """One association. `receive` and `retry` move it on; `send` gets each datagram it wants out."""

    def __init__(
        self,
        certificate: Certificate,
        fingerprints: tuple[Fingerprint, ...],
        send: Callable[[bytes], None],
        *,
        client: bool,
    ) -> None:
        """`fingerprints`: what the peer's certificate must have, all that we know how to check of them."""
        self._connection = certificate.connection()
        self._fingerprints = fingerprints
        self._send = send
        self._client = client
        self._started = False
        self.state = DtlsState.RUNNING
        self.srtp: SrtpKeys | None = None
        """Set when `READY`."""
        if client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """What the peer was announced with."""
        return self._fingerprints

    def start(self) -> None:
        """The path works: as client, say hello. Harmless when repeated."""
        if not self._started and self._client:
            self._started = True
            self._shake()

    def receive(self, data: bytes) -> None:
        """Take a datagram of the peer's."""
        from OpenSSL import SSL

        if self.state in {DtlsState.FAILED, DtlsState.CLOSED}:
            return
        self._started = True
        self._connection.bio_write(data)
        if self.state is DtlsState.RUNNING:
            self._shake()
            return
        try:
            self._connection.recv(_READ)  # nothing we look at: data channels are refused
        except SSL.WantReadError:
            pass  # a repeated last flight, or half a record
        except SSL.Error:  # close_notify is one of them
            self.state = DtlsState.CLOSED
        self._flush()

    def wait(self) -> float | None:
        """Seconds until `retry` has something to do; None while nothing is outstanding."""
        if self.state is not DtlsState.RUNNING or not self._started:
            return None
        return self._connection.DTLSv1_get_timeout()

    def retry(self) -> None:
        """Repeat the last flight when its time has come."""
        from OpenSSL import SSL

        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self.state = DtlsState.FAILED
        self._flush()

    def close(self) -> None:
        """Tell the peer; harmless when there is nobody to tell."""
        from OpenSSL import SSL

        if self.state is DtlsState.READY:
            try:
                self._connection.shutdown()
            except SSL.Error:
                pass
            else:
                self._flush()
        self.state = DtlsState.CLOSED

    def _shake(self) -> None:
        from OpenSSL import SSL

        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return
        except SSL.Error:
            self.state = DtlsState.FAILED
            self._flush()
            return
        self._flush()
        self.srtp = self._keys() if self._peer_is_right() else None
        self.state = DtlsState.READY if self.srtp is not None else DtlsState.FAILED

    def _flush(self) -> None:
        """Hand out what waits, whole records, several to a datagram."""
        from OpenSSL import SSL

        waiting = bytearray()
        while True:
            try:
                waiting += self._connection.bio_read(_READ)
            except SSL.WantReadError:
                break
        for datagram in datagrams(bytes(waiting)):
            self._send(datagram)

    def _peer_is_right(self) -> bool:
        from cryptography.hazmat.primitives import serialization

        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        known = [(name.lower(), value) for name, value in self._fingerprints if name.lower() in _HASHES]
        if certificate is None or not known:
            return False
        der = certificate.public_bytes(serialization.Encoding.DER)
        return all(
            hmac.compare_digest(_hex(hashlib.new(_HASHES[name], der).digest()), value.upper())
            for name, value in known
        )

    def _keys(self) -> SrtpKeys | None:
        """RFC 5764 §4.2: client's key, server's key, client's salt, server's salt."""
        found = _PROFILES.get(self._connection.get_selected_srtp_profile())
        if found is None:
            return None
        name, key, salt = found
        both = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        masters = [
            both[side * key : (side + 1) * key] + both[2 * key + side * salt : 2 * key + (side + 1) * salt]
            for side in (0, 1)
        ]
        ours, theirs = masters if self._client else reversed(masters)
        out, back = _session(ours, name, inbound=False), _session(theirs, name, inbound=True)
        return SrtpKeys(out.protect, back.unprotect, out.protect_rtcp, back.unprotect_rtcp)


def datagrams(records: bytes) -> list[bytes]:
    """Cut a run of DTLS records (RFC 6347 §4.1) at their borders into datagrams of at most 1200 bytes."""
    out: list[bytes] = []
    held = b""
    at = 0
    while at + _RECORD_HEADER <= len(records):
        end = at + _RECORD_HEADER + int.from_bytes(records[at + 11 : at + 13])
        record = records[at:end]
        if held and len(held) + len(record) > MTU:
            out.append(held)
            held = b""
        held += record
        at = end
    return [*out, held] if held else out


def _session(key: bytes, profile: str, *, inbound: bool) -> Any:
    from pylibsrtp import Policy, Session

    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=getattr(Policy, profile),
    )
    policy.window_size = 1024
    return Session(policy)


def _hex(digest: bytes) -> str:
    return digest.hex(":").upper()
