"""WebRTC legs: the one UDP port that all of them share.

A leg's sound goes the same way as a phone's: `MediaEngine` and its 20 ms tick, jitter buffer, concealment,
key presses, RTCP. Only the packets travel otherwise: checked by ICE, keyed by DTLS, protected by SRTP, all on
one port, so that one hole in a firewall is enough. Neither frames nor packets queue anywhere on the way.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import anyio

from asr.audio import LegId
from hotline.conversation import EndCause
from hotline.errors import HotlineError
from hotline.gateway import webrtc_stun
from hotline.gateway.rtp_leg import RtpSession
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.webrtc_dtls import Certificate
from hotline.gateway.webrtc_peer import ControlWire, MediaWire, Peer, PeerTraffic
from hotline.gateway.webrtc_sdp import WebCodec
from hotline.gateway.webrtc_session import WebRtcSession
from hotline.gateway.webrtc_stun import Address
from hotline.gateway_settings import WebRtcSettings

log = logging.getLogger(__name__)

MAX_DATAGRAM = 2048
_DRAIN = 64
"""Datagrams read at one waking; what is left waits in the socket, so that the media tick gets its turn."""
_SWEEP_S = 0.25
"""How often handshakes are repeated and dead peers are looked for."""


class TooManyPeers(HotlineError):
    """As many WebRTC legs as the settings allow."""

    code = "hotline.webrtc_full"
    retryable = True


@dataclass(frozen=True, slots=True)
class WebRtcStats:
    """How the port is doing."""

    sessions: int
    datagrams: int
    foreign: int
    """Datagrams from addresses that no peer has proved to be its own."""
    unauthentic: int
    early: int
    unsent: int


class WebRtcEngine:
    """All WebRTC legs of this process. Also what SIP asks for media: `session` and `web_session`."""

    def __init__(self, media: MediaEngine, settings: WebRtcSettings, sock: socket.socket) -> None:
        self._media = media
        self._settings = settings
        self._socket = sock
        self._certificate = Certificate()
        self._sessions: dict[WebRtcSession, None] = {}
        self._by_name: dict[str, WebRtcSession] = {}
        self._by_address: dict[Address, WebRtcSession] = {}
        self._past = PeerTraffic()
        self._datagrams = self._foreign = self._unsent = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, media: MediaEngine, settings: WebRtcSettings, host: str
    ) -> AsyncIterator["WebRtcEngine"]:
        """Bind the port on `settings.host`, or on `host`; leaving ends and closes all sessions.

        Raises `OSError` when it cannot be bound.
        """
        loop = asyncio.get_running_loop()
        sock = _bound(settings.host or host, settings.port)
        engine = cls(media, settings, sock)
        loop.add_reader(sock, engine._read)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(engine._sweep)
                try:
                    yield engine
                finally:
                    tasks.cancel_scope.cancel()
                    with anyio.CancelScope(shield=True):
                        for session in list(engine._sessions):
                            session.end(EndCause.SHUTDOWN)
                            await session.close()
        finally:
            loop.remove_reader(sock)
            sock.close()

    @property
    def port(self) -> int:
        """The bound UDP port."""
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where browsers are told to send."""
        host: str = self._socket.getsockname()[0]
        return self._settings.advertise or (host,)

    @property
    def stats(self) -> WebRtcStats:
        """Counts since opening."""
        peers = [self._past, *(session.peer.traffic for session in self._sessions)]
        return WebRtcStats(
            sessions=len(self._sessions),
            datagrams=self._datagrams,
            foreign=self._foreign,
            unauthentic=sum(peer.unauthentic for peer in peers),
            early=sum(peer.early for peer in peers),
            unsent=self._unsent,
        )

    async def session(self, leg: LegId) -> RtpSession:
        """A leg on plain RTP (see `MediaEngine.session`)."""
        return await self._media.session(leg)

    async def web_session(self, leg: LegId, codecs: Sequence[WebCodec] | None = None) -> WebRtcSession:
        """A leg for a browser; `codecs` best first, as the settings have them when not given. Raises
        `TooManyPeers`."""
        if len(self._sessions) >= self._settings.legs:
            raise TooManyPeers("no WebRTC leg is free")
        session = WebRtcSession(leg, self, Peer(self._certificate, self._send), codecs)
        self._sessions[session] = None
        self.know(session)
        await anyio.lowlevel.checkpoint()
        return session

    # -- for the sessions ---------------------------------------------------------------------------------

    @property
    def codecs(self) -> tuple[WebCodec, ...]:
        """What we take, best first."""
        return self._settings.codecs

    @property
    def connect_s(self) -> float:
        """Seconds a browser has to get through."""
        return self._settings.connect_s

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Of our certificate."""
        return self._certificate.fingerprint

    def carry(self, leg: LegId, peer: Peer) -> RtpSession:
        """The media session whose packets this peer carries."""
        return self._media.carried(leg, MediaWire(peer), ControlWire(peer))

    def know(self, session: WebRtcSession) -> None:
        """The session's ICE names are new."""
        for name in session.peer.ice.ufrags:
            self._by_name[name] = session

    def forget(self, session: WebRtcSession) -> None:
        """The session is closed. Harmless when repeated."""
        if self._sessions.pop(session, session) is session:
            return
        self._past.unauthentic += session.peer.traffic.unauthentic
        self._past.early += session.peer.traffic.early
        self._by_name = {name: other for name, other in self._by_name.items() if other is not session}
        self._by_address = {at: other for at, other in self._by_address.items() if other is not session}

    # -- the port -----------------------------------------------------------------------------------------

    def _read(self) -> None:
        now = asyncio.get_running_loop().time()
        for _ in range(_DRAIN):
            try:
                data, source = self._socket.recvfrom(MAX_DATAGRAM)
            except OSError:  # nothing more, or word that some browser's port is closed
                return
            self._datagrams += 1
            try:
                self._take(data, source[:2], now)
            except Exception:  # supervision point: one datagram's failure must not stop the port
                log.exception("datagram failed")

    def _take(self, data: bytes, source: Address, now: float) -> None:
        if webrtc_stun.is_stun(data):
            self._check(data, source, now)
            return
        session = self._by_address.get(source)
        if session is None or not data:
            self._foreign += 1
        else:
            session.peer.receive(data, now)

    def _check(self, data: bytes, source: Address, now: float) -> None:
        try:
            request = webrtc_stun.parse(data)
        except webrtc_stun.StunSyntaxError:
            self._foreign += 1
            return
        session = self._by_name.get(request.username.partition(":")[0])
        if session is None or not session.peer.check(request, source, now):
            self._foreign += 1
        else:
            self._by_address[source] = session

    def _send(self, data: bytes, address: Address) -> None:
        try:
            self._socket.sendto(data, address)
        except OSError:  # full, or the peer's port is closed: media does not wait
            self._unsent += 1

    async def _sweep(self) -> None:
        while True:
            await anyio.sleep(_SWEEP_S)
            now = anyio.current_time()
            for session in list(self._sessions):
                try:
                    session.watch(now)
                except Exception:  # supervision point: one leg's failure ends that leg only
                    log.exception("leg failed in the sweep", extra={"leg": session.leg})
                    session.end(EndCause.ERROR)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
