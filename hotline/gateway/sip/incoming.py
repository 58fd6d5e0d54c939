"""A call that rings: the `IncomingCall` an application answers or refuses."""

import logging
import secrets
from asyncio import TimerHandle
from typing import Protocol

import anyio

from asr.audio import LegId
from hotline.conversation import EndCause
from hotline.errors import CallAborted, HotlineError
from hotline.gateway.media import EarlyMedia, MediaLeg
from hotline.gateway.sip import session_timer
from hotline.gateway.sip.dialog import Dialog
from hotline.gateway.sip.exchange import media_warning
from hotline.gateway.sip.grammar import NameAddr, SipSyntaxError, SipUri
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway.sip.media_session import MediaSession, WebSession
from hotline.gateway.sip.message import Request, Response, make_response
from hotline.gateway.sip.negotiation import Negotiation, NothingInCommon
from hotline.gateway.sip.options import ALLOW, SDP, SUPPORTED, requires, supports
from hotline.gateway.sip.reliable import ReliableSender
from hotline.gateway.sip.sdp import SdpSyntaxError, is_web_offer
from hotline.gateway.sip.session_timer import Agreed
from hotline.gateway.sip.signalling import Signalling
from hotline.gateway.sip.timers import Note
from hotline.gateway.sip.transaction import Hop, Key

log = logging.getLogger(__name__)

RING_SECONDS = 180.0
"""A call nobody answers or refuses for so long gets 480."""


class MediaPorts(Protocol):
    """Where legs get their media from."""

    async def session(self, leg: LegId) -> MediaSession:
        """Bind a port pair. Raises a `HotlineError` when none is left."""


class WebPorts(MediaPorts, Protocol):
    """Where browsers' legs get theirs from too."""

    async def web_session(self, leg: LegId) -> WebSession:
        """A WebRTC session. Raises a `HotlineError` when there is no room for one more."""


class Calls(Protocol):
    """Who knows all calls of the endpoint."""

    def over(self, call: "IncomingInvite") -> None:
        """The call rings no more."""

    def adopt(self, leg: SipLeg) -> None:
        """A leg lives; requests of its dialog go to it."""

    def drop(self, leg: SipLeg) -> None:
        """No request of that leg's dialog can come any more."""


