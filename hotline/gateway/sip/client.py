"""The user agent client: places calls (RFC 3261 §8.1, §13.2)."""

import re
import secrets
from dataclasses import dataclass, field

import anyio

from asr.audio import LegId
from hotline.conversation import EndCause
from hotline.errors import CallAborted, HotlineError
from hotline.gateway.media import MediaPlan
from hotline.gateway.sip import session_timer
from hotline.gateway.sip.auth import answer_challenge, stale
from hotline.gateway.sip.dialog import Dialog
from hotline.gateway.sip.grammar import SipUri, host_literal
from hotline.gateway.sip.incoming import Calls, MediaPorts
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway.sip.media_session import MediaSession
from hotline.gateway.sip.message import Headers, Request, Response, SipSyntaxError, make_request
from hotline.gateway.sip.negotiation import NothingInCommon
from hotline.gateway.sip.options import ACCEPT, ALLOW, SDP, SUPPORTED
from hotline.gateway.sip.reliable import ReliableReceiver
from hotline.gateway.sip.sdp import SdpSyntaxError
from hotline.gateway.sip.signalling import CONTACT_USER, Signalling
from hotline.gateway.sip.transaction import Hop
from hotline.gateway.sip.transaction_client import cancel
from hotline.gateway.sip.transport import hop_of

RING_SECONDS = 180.0
"""How long a call may ring before we give it up."""
MOST_FORKS = 16
"""Phones of one forked call whose ringing is attended to."""
MOST_CHALLENGES = 4
"""A proxy's and the far end's, and each once more for a nonce too old."""


class CallRefused(HotlineError):
    """The far end answered with a failure."""

    code = "hotline.call_refused"

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        """Seconds in which the far end does not want to be asked again."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What challenges are answered with."""

    username: str
    password: str = field(repr=False)

    def answer(self, response: Response, method: str, uri: str, body: bytes = b"") -> tuple[str, str] | None:
        """The header field that meets a 401 or 407; None when none of its challenges can be met. `body`: what
        the request has, and will have when it is sent again."""
        proxy = response.status == 407
        challenges = response.headers.all("Proxy-Authenticate" if proxy else "WWW-Authenticate")
        value = answer_challenge(challenges, method, uri, self.username, self.password, body=body)
        return None if value is None else ("Proxy-Authorization" if proxy else "Authorization", value)

    def meets(self, response: Response, sent: tuple[str, ...]) -> bool:
        """Whether a challenge is worth an answer: the first of its kind, or one that says only that our
        nonce was too old (RFC 7616 §3.3). `sent`: names of the credentials that the request carried.
        """
        proxy = response.status == 407
        challenges = response.headers.all("Proxy-Authenticate" if proxy else "WWW-Authenticate")
        return ("Proxy-Authorization" if proxy else "Authorization") not in sent or stale(challenges)


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach a registered phone: over its flow, through the proxies it registered by (RFC 3327)."""

    hop: Hop
    routes: tuple[str, ...] = ()


class UserAgentClient:
    """Places calls over one endpoint's sockets."""

    def __init__(self, signalling: Signalling, media: MediaPorts, calls: Calls) -> None:
        self._signalling = signalling
        self._media = media
        self._calls = calls

    async def dial(
        self,
        uri: str,
        caller: str,
        credentials: Credentials | None,
        way: Way | None = None,
        patience_s: float | None = None,
    ) -> SipLeg:
        """Call `uri` and return the answered leg. `way`: how to get there, when not by the URI itself;
        `patience_s`: how long the far end may say nothing at all, when not for Timer B (32 s).

        Raises `CallRefused`, `CallAborted` when nobody answers, `Unroutable`, `SipSyntaxError`. Cancelling
        sends CANCEL, and hangs up when the answer crossed it.
        """
        hop = way.hop if way is not None else hop_of(SipUri.parse(uri))
        leg_id = LegId(f"leg-{secrets.token_hex(8)}")
        session = await self._media.session(leg_id)
        attempt = Attempt(self._signalling, self._calls, (leg_id, session), hop, credentials)
        try:
            attempt.start(uri, caller, () if way is None else way.routes)
            with anyio.move_on_after(patience_s):
                await attempt.spoken.wait()
            if not attempt.spoken.is_set():
                raise CallAborted("the far end says nothing")
            with anyio.move_on_after(RING_SECONDS):
                return await attempt.result()
            raise CallAborted("nobody answered")
        finally:
            if attempt.leg is None:
                attempt.abandon()
                session.end(EndCause.CANCELLED)
                with anyio.CancelScope(shield=True), anyio.move_on_after(5):
                    await session.close()

    async def options(self, uri: str, hop: Hop) -> int | None:
        """Ask whether somebody is there; the final status, None when nobody answers."""
        return (await self.ask("OPTIONS", uri, hop, [ACCEPT])).status

    async def ask(
        self, method: str, uri: str, hop: Hop, fields: list[tuple[str, str]], ident: "Ident | None" = None
    ) -> "Reply":
        """Send a request outside any dialog and wait for its final answer."""
        here = host_literal(self._signalling.address(hop.host))
        ident = ident or Ident(secrets.token_hex(16), 1, "")
        head = [
            ("Via", self._signalling.via(hop)),
            ("Max-Forwards", "70"),
            ("From", f"<{ident.address or f'sip:hotline@{here}'}>;tag={secrets.token_hex(8)}"),
            ("To", f"<{ident.address or uri}>"),
            ("Call-ID", ident.call_id),
            ("CSeq", f"{ident.cseq} {method}"),
            self._signalling.contact(hop, user=ident.user),
        ]
        done, found = anyio.Event(), Reply(None, None)

        def replied(response: Response | None) -> None:
            nonlocal found
            if response is None or response.status >= 200:
                found = Reply(None if response is None else response.status, response)
                done.set()

        self._signalling.request(make_request(method, uri, [*head, *fields]), hop, replied)
        await done.wait()
        return found


