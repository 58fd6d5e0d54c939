"""One browser's leg: what a media session is to a phone, plus the descriptions, which it makes itself."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import anyio

from asr.audio import AudioFrame, LegId
from hotline.conversation import AudioFacts, EndCause
from hotline.gateway import webrtc_sdp
from hotline.gateway.media import LegInput, MediaPlan, Sink
from hotline.gateway.rtp_leg import RtpSession
from hotline.gateway.sip.negotiation import NothingInCommon
from hotline.gateway.webrtc_dtls import Fingerprint
from hotline.gateway.webrtc_peer import Peer
from hotline.gateway.webrtc_sdp import Heard, Ours, WebCodec
from hotline.gateway.webrtc_stun import Address


class Port(Protocol):
    """The UDP port the leg's packets come and go by."""

    @property
    def port(self) -> int:
        """Its number."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where browsers are told to send."""

    @property
    def codecs(self) -> tuple[WebCodec, ...]:
        """What we take, best first."""

    @property
    def connect_s(self) -> float:
        """Seconds a browser has to get through."""

    @property
    def fingerprint(self) -> Fingerprint:
        """Of our certificate."""

    def carry(self, leg: LegId, peer: Peer) -> RtpSession:
        """The media session whose packets this peer carries."""

    def know(self, session: "WebRtcSession") -> None:
        """The session's ICE names are new."""

    def forget(self, session: "WebRtcSession") -> None:
        """The session is closed."""


class WebRtcSession:
    """A `MediaSession` (see `sip.leg`) made by `WebRtcEngine.web_session`."""

    def __init__(self, leg: LegId, port: Port, peer: Peer, codecs: Sequence[WebCodec] | None = None) -> None:
        """`codecs`: what this leg takes, best first; the port's when not given."""
        self.leg = leg
        self.peer = peer
        self._port = port
        self._codecs = port.codecs if codecs is None else codecs
        self._media = peer.media = port.carry(leg, peer)
        peer.on_ready = self._ready
        self._heard: Heard | None = None
        self._plan: MediaPlan | None = None
        self._setup = ""
        self._session = secrets.randbits(31)
        self._version = 0
        self._connected = False
        self._deadline = anyio.current_time() + port.connect_s
        self._closed = False

    # -- descriptions -------------------------------------------------------------------------------------

    async def answer(self, offer: bytes) -> bytes:
        """Answer the browser's offer, the first or a later one (hold, ICE restart).

        Raises `SdpSyntaxError`, or `NothingInCommon` when no audio can be had or the peer would be another;
        either leaves everything as it was.
        """
        heard = webrtc_sdp.read(offer, self._codecs)
        if not self._setup:
            # The browser checks first and so knows first when the path works: it begins the handshake.
            self._setup = "active" if heard.setup == "passive" else "passive"
        self._take(heard)
        await anyio.lowlevel.checkpoint()
        return webrtc_sdp.answer(heard, self._ours())

    async def offer(self) -> bytes:
        """Offer audio to a browser that is to be called; its answer goes to `accept`."""
        self._setup = "actpass"
        await anyio.lowlevel.checkpoint()
        return webrtc_sdp.offer(self._ours(), self._codecs)

    async def accept(self, answer: bytes) -> None:
        """Take the browser's answer to our offer. Raises `SdpSyntaxError`, `NothingInCommon`."""
        heard = webrtc_sdp.read(answer, self._codecs)
        self._setup = "active" if heard.setup == "passive" else "passive"
        self._take(heard)
        await anyio.lowlevel.checkpoint()

    def _take(self, heard: Heard) -> None:
        known = self.peer.dtls
        if known is not None and known.fingerprints != heard.fingerprints:
            raise NothingInCommon("the peer has become another")
        self.peer.announce(heard.fingerprints, client=self._setup == "active")
        if self.peer.ice.signal(heard.ufrag):
            self._port.know(self)
        self._heard, self._plan = heard, heard.plan
        self._version += 1
        if self._connected:
            self._media.configure(heard.plan)

    def _ours(self) -> Ours:
        port, ice = self._port, self.peer.ice.local
        return Ours(
            addresses=port.addresses,
            port=port.port,
            ufrag=ice.ufrag,
            password=ice.password,
            fingerprint=port.fingerprint,
            setup=self._setup,
            ssrc=self._media.ssrc,
            session=self._session,
            version=self._session + self._version,
        )

    # -- the path -----------------------------------------------------------------------------------------

    def _ready(self) -> None:
        """Keys are there: only now sound begins, so that no word of a greeting is lost."""
        self._connected = True
        if self._plan is not None:
            self._media.configure(self._plan)

    def watch(self, now: float) -> None:
        """Now and then: repeat the handshake, end when the path has died or never came."""
        self.peer.retry()
        if self.peer.left:
            self.end(EndCause.REMOTE_HANGUP)
        elif self.peer.failed or not self.peer.ice.consents(now):
            self.end(EndCause.TRANSPORT)
        elif not self._connected and now > self._deadline:
            self.end(EndCause.MEDIA_TIMEOUT)

    # -- what a call sees ---------------------------------------------------------------------------------

    @property
    def local(self) -> Address:
        """First address and port that browsers are told."""
        return self._port.addresses[0], self._port.port

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the incoming audio so far."""
        return self._media.facts

    @property
    def dropped(self) -> int:
        """Inputs lost because their reader was more than two seconds behind."""
        return self._media.dropped

    def configure(self, plan: MediaPlan) -> None:
        """Take a plan that was settled elsewhere; `answer` and `accept` do it themselves."""
        self._plan = plan
        if self._connected:
            self._media.configure(plan)

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames every 20 ms from the moment the path works, key presses, then one `LegEnded`."""
        return self._media.inputs()

    def digit(self, key: str) -> None:
        """A press that came by signalling."""
        self._media.digit(key)

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer (RFC 4733). Raises `ValueError` for no such key."""
        self._media.send_digit(key, ms)

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le mono; begins when the path works. See `RtpSession.play`."""
        await self._media.play(pcm, tap)

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Hand on what comes, and what is spoken; see `MediaLeg.connect`."""
        self._media.connect(hear, tap)

    def speak(self, frame: AudioFrame) -> None:
        """Say 20 ms of somebody else."""
        self._media.speak(frame)

    def end(self, cause: EndCause) -> None:
        """No more audio; the first cause stays."""
        self._media.end(cause)

    async def wait_ended(self) -> EndCause:
        """Return why, once the session has ended. Cancelling changes nothing."""
        return await self._media.wait_ended()

    async def close(self) -> None:
        """Say goodbye by RTCP and DTLS and be forgotten by the port. Harmless when repeated."""
        if not self._closed:
            self._closed = True
            await self._media.close()
            self.peer.close()
            self._port.forget(self)
