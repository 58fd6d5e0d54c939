"""One WebRTC peer on our port: ICE, DTLS and SRTP around the packets of a media session.

Synchronous: the port gives it datagrams and the time, it answers at once or not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hotline.gateway.rtp_leg import RtpSession
from hotline.gateway.rtp_wire import NOWHERE
from hotline.gateway.webrtc_dtls import Certificate, Dtls, DtlsState, Fingerprint
from hotline.gateway.webrtc_ice import IceLite
from hotline.gateway.webrtc_stun import Address, BindingRequest


@dataclass(slots=True)
class PeerTraffic:
    """What was thrown away, of one peer or of all."""

    unauthentic: int = 0
    """SRTP that the keys did not fit."""
    early: int = 0
    """Media before there were keys."""


class Peer:
    """The far end of one leg. `send` is the port's `sendto`."""

    def __init__(self, certificate: Certificate, send: Callable[[bytes, Address], object]) -> None:
        self.ice = IceLite()
        self.traffic = PeerTraffic()
        self.dtls: Dtls | None = None
        self.media: RtpSession | None = None
        """Gets the packets once the association is up."""
        self.on_ready: Callable[[], None] = lambda: None
        """Called once, when packets can flow both ways."""
        self._certificate = certificate
        self.sendto = send
        self._ready = False

    # -- signalling ---------------------------------------------------------------------------------------

    def announce(self, fingerprints: tuple[Fingerprint, ...], *, client: bool) -> None:
        """The peer's certificate is this one; `client`: it is us who begin the handshake."""
        if self.dtls is None:
            self.dtls = Dtls(self._certificate, fingerprints, self.send, client=client)

    @property
    def failed(self) -> bool:
        """The handshake came to nothing."""
        return self.dtls is not None and self.dtls.state is DtlsState.FAILED

    @property
    def left(self) -> bool:
        """The peer has said goodbye."""
        return self.dtls is not None and self.dtls.state is DtlsState.CLOSED

    # -- what the port brings -----------------------------------------------------------------------------

    def check(self, request: BindingRequest, source: Address, now: float) -> bool:
        """Take an ICE check; whether `source` is the peer's."""
        reply = self.ice.receive(request, source, now)
        if reply is None:
            return False
        self.sendto(reply, source)
        if self.dtls is not None and self.ice.target is not None:
            self.dtls.start()
        return source in self.ice.paths

    def receive(self, data: bytes, now: float) -> None:
        """Take a datagram from one of the peer's addresses (RFC 7983 tells what it is)."""
        first = data[0]
        if 19 < first < 64:
            self._handshake(data)
        elif 127 < first < 192 and len(data) > 1:
            self._media(data, now)

    def retry(self) -> None:
        """Repeat what was lost of the handshake, when it is time."""
        if self.dtls is not None and (wait := self.dtls.wait()) is not None and wait <= 0:
            self.dtls.retry()

    def close(self) -> None:
        """Say goodbye."""
        if self.dtls is not None:
            self.dtls.close()

    def _handshake(self, data: bytes) -> None:
        if self.dtls is None:
            return  # our offer's answer is not here yet; the peer repeats its hello
        self.dtls.receive(data)
        if self.dtls.srtp is not None and not self._ready:
            self._ready = True
            self.on_ready()

    def _media(self, data: bytes, now: float) -> None:
        keys = self.dtls.srtp if self.dtls is not None else None
        if keys is None or self.media is None:
            self.traffic.early += 1
            return
        from pylibsrtp import Error

        control = 191 < data[1] < 224  # RFC 5761 §4
        try:
            plain = keys.unprotect_rtcp(data) if control else keys.unprotect(data)
        except Error:
            self.traffic.unauthentic += 1
            return
        if control:
            self.media.on_control(plain, now)
        else:
            self.media.on_media(plain, NOWHERE, now)

    # -- what goes out ------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """To the path in use; dropped when there is none."""
        if self.ice.target is not None:
            self.sendto(data, self.ice.target)


class MediaWire:
    """A media session's RTP, protected and sent to the peer: a `rtp_leg.Wire`."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def sendto(self, data: bytes, address: Address, /) -> object:
        """Raises `OSError` when it cannot be sent."""
        del address
        peer = self._peer
        keys = peer.dtls.srtp if peer.dtls is not None else None
        if keys is None or peer.ice.target is None:
            raise OSError("no keys yet")
        return peer.sendto(keys.protect(data), peer.ice.target)

    def recvfrom(self, size: int, /) -> tuple[bytes, Address]:
        """Never has anything: the port reads."""
        del size
        raise BlockingIOError


class ControlWire:
    """A media session's RTCP: a `rtp_leg.ControlWire`."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def sendto(self, data: bytes, address: Address, /) -> None:
        """Sent, or dropped when it cannot be."""
        del address
        peer = self._peer
        keys = peer.dtls.srtp if peer.dtls is not None else None
        if keys is not None and peer.ice.target is not None:
            peer.send(keys.protect_rtcp(data))

    def close(self) -> None:
        """Nothing to close: the port is everyone's."""