@dataclass(frozen=True, slots=True)
class Ident:
    """What requests that belong together share (RFC 3261 §10.2: REGISTERs have one Call-ID)."""

    call_id: str
    cseq: int
    address: str
    """Of From and To; "" for ours and the target's."""
    user: str = CONTACT_USER
    """Of our Contact."""


def retry_after(response: Response) -> int | None:
    """Seconds (RFC 3261 §20.33), at most an hour; None when not said."""
    said = (response.headers.get("Retry-After") or "").split(";")[0].split("(")[0].strip()
    return min(int(said), 3_600) if said.isascii() and said.isdigit() and len(said) < 10 else None


@dataclass(frozen=True, slots=True)
class Reply:
    """The final answer to a request outside dialogs; both None when there was none."""

    status: int | None
    response: Response | None


class Attempt:
    """One call being placed, until its final answer; lives on after `abandon` to undo a late answer."""

    def __init__(
        self,
        signalling: Signalling,
        calls: Calls,
        media: tuple[LegId, MediaSession],
        hop: Hop,
        credentials: Credentials | None,
    ) -> None:
        self._signalling = signalling
        self._calls = calls
        self._leg_id, self._session = media
        self._hop = hop
        self._credentials = credentials
        self._negotiation = signalling.negotiation(hop)
        self._invite: Request | None = None
        self._heard = False
        self._abandoned = False
        self._cancelled = False
        self._challenges = 0
        self._lengthened = False
        self._receivers: dict[str, ReliableReceiver] = {}
        self._early: dict[str, Dialog] = {}
        """To tag → early dialog; a forked call has several."""
        self._failure: HotlineError | None = None
        self.spoken = anyio.Event()
        """Any answer came, or none will."""
        self._settled = anyio.Event()
        self.leg: SipLeg | None = None
        """The answered leg."""

    def start(self, uri: str, caller: str, routes: tuple[str, ...] = ()) -> None:
        """Send the INVITE. `routes`: proxies on the way, first to last."""
        here = host_literal(self._signalling.address(self._hop.host))
        user = re.sub(r"[^A-Za-z0-9\-_.!~*'()+]", "", caller) or "anonymous"
        target = uri.partition("?")[0]
        fields = [
            ("Via", self._signalling.via(self._hop)),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in routes),
            ("From", f"<sip:{user}@{here}>;tag={secrets.token_hex(8)}"),
            ("To", f"<{target}>"),
            ("Call-ID", secrets.token_hex(16)),
            ("CSeq", "1 INVITE"),
            self._signalling.contact(self._hop, secure=target.lower().startswith("sips:")),
            ALLOW,
            SUPPORTED,
            *session_timer.request_fields(self._signalling.timer_policy),
            SDP,
        ]
        try:
            body = self._negotiation.offer(self._session.local[1])
        except NothingInCommon as error:
            raise CallAborted("sip.srtp demands protection, and the way there is not private") from error
        self._send(make_request("INVITE", target, fields, body))

    async def result(self) -> SipLeg:
        """Wait for the final answer. Raises `CallRefused` or `CallAborted`."""
        await self._settled.wait()
        if self.leg is None:
            raise self._failure or CallAborted("no answer")
        return self.leg

    def abandon(self) -> None:
        """Give the call up: CANCEL, at once or after the first provisional answer (§9.1)."""
        self._abandoned = True
        if self._heard and not self._cancelled and not self._settled.is_set() and self._invite is not None:
            self._cancelled = True
            self._signalling.request(cancel(self._invite), self._hop, lambda _: None)

    def _send(self, invite: Request) -> None:
        self._invite = invite
        self._heard = False
        self._signalling.request(invite, self._hop, lambda response: self._replied(invite, response))

    def _replied(self, invite: Request, response: Response | None) -> None:
        self.spoken.set()
        if response is None:
            self._fail(CallAborted("no answer from the far end"))
        elif response.status < 200:
            self._heard = True
            if self._abandoned:
                self.abandon()
            elif response.status > 100:
                self._progressed(invite, response)
        elif response.status < 300:
            self._answered(invite, response)
        elif response.status in {401, 407} and self._challenges < MOST_CHALLENGES and not self._abandoned:
            self._meet(invite, response)
        elif response.status == 422 and not self._abandoned and not self._lengthened:
            self._lengthen(invite, response)
        else:
            self._fail(CallRefused(response.status, response.reason, retry_after(response)))

    def _meet(self, invite: Request, response: Response) -> None:
        self._challenges += 1
        credentials, answer = self._credentials, None
        sent = tuple(name for name, _ in invite.headers.items)
        if credentials is not None and credentials.meets(response, sent):
            answer = credentials.answer(response, "INVITE", invite.uri, invite.body)
        if answer is None:
            self._fail(CallRefused(response.status, response.reason))
            return
        self._again(invite, invite.headers.with_(*answer))

    def _lengthen(self, invite: Request, response: Response) -> None:
        """The peer bears no session timer as short as ours (RFC 4028 §7.3)."""
        self._lengthened = True
        try:
            least = session_timer.min_se(response.headers)
        except SipSyntaxError:
            least = None
        if least is None:
            self._fail(CallRefused(response.status, response.reason))
            return
        headers = invite.headers.with_("Session-Expires", str(least)).with_("Min-SE", str(least))
        self._again(invite, headers)

    def _again(self, invite: Request, headers: Headers) -> None:
        """The same INVITE with other fields, as a new transaction."""
        headers = headers.with_("Via", self._signalling.via(self._hop))
        headers = headers.with_("CSeq", f"{invite.head.cseq + 1} INVITE")
        self._send(make_request("INVITE", invite.uri, headers.items, invite.body))

    def _progressed(self, invite: Request, response: Response) -> None:
        """A provisional answer: acknowledge it when it wants that, and hear what sound it announces."""
        tag = response.head.to_tag
        if tag is None or (tag not in self._receivers and len(self._receivers) >= MOST_FORKS):
            return
        rack = self._receivers.setdefault(tag, ReliableReceiver()).take(response)
        if rack is not None:
            try:
                early = self._early.get(tag) or Dialog.as_uac(invite, response)
            except SipSyntaxError:
                return
            self._early[tag] = early
            hop = self._signalling.route(early, self._hop)
            prack = early.request("PRACK", self._signalling.via(hop), [("RAck", rack)])
            self._signalling.request(prack, hop, lambda _: None)
        if response.body and self.leg is None:
            try:
                self._session.configure(self._negotiation.accept(response.body))
            except (SdpSyntaxError, NothingInCommon):
                return  # the final answer will tell

    def _answered(self, invite: Request, response: Response) -> None:
        try:
            dialog = Dialog.as_uac(invite, response)
        except SipSyntaxError:
            self._fail(CallAborted("the answer names no contact"))
            return
        if self.leg is not None and self.leg.dialog.ident == dialog.ident:
            self.leg.acknowledge_again()
            return
        if (early := self._early.get(response.head.to_tag or "")) is not None:
            dialog.cseq = early.cseq  # requests of the early dialog have counted on
        hop = self._signalling.route(dialog, self._hop)
        ack = dialog.request("ACK", self._signalling.via(hop), cseq=invite.head.cseq)
        self._signalling.send(ack, hop)
        if self.leg is not None or self._abandoned or self._settled.is_set():
            self._hang_up(dialog, hop)  # a second answer of a forked call, or one that crossed our CANCEL
            return
        try:
            plan = self._settle(response.body)
        except (SdpSyntaxError, NothingInCommon):
            self._hang_up(dialog, hop)
            self._fail(CallAborted("the answer fits no codec"))
            return
        self._session.configure(plan)
        media = (self._session, self._negotiation)
        leg = SipLeg(self._leg_id, self._signalling, dialog, self._hop, media, self._calls.drop)
        self._calls.adopt(leg)
        answer = self._credentials.answer if self._credentials else None
        leg.peer_allows = frozenset(response.headers.tokens("Allow"))
        leg.established(ack, hop, answer, session_timer.settled(response))
        self.leg = leg
        self._settled.set()

    def _settle(self, answer: bytes) -> MediaPlan:
        """The plan of the final answer; of an early one when that was reliable and this says nothing."""
        plan = self._negotiation.plan
        return plan if not answer and plan is not None else self._negotiation.accept(answer)

    def _hang_up(self, dialog: Dialog, hop: Hop) -> None:
        bye = dialog.request("BYE", self._signalling.via(hop))
        self._signalling.request(bye, hop, lambda _: None)

    def _fail(self, failure: HotlineError) -> None:
        if not self._settled.is_set():
            self._failure = failure
            self._settled.set()
