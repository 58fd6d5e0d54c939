"""Offers and answers inside an established dialog: re-INVITE, UPDATE and ACK, theirs and ours (RFC 3261 §14,
RFC 3311)."""

import logging
import secrets
from collections.abc import Callable
from typing import Protocol

import anyio

from hotline.conversation import EndCause
from hotline.errors import HotlineError
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.sip import session_timer
from hotline.gateway.sip.dialog import Answer2xx, Dialog
from hotline.gateway.sip.grammar import SipSyntaxError
from hotline.gateway.sip.media_session import WebSession
from hotline.gateway.sip.message import Request, Response, make_response
from hotline.gateway.sip.negotiation import Negotiation, NothingInCommon
from hotline.gateway.sip.options import ACCEPT, ALLOW, SDP, SUPPORTED
from hotline.gateway.sip.sdp import SdpSyntaxError
from hotline.gateway.sip.session_timer import Agreed, TooSmall
from hotline.gateway.sip.signalling import Signalling
from hotline.gateway.sip.timers import Note
from hotline.gateway.sip.transaction import Hop, Key

log = logging.getLogger(__name__)

_TRIES = 4
"""Times our offer is made again when it meets one of the peer's."""


class OfferRefused(HotlineError):
    """The peer would not change the session; it goes on as it was."""

    code = "hotline.offer_refused"


class Side(Protocol):
    """The leg whose dialog it is."""

    dialog: Dialog
    signalling: Signalling
    flow: Hop
    """Where the peer's messages come from."""
    caller: bool
    """We made the call: the Call-ID is ours."""

    @property
    def over(self) -> bool:
        """The leg has ended."""

    @property
    def port(self) -> int:
        """Our RTP port."""

    def configure(self, plan: MediaPlan) -> None:
        """Media goes on like this."""

    def timed(self, agreed: Agreed | None) -> None:
        """The session timer was settled anew."""

    def finish(self, cause: EndCause) -> None:
        """End the leg."""

    def owed(self) -> None:
        """The ACK came, or never will: a BYE that waited for it may go."""

    def ask(
        self,
        method: str,
        fields: list[tuple[str, str]],
        body: bytes,
        on_reply: Callable[[Request, Response | None], None],
    ) -> None:
        """Send a request inside the dialog; challenges are met."""


