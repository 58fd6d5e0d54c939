"""One SIP dialog with audio: the phone party's `MediaLeg`."""

import logging
import re
from collections.abc import AsyncIterator, Callable

import anyio

from asr.audio import AudioFrame, LegId
from hotline.conversation import AudioFacts, EndCause
from hotline.errors import LegGone
from hotline.gateway.media import Direction, LegInput, MediaPlan, Sink
from hotline.gateway.sip.dialog import Dialog
from hotline.gateway.sip.exchange import Exchange, content_type
from hotline.gateway.sip.former import FormerLeg
from hotline.gateway.sip.grammar import SipSyntaxError
from hotline.gateway.sip.media_session import MediaSession, WebSession
from hotline.gateway.sip.message import Request, Response
from hotline.gateway.sip.negotiation import Negotiation
from hotline.gateway.sip.options import ACCEPT, ALLOW, KNOWN_METHODS, SUPPORTED, unsupported
from hotline.gateway.sip.refer import (
    FRAGMENT,
    Transfer,
    fragment,
    status_of,
    target_of,
    wants_no_subscription,
)
from hotline.gateway.sip.refreshing import Refreshing
from hotline.gateway.sip.session_timer import Agreed
from hotline.gateway.sip.signalling import Signalling
from hotline.gateway.sip.transaction import Hop, Key

log = logging.getLogger(__name__)