class IncomingInvite:
    """An INVITE waiting for its final answer."""

    def __init__(
        self,
        signalling: Signalling,
        media: MediaPorts,
        invite: tuple[Request, Hop, Key],
        dialog: Dialog,
        offer: bytes,
        calls: Calls,
    ) -> None:
        self._signalling = signalling
        self._media = media
        self._request, self._hop, self.key = invite
        self.dialog = dialog
        self._offer = offer
        self._calls = calls
        self._over = False
        self._taken = False
        self._patience: TimerHandle | None = None
        self._reliable = ReliableSender(signalling.timers)
        self._acknowledged = anyio.Event()
        self._acknowledged.set()
        self._early: tuple[MediaSession, Negotiation, bytes] | None = None
        self.agreed: Agreed | None = None
        """The session timer, as the server judged it."""
        self.replaced: SipLeg | None = None
        """The leg whose place this call takes when it is answered (RFC 3891)."""

    @property
    def source(self) -> str:
        """The host it came from."""
        return self._hop.host

    @property
    def remote(self) -> str:
        """Who calls: the user part when the caller has one, else the whole address. Personal data."""
        uri = NameAddr.parse(self._request.headers.get("From") or "").uri
        return SipUri.parse(uri).user or uri

    @property
    def dialled(self) -> str:
        """The user part of the request URI."""
        return SipUri.parse(self._request.uri).user

    @property
    def channel(self) -> str:
        """`webrtc` for a browser's media, else `phone`."""
        return "webrtc" if is_web_offer(self._offer) else "phone"

    # -- ringing ------------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Send 180 and give the application its time."""
        self._patience = self._signalling.later(self._signalling.now() + RING_SECONDS, self._unanswered)
        if not requires(self._request, "100rel"):
            self._respond(180, "Ringing", [self._contact, ALLOW, SUPPORTED])
        elif self._offer:
            self._respond_reliably(180, "Ringing", b"")
        # Who insists on reliable answers and made no offer would have to be made one now, before anybody has
        # taken the call: then nothing is said until the answer, which is allowed.

    async def progress(self) -> EarlyMedia | None:
        """Let sound be played before the answer (183). None when it cannot be: no offer, or a browser's.

        Raises `CallAborted` when the caller gave up or no ports are left.
        """
        if not self._offer or is_web_offer(self._offer) or self._early is not None:
            return None
        session = await self._ports()
        negotiation = self._signalling.negotiation(self._hop)
        body = negotiation.answer(self._offer, session.local[1])
        self._early = (session, negotiation, body)
        if negotiation.plan is not None:
            session.configure(negotiation.plan)
        if supports(self._request, "100rel"):
            await self._acknowledged.wait()  # one reliable answer at a time
            self._respond_reliably(183, "Session Progress", body)
        else:
            self._respond(183, "Session Progress", [self._contact, ALLOW, SUPPORTED, SDP], body)
        return session

    async def answer(self) -> MediaLeg:
        """Take the call. Raises `CallAborted` when the caller gave up first, or when no ports are left
        (the caller then got 503). Cancelling leaves the call ringing."""
        if self._over or self._taken:
            raise CallAborted("the call is over")
        await self._acknowledged.wait()  # RFC 3262 §3: no 2xx while a reliable answer waits for its PRACK
        if self._early is not None:
            session, negotiation, body = self._early
            self._check(session)
            return self._accept(session, negotiation, body)
        if is_web_offer(self._offer):
            return await self._answer_web()
        session = await self._ports()
        negotiation = self._signalling.negotiation(self._hop)
        port = session.local[1]
        # The offer was checked when the INVITE came, so answering it cannot fail any more.
        body = negotiation.answer(self._offer, port) if self._offer else negotiation.offer(port)
        if negotiation.plan is not None:
            session.configure(negotiation.plan)
        return self._accept(session, negotiation, body)

    async def _answer_web(self) -> MediaLeg:
        ports = self._media
        if not hasattr(ports, "web_session"):
            self._respond(488, "Not Acceptable Here", [media_warning()])
            self._finish()
            raise CallAborted("no browsers are taken here")
        try:
            session: WebSession = await ports.web_session(self._leg_id())
        except HotlineError as error:
            await self.reject(503, "Service Unavailable", retry_after=5)
            raise CallAborted("no room for a browser") from error
        try:
            body = await session.answer(self._offer)
        except (SdpSyntaxError, NothingInCommon) as error:
            await session.close()
            self._respond(488, "Not Acceptable Here", [media_warning()])
            self._finish()
            raise CallAborted("the browser's offer fits nothing") from error
        if self._gone:
            await session.close()
        self._check(session)
        return self._accept(session, None, body, session)

    async def _ports(self) -> MediaSession:
        try:
            session = await self._media.session(self._leg_id())
        except HotlineError as error:
            await self.reject(503, "Service Unavailable", retry_after=5)
            raise CallAborted("no media ports") from error
        if self._gone:
            await session.close()
        self._check(session)
        return session

    @staticmethod
    def _leg_id() -> LegId:
        return LegId(f"leg-{secrets.token_hex(8)}")

    @property
    def _gone(self) -> bool:
        return self._over or self._taken or not self._signalling.pending(self.key)

    def _check(self, session: MediaSession) -> None:
        if self._gone:
            session.end(EndCause.CANCELLED)
            raise CallAborted("the caller gave up")

    def _accept(
        self,
        session: MediaSession,
        negotiation: Negotiation | None,
        body: bytes,
        web: WebSession | None = None,
    ) -> SipLeg:
        self._taken, self._early = True, None
        leg_id = getattr(session, "leg", None) or self._leg_id()
        media = (session, negotiation)
        leg = SipLeg(leg_id, self._signalling, self.dialog, self._hop, media, self._calls.drop, web)
        leg.peer_allows = frozenset(self._request.headers.tokens("Allow"))
        self._finish()
        self._calls.adopt(leg)
        fields = [*self._routes, self._contact, ALLOW, SUPPORTED, SDP]
        fields += session_timer.answer_fields(self.agreed)
        response = make_response(self._request, 200, "OK", fields, body, to_tag=self.dialog.ident[1])
        self._signalling.respond_with(self.key, response)
        leg.answered(response, self.agreed, offered=not self._offer)
        if self.replaced is not None:
            self.replaced.finish(EndCause.LOCAL_HANGUP)
        return leg

    async def reject(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """Refuse the call; harmless when it is over."""
        self.refuse(status, reason, retry_after)

    def refuse(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """`reject` without waiting: CANCEL is 487, an early BYE too."""
        if self._over:
            return
        self._respond(status, reason, [] if retry_after is None else [("Retry-After", str(retry_after))])
        self._finish()

    # -- requests of the early dialog ---------------------------------------------------------------------

    def receive(self, request: Request, key: Key) -> None:
        """A request inside the early dialog: PRACK, UPDATE, BYE, another INVITE."""
        if request.method == "BYE":
            self._reply(request, key, 200, "OK")
            self.refuse(487, "Request Terminated")
        elif not self.dialog.in_order(request):
            self._reply(request, key, 500, "Server Internal Error", ("Retry-After", "1"))
        elif request.method == "PRACK":
            self._received_prack(request, key)
        elif request.method == "UPDATE":
            self._received_update(request, key)
        elif request.method == "INVITE":
            # RFC 3261 §14.2: another INVITE before the first had its final answer.
            self._reply(request, key, 500, "Server Internal Error", ("Retry-After", "2"))
        else:
            self._reply(request, key, 481, "Call/Transaction Does Not Exist")

    def _received_prack(self, request: Request, key: Key) -> None:
        try:
            right = self._reliable.acknowledge(request)
        except SipSyntaxError:
            self._reply(request, key, 400, "Bad RAck")
            return
        if not right:
            self._reply(request, key, 481, "Call/Transaction Does Not Exist")
            return
        self._acknowledged.set()
        if request.body and self._early is not None:
            self._renegotiate(request, key)
        else:
            self._reply(request, key, 200, "OK")

    def _received_update(self, request: Request, key: Key) -> None:
        if not request.body:
            self.dialog.refresh(request)
            self._reply(request, key, 200, "OK", self._contact, ALLOW, SUPPORTED)
        elif self._early is None or self._reliable.pending:
            # RFC 3311 §5.2: the first offer has had no answer yet, or its answer is not known to have come.
            self._reply(request, key, 500, "Server Internal Error", ("Retry-After", "3"))
        else:
            self._renegotiate(request, key)

    def _renegotiate(self, request: Request, key: Key) -> None:
        """Another offer for the early session."""
        if self._early is None:
            return
        session, negotiation, _ = self._early
        try:
            body = negotiation.answer(request.body, session.local[1])
        except SdpSyntaxError:
            self._reply(request, key, 400, "Bad Session Description")
            return
        except NothingInCommon:
            self._reply(request, key, 488, "Not Acceptable Here", media_warning())
            return
        if negotiation.plan is not None:
            session.configure(negotiation.plan)
        self._early = (session, negotiation, body)
        self.dialog.refresh(request)
        response = make_response(request, 200, "OK", [self._contact, ALLOW, SUPPORTED, SDP], body)
        self._signalling.respond_with(key, response)

    # -- sending ------------------------------------------------------------------------------------------

    @property
    def _contact(self) -> tuple[str, str]:
        return self._signalling.contact(self._hop, secure=self.dialog.secure)

    @property
    def _routes(self) -> list[tuple[str, str]]:
        return [("Record-Route", value) for value in self._request.headers.all("Record-Route")]

    def _reply(self, request: Request, key: Key, status: int, reason: str, *fields: tuple[str, str]) -> None:
        self._signalling.respond(key, request, status, reason, fields)

    def _respond(self, status: int, reason: str, fields: list[tuple[str, str]], body: bytes = b"") -> None:
        known = [*self._routes, *fields] if status < 200 else fields
        tag = self.dialog.ident[1]
        response = make_response(self._request, status, reason, known, body, to_tag=tag)
        self._signalling.respond_with(self.key, response)

    def _respond_reliably(self, status: int, reason: str, body: bytes) -> None:
        fields = [*self._routes, self._contact, ALLOW, SUPPORTED, *self._reliable.next_fields()]
        if body:
            fields.append(SDP)
        tag = self.dialog.ident[1]
        response = make_response(self._request, status, reason, fields, body, to_tag=tag)
        self._acknowledged = anyio.Event()
        self._reliable.sent(response, self._signalling.now())
        self._signalling.respond_with(self.key, response)
        self._arm()

    def _arm(self) -> None:
        if (deadline := self._reliable.deadline) is not None:
            self._signalling.later(deadline, self._repeat)

    def _repeat(self) -> None:
        if self._over:
            return
        for output in self._reliable.due(self._signalling.now()):
            if isinstance(output, Response):
                self._signalling.respond_with(self.key, output)
            elif output is Note.TIMEOUT:
                self.refuse(504, "Server Time-out")
                return
        self._arm()

    def _finish(self) -> None:
        self._over = True
        self._reliable.stop()
        self._acknowledged.set()
        if self._patience is not None:
            self._patience.cancel()
        if self._early is not None:
            session, self._early = self._early[0], None
            session.end(EndCause.CANCELLED)
            self._signalling.tasks.start_soon(session.close)
        self._calls.over(self)

    def _unanswered(self) -> None:
        self.refuse(480, "Temporarily Unavailable")
