"""The user agent server: judges each request and hands it to whom it concerns (RFC 3261 §8.2)."""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hotline.gateway.sip import session_timer
from hotline.gateway.sip.auth import Authenticator, Verdict
from hotline.gateway.sip.credentials import check_all
from hotline.gateway.sip.dialog import Dialog, DialogId
from hotline.gateway.sip.exchange import media_warning, offer_of
from hotline.gateway.sip.grammar import SipUri
from hotline.gateway.sip.guard import Deed
from hotline.gateway.sip.incoming import IncomingInvite, MediaPorts
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway.sip.message import Request, SipSyntaxError
from hotline.gateway.sip.negotiation import NothingInCommon
from hotline.gateway.sip.options import ACCEPT, ALLOW, KNOWN_METHODS, SUPPORTED, unsupported
from hotline.gateway.sip.refer import ReplacesHeader
from hotline.gateway.sip.registrar import Registrar
from hotline.gateway.sip.sdp import SdpSyntaxError, is_web_offer
from hotline.gateway.sip.session_timer import TooSmall
from hotline.gateway.sip.signalling import Signalling
from hotline.gateway.sip.transaction import Hop, Key

MAX_DIALOGS = 5_000
"""Ringing and answered calls the endpoint holds at once."""
_RETRY_SECONDS = 5
CAPABILITIES = (ALLOW, ACCEPT, SUPPORTED, ("Accept-Encoding", "identity"))
"""What an answer to OPTIONS says (RFC 3261 §11.2)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call cannot be taken now, as SIP says it."""

    status: int
    reason: str
    retry_after: int | None = None
    """Seconds, or None."""
    fields: tuple[tuple[str, str], ...] = ()
    """Further header fields the status calls for."""


Admission = Callable[[], Refusal | None]
_SHUT = Refusal(503, "Service Unavailable", _RETRY_SECONDS)


def _dialog_of(request: Request) -> DialogId:
    head = request.head
    return (head.call_id, head.to_tag or "", head.from_tag or "")


class CallTable:
    """All calls of the endpoint, ringing and answered."""

    def __init__(self) -> None:
        self.legs: dict[DialogId, SipLeg] = {}
        self.ringing: dict[Key, IncomingInvite] = {}
        self._ringing_dialogs: dict[DialogId, IncomingInvite] = {}
        self.when_empty: Callable[[], None] | None = None
        self.of: Counter[str] = Counter()
        """Host → calls with it, ringing and answered."""

    def __len__(self) -> int:
        return len(self.legs) + len(self.ringing)

    def rings(self, call: IncomingInvite) -> None:
        """A call begins to ring."""
        self.ringing[call.key] = call
        self._ringing_dialogs[call.dialog.ident] = call
        self.of[call.source] += 1

    def rings_in(self, ident: DialogId) -> IncomingInvite | None:
        """The ringing call of an early dialog."""
        return self._ringing_dialogs.get(ident)

    def knows(self, request: Request) -> bool:
        """Whether it belongs to a call, ringing or answered."""
        ident = _dialog_of(request)
        return ident in self.legs or ident in self._ringing_dialogs

    def over(self, call: IncomingInvite) -> None:
        """The call rings no more."""
        if self.ringing.pop(call.key, None) is not None:
            self._one_less(call.source)
        self._ringing_dialogs.pop(call.dialog.ident, None)
        self._check_empty()

    def adopt(self, leg: SipLeg) -> None:
        """A leg lives; requests of its dialog go to it."""
        self.legs[leg.dialog.ident] = leg
        leg.source = leg.flow.host
        self.of[leg.source] += 1
        leg.signalling.guard.note(leg.source, Deed.CALL_BEGUN, leg.signalling.now())

    def drop(self, leg: SipLeg) -> None:
        """No request of that leg's dialog can come any more."""
        if self.legs.pop(leg.dialog.ident, None) is not None:
            leg.signalling.guard.note(leg.source, Deed.CALL_ENDED, leg.signalling.now())
            self._one_less(leg.source)
        self._check_empty()

    def _one_less(self, host: str) -> None:
        self.of[host] -= 1
        if self.of[host] <= 0:
            del self.of[host]

    def _check_empty(self) -> None:
        if self.when_empty is not None and not self:
            self.when_empty()

    def __bool__(self) -> bool:
        return len(self) > 0