_RELAY = re.compile(r"^\s*Signal\s*=\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
_KEYS = {str(number): key for number, key in enumerate("0123456789*#ABCD")} | {key: key for key in "*#ABCD"}
_CLOSING_SECONDS = 5.0

Challenge = Callable[[Response, str, str], tuple[str, str] | None]
"""The header field that meets a 401 or 407 to a method and URI; None when it cannot be met."""


class SipLeg:
    """An answered call. Ends exactly once, with one `EndCause`, whoever hangs up."""

    def __init__(
        self,
        leg: LegId,
        signalling: Signalling,
        dialog: Dialog,
        flow: Hop,
        media: tuple[MediaSession, Negotiation | None],
        gone: Callable[["SipLeg"], None],
        web: WebSession | None = None,
    ) -> None:
        """`flow`: where the peer's messages come from; `gone` is called when no request can come any more.

        `web`: the media session, when it makes its own descriptions.
        """
        self._leg = leg
        self.signalling = signalling
        self.dialog = dialog
        self.flow = flow
        self._session = media[0]
        self._exchange = Exchange(self, media[1], web)
        self._gone = gone
        self._cause: EndCause | None = None
        self._bye_owed = False
        self._ack: tuple[Request, Hop] | None = None
        self._challenge: Challenge | None = None
        self._refreshing = Refreshing(self)
        self._transfer: Transfer | None = None
        self._holding: anyio.CancelScope | None = None
        self.caller = False
        self.source = flow.host
        """The address the call came from, whatever its later requests come from."""
        self.peer_allows: frozenset[str] = frozenset()
        """Methods the peer says that it takes."""
        self.on_refer: Callable[[str], bool] = lambda _: False
        """Asked whether to go where a REFER points. By default nobody may send us anywhere: a call that
        strangers can make us place is how toll fraud works."""

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

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Hand on what comes and is spoken."""
        self._session.connect(hear, tap)

    def speak(self, frame: AudioFrame) -> None:
        """Say 20 ms of somebody else."""
        self._session.speak(frame)

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer."""
        self._session.send_digit(key, ms)

    async def hangup(self, cause: EndCause = EndCause.LOCAL_HANGUP) -> None:
        """End the leg: BYE, and the ports are free when this returns. Harmless when already ended."""
        self.finish(cause)
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSING_SECONDS):
            await self._session.close()

    async def hold(self, music: bytes) -> None:
        """Put the peer on hold: it is told to send nothing, and hears `music` (16 kHz s16le) over and over.

        Raises `OfferRefused` when the peer will not be held; the call goes on. Harmless when held.
        """
        if self._holding is not None:
            return
        self._holding = anyio.CancelScope()
        try:
            await self._exchange.offer(Direction.SENDONLY)
        except BaseException:
            self._holding = None
            raise
        self.signalling.tasks.start_soon(self._entertain, music, self._holding)

    async def resume(self) -> None:
        """Take the peer off hold. Raises `OfferRefused`. Harmless when not held."""
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
            await self._exchange.offer(Direction.SENDRECV)

    async def _entertain(self, music: bytes, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                while music:
                    await self._session.play(music)
            except LegGone:
                return

    async def refer(self, target: str, replaces: str | None = None) -> None:
        """Send the peer elsewhere (blind transfer, or attended with `replaces`); returns when it got through.

        The leg stays ours until it is hung up. Raises `TransferFailed`.
        """
        transfer = self._transfer = Transfer()
        escaped = "" if replaces is None else "?Replaces=" + _escape(replaces)
        here = self.signalling.contact(self.flow, secure=self.dialog.secure)
        fields = [("Refer-To", f"<{target}{escaped}>"), ("Referred-By", here[1]), here, SUPPORTED]
        self.ask("REFER", fields, b"", lambda _, response: transfer.accepted(response))
        await transfer.result()

    # -- life ---------------------------------------------------------------------------------------------

    def answered(self, response: Response, agreed: Agreed | None = None, *, offered: bool = False) -> None:
        """Our 2xx is on its way: repeat it until ACK, and watch the media."""
        self._exchange.await_ack(response, offered=offered)
        self.timed(agreed)
        self.signalling.tasks.start_soon(self._watch)

    def established(
        self, ack: Request, hop: Hop, challenge: Challenge | None, agreed: Agreed | None = None
    ) -> None:
        """The peer's 2xx came and this ACK went out; `challenge` answers those to later requests."""
        self.caller = True
        self._ack = (ack, hop)
        self._challenge = challenge
        self.timed(agreed)
        self.signalling.tasks.start_soon(self._watch)

    def acknowledge_again(self) -> None:
        """The peer's 2xx came once more."""
        if self._ack is not None:
            self.signalling.send(*self._ack)

    def timed(self, agreed: Agreed | None) -> None:
        """The session timer was settled, or settled anew."""
        self._refreshing.timed(agreed)

    async def offer_again(self) -> None:
        """Offer the session as it is (a refresh for a peer without UPDATE). Raises `OfferRefused`."""
        await self._exchange.offer(Direction.SENDRECV if self._holding is None else Direction.SENDONLY)

    @property
    def over(self) -> bool:
        """The leg has ended."""
        return self._cause is not None

    @property
    def port(self) -> int:
        """Our RTP port."""
        return self._session.local[1]

    def configure(self, plan: MediaPlan) -> None:
        """Media goes on like this."""
        self._session.configure(plan)

    def finish(self, cause: EndCause) -> None:
        """End the leg; the peer is told by BYE unless it was the peer who ended it."""
        if self._cause is not None:
            return
        self._cause = cause
        self._refreshing.stop()
        if self._holding is not None:
            self._holding.cancel()
        self._session.end(cause)
        self.signalling.tasks.start_soon(self._session.close)
        if cause in {EndCause.REMOTE_HANGUP, EndCause.TRANSPORT}:
            self._exchange.abandon()
            self._leave()
        elif self._exchange.waiting:
            # RFC 3261 §15: the called side may not BYE before its 2xx was acknowledged or given up.
            self._bye_owed = True
        else:
            self._bye()

    def owed(self) -> None:
        """The ACK came, or never will: a BYE that waited for it may go."""
        if self._bye_owed:
            self._bye()

    def part(self) -> None:
        """Stop waiting for an ACK that an owed BYE must follow: the line is closing."""
        if self._bye_owed:
            self._exchange.abandon()
            self._bye()

    async def _watch(self) -> None:
        self.finish(await self._session.wait_ended())

    def _bye(self) -> None:
        self._bye_owed = False

        def replied(request: Request, response: Response | None) -> None:
            del request
            if response is None or response.status >= 200:
                self._leave()

        self.ask("BYE", [], b"", replied)

    def _leave(self) -> None:
        """No request of this dialog can come any more. Harmless when repeated."""
        self._gone(self)
        former = FormerLeg(self)
        self._exchange.outlive(former)
        self._refreshing.outlive(former)

    def ask(
        self,
        method: str,
        fields: list[tuple[str, str]],
        body: bytes,
        on_reply: Callable[[Request, Response | None], None],
    ) -> None:
        """Send a request inside the dialog. One challenge is met, when we know how; `on_reply` gets every
        other response, and None when none will come."""
        self._ask(method, fields, body, on_reply, [])

    def _ask(
        self,
        method: str,
        fields: list[tuple[str, str]],
        body: bytes,
        on_reply: Callable[[Request, Response | None], None],
        proof: list[tuple[str, str]],
    ) -> None:
        """`proof`: what answers the challenge that came; empty the first time."""
        hop = self.signalling.route(self.dialog, self.flow)
        request = self.dialog.request(method, self.signalling.via(hop), [*fields, *proof], body)

        def replied(response: Response | None) -> None:
            if response is not None and response.status in {401, 407} and self._challenge and not proof:
                field = self._challenge(response, method, request.uri)
                if field is not None:
                    self._ask(method, fields, body, on_reply, [field])
                    return
            on_reply(request, response)

        self.signalling.request(request, hop, replied)

    # -- requests inside the dialog -----------------------------------------------------------------------

    def receive(self, request: Request, hop: Hop, key: Key | None) -> None:
        """A request inside this dialog; `key` is None for ACK."""
        if request.method == "ACK":
            self._exchange.acked(request)
            return
        if key is None:
            return
        if not self.dialog.in_order(request):
            self._refuse(key, request, 500, "Server Internal Error", ("Retry-After", "1"))
            return
        if unknown := unsupported(request):
            self._refuse(key, request, 420, "Bad Extension", ("Unsupported", ", ".join(unknown)))
            return
        self.flow = hop
        handlers = {
            "BYE": self._received_bye,
            "INVITE": self._exchange.receive,
            "UPDATE": self._exchange.receive,
            "INFO": self._received_info,
            "OPTIONS": self._received_options,
            "REFER": self._received_refer,
            "NOTIFY": self._received_notify,
        }
        handler = handlers.get(request.method)
        if handler is not None:
            handler(request, key)
        elif request.method == "PRACK":
            self._refuse(key, request, 481, "Call/Transaction Does Not Exist")
        elif request.method in KNOWN_METHODS:
            self._refuse(key, request, 405, "Method Not Allowed", ALLOW)
        else:
            self._refuse(key, request, 501, "Not Implemented", ALLOW)

    def _refuse(self, key: Key, request: Request, status: int, reason: str, *fields: tuple[str, str]) -> None:
        self.signalling.respond(key, request, status, reason, fields)

    def _received_bye(self, request: Request, key: Key) -> None:
        self._refuse(key, request, 200, "OK")
        self.finish(EndCause.REMOTE_HANGUP)
        if self._bye_owed:
            self._bye_owed = False
            self._exchange.abandon()
            self._leave()

    def _received_options(self, request: Request, key: Key) -> None:
        self._refuse(key, request, 200, "OK", ALLOW, ACCEPT, SUPPORTED)

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

    def _received_refer(self, request: Request, key: Key) -> None:
        try:
            target = target_of(request)
        except SipSyntaxError:
            self._refuse(key, request, 400, "Bad Refer-To")
            return
        if self._cause is not None or not self.on_refer(target):
            self._refuse(key, request, 603, "Decline")
            return
        quiet = wants_no_subscription(request)
        self._refuse(key, request, 202, "Accepted", *([("Refer-Sub", "false")] if quiet else []))
        if not quiet:
            self.tell_referrer(100, "Trying")

    def tell_referrer(self, status: int, reason: str) -> None:
        """Say by NOTIFY what became of a REFER that `on_refer` took."""
        state = "active;expires=60" if status < 200 else "terminated;reason=noresource"
        fields = [("Event", "refer"), ("Subscription-State", state), FRAGMENT]
        here = self.signalling.contact(self.flow, secure=self.dialog.secure)
        self.ask("NOTIFY", [here, *fields], fragment(status, reason), _heard_enough)

    def _received_notify(self, request: Request, key: Key) -> None:
        event = (request.headers.get("Event") or "").partition(";")[0].strip().lower()
        if event != "refer":
            self._refuse(key, request, 489, "Bad Event", ("Allow-Events", "refer"))
        elif self._transfer is None:
            self._refuse(key, request, 481, "Subscription Does Not Exist")
        else:
            self._refuse(key, request, 200, "OK")
            self._transfer.notified(status_of(request))


def _heard_enough(request: Request, response: Response | None) -> None:
    """Whatever the peer says to a NOTIFY changes nothing."""


def _escape(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
