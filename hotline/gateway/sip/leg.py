"""One SIP dialog with audio: the phone party's `MediaLeg`."""

import logging
import re
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import anyio

from asr.audio import AudioFrame, LegId
from hotline.conversation import AudioFacts, EndCause
from hotline.gateway.media import LegInput, MediaPlan
from hotline.gateway.sip.dialog import Answer2xx, Dialog
from hotline.gateway.sip.message import Request, Response, SipSyntaxError, make_response
from hotline.gateway.sip.negotiation import Negotiation, NothingInCommon
from hotline.gateway.sip.sdp import SdpSyntaxError
from hotline.gateway.sip.signalling import Signalling
from hotline.gateway.sip.timers import Note
from hotline.gateway.sip.transaction import Hop, Key

log = logging.getLogger(__name__)

ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO")
ACCEPT = ("Accept", "application/sdp")
SDP = ("Content-Type", "application/sdp")
KNOWN_METHODS = frozenset(
    {
        "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "REGISTER", "SUBSCRIBE", "NOTIFY", "REFER",
        "MESSAGE", "PUBLISH", "PRACK", "UPDATE",
    }
)  # fmt: skip
"""Methods we know of; those we do not serve get 405, all others 501."""
_RELAY = re.compile(r"^\s*Signal\s*=\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
_KEYS = {str(number): key for number, key in enumerate("0123456789*#ABCD")} | {key: key for key in "*#ABCD"}
_CLOSING_SECONDS = 5.0


class MediaSession(Protocol):
    """The RTP side of a leg."""

    @property
    def local(self) -> tuple[str, int]:
        """Bound host and RTP port."""

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the incoming audio so far."""

    def configure(self, plan: MediaPlan) -> None:
        """Take what offer and answer settled; again after each new round."""

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames, key presses, then one `LegEnded`."""

    def digit(self, key: str) -> None:
        """A press that came by signalling."""

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer (RFC 4733)."""

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le."""

    def end(self, cause: EndCause) -> None:
        """No more audio."""

    async def wait_ended(self) -> EndCause:
        """Return once the session has ended, by us or by silence."""

    async def close(self) -> None:
        """Release the ports."""


class SipLeg:
    """An answered call. Ends exactly once, with one `EndCause`, whoever hangs up."""

    def __init__(
        self,
        leg: LegId,
        signalling: Signalling,
        dialog: Dialog,
        flow: Hop,
        media: tuple[MediaSession, Negotiation],
        gone: Callable[["SipLeg"], None],
    ) -> None:
        """`flow`: where the peer's messages come from; `gone` is called when no request can come any more."""
        self._leg = leg
        self._signalling = signalling
        self.dialog = dialog
        self._flow = flow
        self._session, self._negotiation = media
        self._gone = gone
        self._cause: EndCause | None = None
        self._answer: Answer2xx | None = None
        self._answer_cseq = 0
        self._offered = False
        self._bye_owed = False
        self._ack: tuple[Request, Hop] | None = None
        self._credentials: Callable[[Response, str, str], tuple[str, str] | None] | None = None

    # -- MediaLeg -----------------------------------------------------------------------------------------

    @property
    def leg(self) -> LegId:
        """The leg's id."""
        return self._leg

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the incoming audio so far."""
        return self._session.facts

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames every 20 ms, key presses, then one `LegEnded`."""
        return self._session.inputs()

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le mono. Raises `LegGone` when the leg has ended."""
        await self._session.play(pcm, tap)

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer."""
        self._session.send_digit(key, ms)

    async def hangup(self, cause: EndCause = EndCause.LOCAL_HANGUP) -> None:
        """End the leg: BYE, and the ports are free when this returns. Harmless when already ended."""
        self.finish(cause)
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSING_SECONDS):
            await self._session.close()

    # -- life ---------------------------------------------------------------------------------------------

    def answered(self, response: Response) -> None:
        """Our 2xx is on its way: repeat it until ACK, and watch the media."""
        self._await_ack(response)
        self._signalling.tasks.start_soon(self._watch)

    def established(
        self,
        ack: Request,
        hop: Hop,
        credentials: Callable[[Response, str, str], tuple[str, str] | None] | None,
    ) -> None:
        """The peer's 2xx came and this ACK went out; `credentials` answers challenges to later requests."""
        self._ack = (ack, hop)
        self._credentials = credentials
        self._signalling.tasks.start_soon(self._watch)

    def acknowledge_again(self) -> None:
        """The peer's 2xx came once more."""
        if self._ack is not None:
            self._signalling.send(*self._ack)

    def finish(self, cause: EndCause) -> None:
        """End the leg; the peer is told by BYE unless it was the peer who ended it."""
        if self._cause is not None:
            return
        self._cause = cause
        self._session.end(cause)
        self._signalling.tasks.start_soon(self._close_session)
        if cause in {EndCause.REMOTE_HANGUP, EndCause.TRANSPORT}:
            self._answer = None
            self._gone(self)
        elif self._answer is not None:
            # RFC 3261 §15: the called side may not BYE before its 2xx was acknowledged or given up.
            self._bye_owed = True
        else:
            self._bye()

    def part(self) -> None:
        """Stop waiting for an ACK that an owed BYE must follow: the line is closing."""
        if self._bye_owed:
            self._answer = None
            self._bye()

    async def _watch(self) -> None:
        self.finish(await self._session.wait_ended())

    async def _close_session(self) -> None:
        await self._session.close()

    def _bye(self) -> None:
        self._bye_owed = False
        hop = self._signalling.route(self.dialog, self._flow)
        bye = self.dialog.request("BYE", self._signalling.via(hop))

        def replied(response: Response | None) -> None:
            if response is not None and response.status < 200:
                return
            if response is None or response.status not in {401, 407} or self._credentials is None:
                self._gone(self)
                return
            field = self._credentials(response, "BYE", bye.uri)
            self._credentials = None
            if field is None:
                self._gone(self)
            else:
                self._signalling.request(
                    self.dialog.request("BYE", self._signalling.via(hop), [field]), hop, replied
                )

        self._signalling.request(bye, hop, replied)

    # -- requests inside the dialog -----------------------------------------------------------------------

    def receive(self, request: Request, hop: Hop, key: Key | None) -> None:
        """A request inside this dialog; `key` is None for ACK."""
        if request.method == "ACK":
            self._acked(request)
            return
        if key is None:
            return
        if not self.dialog.in_order(request):
            self._refuse(key, request, 500, "Server Internal Error", ("Retry-After", "1"))
            return
        required = request.headers.tokens("Require")
        if required:
            self._refuse(key, request, 420, "Bad Extension", ("Unsupported", ", ".join(required)))
            return
        self._flow = hop
        handlers = {
            "BYE": self._received_bye,
            "INVITE": self._received_invite,
            "INFO": self._received_info,
            "OPTIONS": self._received_options,
        }
        handler = handlers.get(request.method)
        if handler is not None:
            handler(request, key)
        elif request.method in KNOWN_METHODS:
            self._refuse(key, request, 405, "Method Not Allowed", ALLOW)
        else:
            self._refuse(key, request, 501, "Not Implemented", ALLOW)

    def _refuse(self, key: Key, request: Request, status: int, reason: str, *fields: tuple[str, str]) -> None:
        self._signalling.respond(key, request, status, reason, fields)

    def _received_bye(self, request: Request, key: Key) -> None:
        self._refuse(key, request, 200, "OK")
        self.finish(EndCause.REMOTE_HANGUP)
        if self._bye_owed:
            self._bye_owed = False
            self._answer = None
            self._gone(self)

    def _received_options(self, request: Request, key: Key) -> None:
        self._refuse(key, request, 200, "OK", ALLOW, ACCEPT)

    def _received_info(self, request: Request, key: Key) -> None:
        kind = content_type(request)
        if kind not in {"application/dtmf-relay", "application/dtmf"}:
            if request.body:
                accept = ("Accept", "application/dtmf-relay, application/dtmf")
                self._refuse(key, request, 415, "Unsupported Media Type", accept)
            else:
                self._refuse(key, request, 200, "OK")
            return
        text = request.body.decode("ascii", "replace")
        found = _RELAY.search(text)
        pressed = _KEYS.get((found[1] if found else text).strip().upper())
        if pressed is None:
            self._refuse(key, request, 400, "Bad Request")
            return
        self._refuse(key, request, 200, "OK")
        if self._cause is None:
            self._session.digit(pressed)

    def _received_invite(self, request: Request, key: Key) -> None:
        if self._cause is not None:
            self._refuse(key, request, 481, "Call/Transaction Does Not Exist")
        elif self._answer is not None:
            # An answer of ours still waits for its ACK: the peer must try again (RFC 3261 §14.2).
            self._refuse(key, request, 491, "Request Pending")
        elif request.body and content_type(request) != "application/sdp":
            self._refuse(key, request, 415, "Unsupported Media Type", ACCEPT)
        else:
            self._renegotiate(request, key)

    def _renegotiate(self, request: Request, key: Key) -> None:
        port = self._session.local[1]
        try:
            if request.body:
                body = self._negotiation.answer(request.body, port)
                self._configure()
            else:
                body = self._negotiation.offer(port)
        except SdpSyntaxError:
            self._refuse(key, request, 400, "Bad Session Description")
            return
        except NothingInCommon:
            self._refuse(key, request, 488, "Not Acceptable Here")
            return
        self.dialog.refresh(request)
        self._offered = not request.body
        fields = [self._signalling.contact(self._flow, secure=self.dialog.secure), ALLOW, SDP]
        response = make_response(request, 200, "OK", fields, body)
        self._signalling.respond_with(key, response)
        self._await_ack(response)

    def offer_pending(self) -> None:
        """Our 2xx carried the offer: the answer comes in its ACK."""
        self._offered = True

    def _configure(self) -> None:
        plan = self._negotiation.plan
        if plan is not None:
            self._session.configure(plan)

    # -- ACK ----------------------------------------------------------------------------------------------

    def _await_ack(self, response: Response) -> None:
        self._answer = Answer2xx(response, self._signalling.timers, self._signalling.now())
        self._answer_cseq = response.head.cseq
        self._arm(self._answer)

    def _arm(self, answer: Answer2xx) -> None:
        self._signalling.later(answer.deadline, lambda: self._repeat(answer))

    def _repeat(self, answer: Answer2xx) -> None:
        if self._answer is not answer:
            return
        for output in answer.due(self._signalling.now()):
            if output is Note.TIMEOUT:
                self._answer = None
                self._no_ack()
                return
            if isinstance(output, Response):
                self._signalling.send(output, self._flow)
        self._arm(answer)

    def _no_ack(self) -> None:
        if self._bye_owed:
            self._bye()
        else:
            self.finish(EndCause.NO_ACK)

    def _acked(self, request: Request) -> None:
        if self._answer is None or request.head.cseq != self._answer_cseq:
            return
        self._answer = None
        if self._bye_owed:
            self._bye()
            return
        if not self._offered:
            return
        self._offered = False
        try:
            self._negotiation.accept(request.body)
        except (SdpSyntaxError, NothingInCommon):
            self.finish(EndCause.ERROR)
            return
        self._configure()


def content_type(message: Request | Response) -> str:
    """The media type without parameters, lower case; "" when absent."""
    return (message.headers.get("Content-Type") or "").partition(";")[0].strip().lower()


def offer_of(message: Request | Response) -> bytes:
    """The session description a message carries; b"" for none. Raises `SipSyntaxError` for another type."""
    if not message.body:
        return b""
    if content_type(message) != "application/sdp":
        raise SipSyntaxError("body is no session description", 415)
    return message.body