class UserAgentServer:
    """Answers requests; calls that may ring are handed to `offer_call`."""

    def __init__(
        self,
        numbers: tuple[str, ...],
        media: MediaPorts,
        calls: CallTable,
        authenticator: Authenticator | None,
        admission: Admission,
        offer_call: Callable[[IncomingInvite], bool],
        registrar: Registrar | None = None,
    ) -> None:
        """`offer_call` returns False when the application is too far behind to take one more."""
        self._numbers = frozenset(numbers)
        self._media = media
        self._calls = calls
        self._authenticator = authenticator
        self._admission = admission
        self._offer_call = offer_call
        self._registrar = registrar
        self._signalling: Signalling | None = None
        self.draining = False
        """When set, no new call is taken."""

    def attach(self, signalling: Signalling) -> None:
        """Where to answer; before the first request."""
        self._signalling = signalling

    def receive(self, request: Request, hop: Hop, key: Key | None) -> None:
        """One request, no retransmission; `key` is None for ACK."""
        try:
            self._dispatch(request, hop, key)
        except SipSyntaxError:  # in a field that only this kind of request is asked for
            if key is not None:
                self._reply(request, key, 400, "Bad Request")

    def _dispatch(self, request: Request, hop: Hop, key: Key | None) -> None:
        head = request.head
        if head.to_tag is not None and request.method != "CANCEL":
            self._inside(request, hop, key)
        elif key is None:
            return  # an ACK without dialog acknowledges nothing
        elif request.method == "CANCEL":
            self._cancel(request, key)
        elif request.method == "REGISTER" and self._registrar is not None:
            self._register(request, hop, key, self._registrar)
        else:
            refusal = self._suspect(request, hop) or self._judge(request, hop)
            if refusal is not None:
                self._refuse(request, key, refusal)
            elif request.method == "OPTIONS":
                self._reply(request, key, 200, "OK", *CAPABILITIES)
            else:
                self._invite(request, hop, key)

    # -- inside dialogs -----------------------------------------------------------------------------------

    def _inside(self, request: Request, hop: Hop, key: Key | None) -> None:
        ident = _dialog_of(request)
        leg = self._calls.legs.get(ident)
        if leg is not None:
            leg.receive(request, hop, key)
            return
        if key is None:
            return
        ringing = self._calls.rings_in(ident)
        if ringing is not None:
            ringing.receive(request, key)
            return
        self._reply(request, key, 481, "Call/Transaction Does Not Exist")

    def _cancel(self, request: Request, key: Key) -> None:
        signalling = self._there
        invite = signalling.invite_of(request)
        if invite is None:
            self._reply(request, key, 481, "Call/Transaction Does Not Exist")
            return
        ringing = self._calls.ringing.get(invite)
        tag = ringing.dialog.ident[1] if ringing is not None else None
        signalling.respond(key, request, 200, "OK", tag=tag)
        if ringing is not None:
            ringing.refuse(487, "Request Terminated")

    # -- outside dialogs ----------------------------------------------------------------------------------

    def _suspect(self, request: Request, hop: Hop) -> Refusal | None:
        """Who calls itself a scanner gets what nobody at all would get."""
        guard = self._there.guard
        if guard.scanner(request.headers.get("User-Agent") or ""):
            guard.note(hop.host, Deed.SCANNER, self._there.now(), proved=hop.reliable)
            return Refusal(404, "Not Found")
        return None

    def _judge(self, request: Request, hop: Hop) -> Refusal | None:
        """Method, address, who asks, number, extensions: in the order of RFC 3261 §8.2."""
        method = request.method
        if method not in {"INVITE", "OPTIONS"}:
            return _misplaced(method)
        uri = SipUri.parse(request.uri)
        if uri.scheme not in {"sip", "sips", "tel"}:
            return Refusal(416, "Unsupported URI Scheme")
        if uri.scheme == "sips" and not hop.secure:
            return Refusal(403, "Forbidden")  # RFC 3261 §26.2.2: it came over a way that others can read
        if uri.headers:
            return Refusal(400, "Bad Request")  # §19.1.1: no headers in a Request-URI
        if (refusal := self._authorise(request, hop)) is not None:
            return refusal
        if uri.user not in self._numbers and (method == "INVITE" or uri.user):
            self._there.guard.note(hop.host, Deed.UNKNOWN_NUMBER, self._there.now(), proved=hop.reliable)
            return self._not_here(request)
        if unknown := unsupported(request):
            return Refusal(420, "Bad Extension", fields=(("Unsupported", ", ".join(unknown)),))
        return None

    def _register(self, request: Request, hop: Hop, key: Key, registrar: Registrar) -> None:
        if unknown := unsupported(request):
            self._reply(request, key, 420, "Bad Extension", ("Unsupported", ", ".join(unknown)))
            return
        status, reason, fields = registrar.receive(request, hop, self._there.now(), self._there.guard)
        self._reply(request, key, status, reason, *fields)

    def _not_here(self, request: Request) -> Refusal:
        # Only who would have to pass a request on minds its hops (RFC 4475 §3.3.11).
        if int(request.headers.get("Max-Forwards") or 70) == 0:
            return Refusal(483, "Too Many Hops")
        return Refusal(404, "Not Found")

    def _authorise(self, request: Request, hop: Hop) -> Refusal | None:
        if self._authenticator is None or request.method != "INVITE":
            return None
        now = self._there.now()
        verdicts = check_all(self._authenticator, request, hop, self._there.guard, now)
        if Verdict.GOOD in verdicts:
            return None
        challenges = self._authenticator.challenges(now, hop.host, stale=Verdict.STALE in verdicts)
        fields = tuple(("WWW-Authenticate", value) for value in challenges)
        return Refusal(401, "Unauthorized", fields=fields)

    def _invite(self, request: Request, hop: Hop, key: Key) -> None:
        refusal = self._unfit(request) or self._no_room(hop)
        if refusal is not None:
            self._refuse(request, key, refusal)
            return
        try:
            agreed = session_timer.judge(request, self._there.timer_policy)
            replaced = self._replaced(request)
            offer = offer_of(request)
            dialog = Dialog.as_uas(request, secrets.token_hex(8))
            if not is_web_offer(offer):
                self._there.negotiation(hop).check(offer)
        except SipSyntaxError as error:
            if error.status == 415:
                self._reply(request, key, 415, "Unsupported Media Type", ACCEPT)
            else:
                self._reply(request, key, 400, "Bad Request")
        except SdpSyntaxError:
            self._reply(request, key, 400, "Bad Session Description")
        except NothingInCommon:
            self._reply(request, key, 488, "Not Acceptable Here", media_warning())
        else:
            if isinstance(agreed, TooSmall):
                least = ("Min-SE", str(agreed.least))
                self._reply(request, key, 422, "Session Interval Too Small", least)
                return
            if isinstance(replaced, Refusal):
                self._refuse(request, key, replaced)
                return
            call = IncomingInvite(self._there, self._media, (request, hop, key), dialog, offer, self._calls)
            call.agreed, call.replaced = agreed, replaced
            self._ring(call)

    def _replaced(self, request: Request) -> "SipLeg | Refusal | None":
        """The leg whose place the call is to take (RFC 3891 §3), or why it cannot.

        A call that still rings may only be replaced by who placed it, which for calls to us is never the
        one who asks. Raises `SipSyntaxError`.
        """
        values = request.headers.all("Replaces")
        if not values:
            return None
        if len(values) > 1:
            raise SipSyntaxError("more than one Replaces")
        wanted = ReplacesHeader.parse(values[0])
        ident = (wanted.call_id, wanted.to_tag, wanted.from_tag)
        leg = self._calls.legs.get(ident)
        if leg is None:
            return Refusal(481, "Call/Transaction Does Not Exist")
        if leg.over:
            return Refusal(603, "Decline")
        return Refusal(486, "Busy Here") if wanted.early_only else leg

    def _ring(self, call: IncomingInvite) -> None:
        self._calls.rings(call)
        call.ring()
        if not self._offer_call(call):
            call.refuse(503, "Service Unavailable", _RETRY_SECONDS)

    def _unfit(self, request: Request) -> Refusal | None:
        accepted = {item.partition(";")[0].strip().lower() for item in request.headers.tokens("Accept")}
        if accepted and not accepted & {"application/sdp", "application/*", "*/*"}:
            return Refusal(406, "Not Acceptable")
        encoding = (request.headers.get("Content-Encoding") or "identity").lower()
        if encoding != "identity":
            return Refusal(415, "Unsupported Media Type", fields=(("Accept-Encoding", "identity"),))
        return None

    def _no_room(self, hop: Hop) -> Refusal | None:
        most = self._there.guard.most_calls(hop.host)
        crowded = most is not None and self._calls.of[hop.host] >= most
        if self.draining or crowded or len(self._calls) >= MAX_DIALOGS:
            return _SHUT
        return self._admission()

    # -- answers ------------------------------------------------------------------------------------------

    def _refuse(self, request: Request, key: Key, refusal: Refusal) -> None:
        fields = refusal.fields
        if refusal.retry_after is not None:
            fields += (("Retry-After", str(refusal.retry_after)),)
        self._reply(request, key, refusal.status, refusal.reason, *fields)

    def _reply(self, request: Request, key: Key, status: int, reason: str, *fields: tuple[str, str]) -> None:
        self._there.respond(key, request, status, reason, fields)

    @property
    def _there(self) -> Signalling:
        if self._signalling is None:
            raise RuntimeError("attach() comes first")
        return self._signalling


def _misplaced(method: str) -> Refusal:
    """Why a request that is no INVITE and no OPTIONS is nothing for us outside a dialog."""
    if method in {"BYE", "PRACK", "UPDATE", "NOTIFY", "INFO"}:
        return Refusal(481, "Call/Transaction Does Not Exist")
    if method == "REFER":
        return Refusal(603, "Decline")  # nobody outside a call sends us anywhere
    if method == "SUBSCRIBE":
        return Refusal(489, "Bad Event", fields=(("Allow-Events", "refer"),))
    if method in KNOWN_METHODS:
        return Refusal(405, "Method Not Allowed", fields=(ALLOW,))
    return Refusal(501, "Not Implemented")
