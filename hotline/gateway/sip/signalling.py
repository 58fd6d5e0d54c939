"""The shell around the pure SIP core: sockets, one clock and one timer, and who waits for which answer."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address, ip_network

from anyio.abc import TaskGroup

from hotline.gateway.sip.dialog import Dialog
from hotline.gateway.sip.grammar import COOKIE, SipSyntaxError, host_literal
from hotline.gateway.sip.guard import Deed, Guard, Unguarded
from hotline.gateway.sip.guard import Verdict as Guarded
from hotline.gateway.sip.message import BadMessage, Request, Response, make_response, parse
from hotline.gateway.sip.negotiation import MediaPolicy, Negotiation
from hotline.gateway.sip.session_timer import TimerPolicy
from hotline.gateway.sip.timers import Timers
from hotline.gateway.sip.transaction import (
    Arrived,
    Effect,
    Failed,
    Hop,
    Key,
    Replied,
    Send,
    TransactionLayer,
    Transport,
)
from hotline.gateway.sip.transport import Sockets, Unroutable, hop_of
from hotline.gateway_settings import SipSettings

log = logging.getLogger(__name__)

CONTACT_USER = "hotline"
"""User part of our Contact inside calls."""
_REMEMBERED = 1_024
"""Addresses whose place in `sip.allow` is remembered."""
OnReply = Callable[[Response | None], None]
"""Gets every response of a request; None when none will come any more."""
OnRequest = Callable[[Request, Hop, Key | None], None]


@dataclass(frozen=True, slots=True)
class SipStats:
    """What the endpoint saw since it was opened."""

    received: int
    malformed: int
    ignored_acl: int
    """Messages from addresses outside `sip.allow`; they get no answer."""
    absorbed: int
    """Retransmitted requests that went no further."""
    stray: int
    """Responses to nothing we asked."""
    merged: int
    overloaded: int
    """Requests refused because the transaction table was full."""
    faults: int
    """Messages whose handling failed by a mistake of ours."""
    tcp: int
    tls: int
    ws: int
    """Streams open now, by transport; `ws` counts secure ones too."""
    streams_refused: int
    """For want of room, or too many from one address."""
    streams_cut: int
    """Closed for being too slow, or for what they sent."""
    ws_refused: int
    """WebSockets turned away for their address, page or subprotocol."""
    handshakes: int
    """TLS and WebSocket handshakes going on now."""
    handshakes_refused: int
    """Connections closed for want of a place for their handshake."""
    tls_failures: int
    ws_failures: int
    """Handshakes of TLS and of WebSocket that came to nothing."""
    stun: int
    """Keep-alives answered."""
    transactions: int
    """Transactions alive now."""
    dialogs: int
    """Dialogs alive now."""


class Signalling:
    """Sends and receives for dialogs; everything runs on the event loop's thread."""

    def __init__(
        self,
        sip: SipSettings,
        on_request: OnRequest,
        timers: Timers,
        tasks: TaskGroup,
        guard: Guard | None = None,
        in_call: Callable[[Request], bool] = lambda _request: True,
    ) -> None:
        """`tasks` runs what must await: opening streams, closing media. `in_call` tells whether a request
        with a To tag belongs to a dialog there is.

        Raises `ConfigError` when the certificate cannot be used.
        """
        self._sip = sip
        self._on_request = on_request
        self.timers = timers
        self._in_call = in_call
        self.guard: Guard = guard or Unguarded()
        self._networks = tuple(ip_network(item) for item in sip.allow)
        self._verdicts: dict[str, bool] = {}
        self._layer = TransactionLayer(timers)
        self.tasks = tasks
        self._sockets = Sockets(sip, self._receive, self._welcome, tasks)
        self._waiting: dict[Key, OnReply] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._received = self._malformed = self._ignored = self._faults = 0

    async def open(self) -> None:
        """Bind the sockets. Raises `OSError`."""
        await self._sockets.open()

    def close(self) -> None:
        """Close the sockets and forget all timers."""
        if self._timer is not None:
            self._timer.cancel()
        self._sockets.close()

    async def aclose(self) -> None:
        """`close`, and wait for the WebSocket listeners."""
        self.close()
        await self._sockets.aclose()

    @property
    def ports(self) -> Mapping[Transport, int]:
        """The bound ports by transport."""
        return self._sockets.ports

    def now(self) -> float:
        """Monotonic seconds: the loop's clock."""
        return asyncio.get_running_loop().time()

    def later(self, time: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call at a time of `now`'s clock."""
        return asyncio.get_running_loop().call_at(time, call)

    def stats(self, dialogs: int) -> SipStats:
        """A snapshot."""
        seen, counts = self._layer.counters, self._sockets.counts
        standing = self._sockets.threshold
        return SipStats(
            self._received, self._malformed, self._ignored, seen.absorbed, seen.stray, seen.merged,
            seen.overloaded, self._faults, counts.open["TCP"], counts.open["TLS"],
            counts.open["WS"] + counts.open["WSS"], counts.refused, counts.cut, self._sockets.ws_refused,
            len(standing), standing.refused, standing.failures["tls"], standing.failures["ws"],
            counts.stun, len(self._layer), dialogs,
        )  # fmt: skip

    # -- what we are called -------------------------------------------------------------------------------

    def address(self, peer: str) -> str:
        """Our address as that peer should write it."""
        if self._sip.advertise:
            return self._sip.advertise
        host = self._sockets.host
        return _towards(peer) if ip_address(host).is_unspecified else host

    def via(self, hop: Hop) -> str:
        """A fresh Via value for a request to that hop."""
        host = host_literal(self.address(hop.host))
        branch = f"{COOKIE}{secrets.token_hex(10)}"
        return f"SIP/2.0/{hop.transport} {host}:{self._port(hop)};rport;branch={branch}"

    def contact(self, hop: Hop, *, secure: bool = False, user: str = CONTACT_USER) -> tuple[str, str]:
        """Our Contact field towards that hop; `secure` when the dialog was begun with a sips: URI; `user`:
        its user part, which matters where calls are sent to it."""
        host = host_literal(self.address(hop.host))
        kind = "ws" if hop.transport == "WSS" else hop.transport.lower()  # RFC 7118 §5.2
        transport = "" if hop.transport == "UDP" else f";transport={kind}"
        scheme = "sips" if secure and hop.secure else "sip"
        return "Contact", f"<{scheme}:{user}@{host}:{self._port(hop)}{transport}>"

    def _port(self, hop: Hop) -> int:
        """Ours for that transport; where we only connect and do not listen, that of UDP and TCP."""
        return self.ports.get(hop.transport) or self.ports["UDP"]

    @property
    def timer_policy(self) -> TimerPolicy:
        """What we want of session timers."""
        return TimerPolicy(self._sip.session_expires_s, self._sip.min_se_s)

    def negotiation(self, hop: Hop) -> Negotiation:
        """The offers and answers of a dialog with that hop."""
        return Negotiation(self.address(hop.host), secrets.randbits(31), self._policy(hop), hop.host)

    def _policy(self, hop: Hop) -> MediaPolicy:
        sip = self._sip
        return MediaPolicy(sip.codecs, sip.srtp, hop.secure or sip.srtp_over_clear)

    # -- sending ------------------------------------------------------------------------------------------

    def respond(
        self,
        key: Key,
        request: Request,
        status: int,
        reason: str,
        fields: Iterable[tuple[str, str]] = (),
        *,
        tag: str | None = None,
    ) -> None:
        """Answer a request without a body; a To tag is made up when none is given."""
        tag = None if status == 100 else tag or secrets.token_hex(8)
        self.respond_with(key, make_response(request, status, reason, fields, to_tag=tag))

    def respond_with(self, key: Key, response: Response) -> None:
        """Answer with a response that is ready."""
        self._run(self._layer.respond(key, response, self.now()))

    def request(self, request: Request, hop: Hop, on_reply: OnReply) -> Key:
        """Send a request in a transaction of its own."""
        key, effects = self._layer.request(request, hop, self.now())
        self._waiting[key] = on_reply
        self._run(effects)
        return key

    def send(self, message: Request | Response, hop: Hop) -> None:
        """Send outside any transaction: the ACK of a 2xx, a 2xx again."""
        self._put(message, hop, lambda: None)

    def connected(self, hop: Hop) -> bool:
        """Whether the stream a hop names is open; always for datagrams."""
        return not hop.reliable or self._sockets.connected(hop.connection)

    def route(self, dialog: Dialog, flow: Hop) -> Hop:
        """Where a dialog's next request goes: its route set or Contact; when that cannot be reached (a
        name, an odd transport), where the dialog came from. A TCP dialog keeps to its open stream."""
        try:
            uri = dialog.next_hop
            hop = hop_of(uri)
        except (Unroutable, SipSyntaxError):
            return flow
        if dialog.secure and not hop.secure:
            return replace(flow, transport="TLS", connection=None) if not flow.secure else flow
        if flow.reliable and self._sockets.connected(flow.connection) and (flow.secure or not dialog.secure):
            return flow
        if self._sip.symmetric and not dialog.routes and _behind_nat(hop, flow):
            return flow
        return hop

    # -- for the UAS core ---------------------------------------------------------------------------------

    def invite_of(self, cancel: Request) -> Key | None:
        """The INVITE transaction a CANCEL means."""
        return self._layer.invite_of(cancel)

    def pending(self, key: Key) -> bool:
        """Whether that INVITE waits for its final answer."""
        return self._layer.pending(key)

    # -- receiving ----------------------------------------------------------------------------------------

    def _heard(self, host: str) -> bool:
        known = self._verdicts.get(host)
        if known is None:
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            known = self._verdicts[host] = self._allowed(host)
        return known

    def _welcome(self, host: str) -> bool:
        """Whether it may open a stream, or have its keep-alive answered."""
        return self._heard(host) and not self.guard.shuts_out(host, self.now())

    def _allowed(self, host: str) -> bool:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def _receive(self, data: bytes, hop: Hop) -> None:
        if not data.strip(b"\r\n\x00"):
            return  # keep-alive
        if not self._heard(hop.host):
            self._ignored += 1
            return
        now = self.now()
        verdict = self.guard.admits(hop.host, now)
        if verdict is Guarded.DROP:
            return
        self._received += 1
        try:
            message = parse(data, stream=hop.reliable)
        except BadMessage as error:
            self._malformed += 1
            self.guard.note(hop.host, Deed.MALFORMED, now, proved=hop.reliable)
            self._refuse(error, hop)
            return
        if isinstance(message, Request):
            message = message.stamped(hop.host, hop.port)
            if verdict is not Guarded.PASS and not self._of_a_call(message, verdict):
                self._turn_away(message, hop, verdict)
                return
        self._run(self._layer.receive(message, hop, now))

    def _of_a_call(self, request: Request, verdict: Guarded) -> bool:
        """Whether it is heard all the same. Who is banned must name a call of ours, not just look as if."""
        if request.method == "CANCEL":
            return self.invite_of(request) is not None
        tagged = request.head.to_tag is not None
        return tagged and (verdict is Guarded.BUSY or self._in_call(request))

    def _turn_away(self, request: Request, hop: Hop, verdict: Guarded) -> None:
        """A request of somebody who is too fast, or banned and in a call: it is not looked at."""
        if verdict is Guarded.BUSY and request.method != "ACK":
            fields = [("Retry-After", "5")]
            self.send(make_response(request, 503, "Service Unavailable", fields, to_tag="busy"), hop)

    def _refuse(self, error: BadMessage, hop: Hop) -> None:
        if error.request is None:
            return
        reason = {413: "Request Entity Too Large", 505: "Version Not Supported", 513: "Message Too Large"}
        response = make_response(
            error.request, error.status, reason.get(error.status, "Bad Request"), to_tag=secrets.token_hex(8)
        )
        self.send(response, hop)

    def _run(self, effects: list[Effect]) -> None:
        for effect in effects:
            try:
                self._carry_out(effect)
            except Exception:
                # A supervision point: no message, however odd, may take down what all calls share.
                self._faults += 1
                log.exception("handling a message failed")
                if isinstance(effect, Arrived) and effect.key is not None:
                    self.respond(effect.key, effect.request, 500, "Server Internal Error")
        self._arm()

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            self._put(effect.message, effect.hop, partial(self._broken, effect.key))
        elif isinstance(effect, Arrived):
            self._on_request(effect.request, effect.hop, effect.key)
        elif isinstance(effect, Replied):
            waiting = self._waiting.get(effect.key)
            if waiting is not None:
                waiting(effect.response)
        else:
            waiting = self._waiting.pop(effect.key, None)
            if waiting is not None and isinstance(effect, Failed):
                waiting(None)

    def _put(self, message: Request | Response, hop: Hop, lost: Callable[[], None]) -> None:
        if isinstance(message, Response) and hop.reliable and not self._sockets.connected(hop.connection):
            # RFC 3261 §18.2.2: the stream is gone, so the answer goes to the Via's port.
            port = message.head.via.port or (5061 if hop.transport == "TLS" else 5060)
            hop = Hop(hop.transport, hop.host, port)
        self._sockets.send(message.encode(), hop, lost)

    def _broken(self, key: Key) -> None:
        self._run(self._layer.broken(key))

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._layer.deadline
        if deadline is not None:
            self._timer = self.later(deadline, self._due)

    def _due(self) -> None:
        self._timer = None
        self._run(self._layer.due(self.now()))


def _behind_nat(named: Hop, seen: Hop) -> bool:
    """Whether the peer names an address that only means something on its side of a NAT."""
    if named.host == seen.host:
        return False
    named_host, seen_host = ip_address(named.host), ip_address(seen.host)
    return named_host.is_private and not named_host.is_loopback and seen_host != named_host


def _towards(peer: str) -> str:
    """The local address packets to a peer leave from; connecting a datagram socket sends nothing."""
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((peer, 9))
        return str(probe.getsockname()[0])