class Exchange:
    """One dialog's offers and answers after the first."""

    def __init__(self, side: Side, negotiation: Negotiation | None, web: WebSession | None) -> None:
        """`negotiation` describes plain media; `web` describes itself. One of them."""
        self._side = side
        self._negotiation = negotiation
        self._web = web
        self._answer: Answer2xx | None = None
        self._answer_cseq = 0
        self._offered = False
        """Our 2xx carried the offer: the answer comes in its ACK."""
        self._mine = False
        """An offer of ours waits for its answer."""
        self._ack: tuple[int, Request, Hop] | None = None

    @property
    def waiting(self) -> bool:
        """A 2xx of ours has not been acknowledged."""
        return self._answer is not None

    def outlive(self, former: Side) -> None:
        """The leg's dialog is over: `former` stands for it with what may still be asked."""
        self._side = former

    # -- their offers -------------------------------------------------------------------------------------

    def receive(self, request: Request, key: Key) -> None:
        """A re-INVITE or UPDATE."""
        if self._side.over:
            self._refuse(key, request, 481, "Call/Transaction Does Not Exist")
        elif request.method == "INVITE" and self._answer is not None:
            # An answer of ours still waits for its ACK: the peer must try again (§14.2).
            self._refuse(key, request, 491, "Request Pending")
        elif self._mine and (request.method == "INVITE" or request.body):
            self._refuse(key, request, 491, "Request Pending")
        elif request.body and content_type(request) != "application/sdp":
            self._refuse(key, request, 415, "Unsupported Media Type", ACCEPT)
        else:
            self._take(request, key)

    def _take(self, request: Request, key: Key) -> None:
        try:
            agreed = session_timer.judge(request, self._side.signalling.timer_policy)
        except SipSyntaxError:
            self._refuse(key, request, 400, "Bad Session-Expires")
            return
        if isinstance(agreed, TooSmall):
            self._refuse(key, request, 422, "Session Interval Too Small", ("Min-SE", str(agreed.least)))
        elif self._web is not None and request.body:
            self._side.signalling.tasks.start_soon(self._describe, request, key, agreed, self._web)
        else:
            self._renegotiate(request, key, agreed)

    def _renegotiate(self, request: Request, key: Key, agreed: Agreed | None) -> None:
        try:
            body = self._body(request)
        except SdpSyntaxError:
            self._refuse(key, request, 400, "Bad Session Description")
        except NothingInCommon:
            self._refuse(key, request, 488, "Not Acceptable Here", media_warning())
        else:
            self._accept(request, key, agreed, body)

    def _body(self, request: Request) -> bytes:
        negotiation = self._negotiation
        if negotiation is None or (request.method == "UPDATE" and not request.body):
            return b""
        if not request.body:
            self._offered = True
            return negotiation.offer(self._side.port)
        body = negotiation.answer(request.body, self._side.port)
        self._configure()
        return body

    async def _describe(self, request: Request, key: Key, agreed: Agreed | None, web: WebSession) -> None:
        try:
            body = await web.answer(request.body)
        except SdpSyntaxError:
            self._refuse(key, request, 400, "Bad Session Description")
        except NothingInCommon:
            self._refuse(key, request, 488, "Not Acceptable Here")
        else:
            self._accept(request, key, agreed, body)

    def _accept(self, request: Request, key: Key, agreed: Agreed | None, body: bytes) -> None:
        side = self._side
        side.dialog.refresh(request)
        side.timed(agreed)
        fields = [self._contact(), ALLOW, SUPPORTED, *session_timer.answer_fields(agreed)]
        response = make_response(request, 200, "OK", [*fields, SDP] if body else fields, body)
        side.signalling.respond_with(key, response)
        if request.method == "INVITE":
            self.await_ack(response)

    # -- ACK ----------------------------------------------------------------------------------------------

    def await_ack(self, response: Response, *, offered: bool | None = None) -> None:
        """Repeat a 2xx until its ACK. `offered`: it carried the dialog's first offer."""
        if offered is not None:
            self._offered = offered
        self._answer = Answer2xx(response, self._side.signalling.timers, self._side.signalling.now())
        self._answer_cseq = response.head.cseq
        self._arm(self._answer)

    def abandon(self) -> None:
        """Wait for no ACK any more."""
        self._answer = None

    def acked(self, request: Request) -> None:
        """An ACK came."""
        if self._answer is None or request.head.cseq != self._answer_cseq:
            return
        self._answer = None
        offered, self._offered = self._offered, False
        if offered and not self._side.over and self._negotiation is not None:
            try:
                self._negotiation.accept(request.body)
            except (SdpSyntaxError, NothingInCommon):
                self._side.finish(EndCause.ERROR)
            else:
                self._configure()
        self._side.owed()

    def _arm(self, answer: Answer2xx) -> None:
        self._side.signalling.later(answer.deadline, lambda: self._repeat(answer))

    def _repeat(self, answer: Answer2xx) -> None:
        if self._answer is not answer:
            return
        signalling = self._side.signalling
        for output in answer.due(signalling.now()):
            if output is Note.TIMEOUT:
                self._answer = None
                self._side.owed()
                self._side.finish(EndCause.NO_ACK)
                return
            if isinstance(output, Response):
                signalling.send(output, self._side.flow)
        self._arm(answer)

    # -- our offers ---------------------------------------------------------------------------------------

    async def offer(self, direction: Direction) -> None:
        """Change what we do with the stream, by re-INVITE. Raises `OfferRefused`.

        When it meets an offer of the peer's it is made again after a random time (§14.1).
        """
        if self._negotiation is None:
            return  # a browser's session goes on; there is nothing to renegotiate for silence
        for _ in range(_TRIES):
            while self._mine or self._answer is not None:  # noqa: ASYNC110 both end by a timer at the latest
                await anyio.sleep(self._side.signalling.timers.t1)
            if self._side.over:
                raise OfferRefused("the call is over")
            status = await self._ask_once(self._negotiation, direction)
            if 200 <= status < 300:
                return
            if status != 491:
                raise OfferRefused(f"status {status}")
            # §14.1: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in steps of 10 ms.
            steps = secrets.randbelow(191) + 210 if self._side.caller else secrets.randbelow(201)
            await anyio.sleep(steps / 100 * self._side.signalling.timers.t1 / 0.5)
        raise OfferRefused("the peer's offers keep crossing ours")

    async def _ask_once(self, negotiation: Negotiation, direction: Direction) -> int:
        done, status = anyio.Event(), 408
        self._mine = True

        def replied(request: Request, response: Response | None) -> None:
            nonlocal status
            if response is not None and response.status < 200:
                return
            if response is not None and response.status < 300:
                if done.is_set():
                    self.acknowledge_again(response)
                    return
                status = self._accepted(negotiation, request, response)
            elif response is not None:
                status = response.status
            done.set()

        body = negotiation.offer(self._side.port, direction)
        fields = [self._contact(), ALLOW, SUPPORTED, SDP]
        try:
            self._side.ask("INVITE", fields, body, replied)
            await done.wait()
        finally:
            self._mine = False
        if status in {408, 481}:
            self._side.finish(EndCause.TRANSPORT if status == 408 else EndCause.REMOTE_HANGUP)
        return status

    def _accepted(self, negotiation: Negotiation, request: Request, response: Response) -> int:
        side = self._side
        side.dialog.refresh(response)
        hop = side.signalling.route(side.dialog, side.flow)
        ack = side.dialog.request("ACK", side.signalling.via(hop), cseq=request.head.cseq)
        self._ack = (request.head.cseq, ack, hop)
        side.signalling.send(ack, hop)
        try:
            negotiation.accept(response.body)
        except (SdpSyntaxError, NothingInCommon):
            side.finish(EndCause.ERROR)
            return 488
        self._configure()
        return response.status

    def acknowledge_again(self, response: Response) -> None:
        """A 2xx to an INVITE of ours came once more."""
        if self._ack is not None and self._ack[0] == response.head.cseq:
            self._side.signalling.send(*self._ack[1:])

    # -- small things -------------------------------------------------------------------------------------

    def _configure(self) -> None:
        if self._negotiation is not None and self._negotiation.plan is not None:
            self._side.configure(self._negotiation.plan)

    def _contact(self) -> tuple[str, str]:
        side = self._side
        return side.signalling.contact(side.flow, secure=side.dialog.secure)

    def _refuse(self, key: Key, request: Request, status: int, reason: str, *fields: tuple[str, str]) -> None:
        self._side.signalling.respond(key, request, status, reason, fields)


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


def media_warning() -> tuple[str, str]:
    """Why a 488 (RFC 3261 §20.43)."""
    return "Warning", '399 hotline "no audio stream in common"'
