"""Where SIP messages go and come from: one UDP socket, the listeners for streams, and the table of flows."""

import asyncio
import errno
import itertools
import logging
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import ip_address

import anyio
from anyio.abc import TaskGroup

from hotline.errors import ConfigError, HotlineError
from hotline.gateway.sip import stun
from hotline.gateway.sip.grammar import SipUri
from hotline.gateway.sip.streams import Flow, Lost, Opening, Stream
from hotline.gateway.sip.threshold import Place, Step, Threshold, TlsDoor
from hotline.gateway.sip.tls import HANDSHAKE_SECONDS, RENEW_SECONDS, TlsContexts
from hotline.gateway.sip.transaction import Hop, Transport
from hotline.gateway.sip.websocket import Judge, open_websocket
from hotline.gateway_settings import SipSettings

log = logging.getLogger(__name__)

Receive = Callable[[bytes, Hop], None]

MAX_CONNECTIONS = 1_000
"""Streams at once, ours and theirs; more are closed at once."""
CONNECT_SECONDS = 5.0
RECEIVE_BUFFER = 4 << 20
"""Bytes the system keeps of datagrams we have not read: some thousand messages."""
_DEFAULT_PORTS: dict[Transport, int] = {"UDP": 5060, "TCP": 5060, "TLS": 5061}


class Unroutable(HotlineError):
    """An address that cannot be reached from here."""

    code = "hotline.unroutable"


@dataclass(slots=True)
class FlowCounts:
    """What happened to streams since opening."""

    open: Counter[str] = field(default_factory=Counter)
    """Transport → streams open now."""
    refused: int = 0
    """For want of room, or too many from one address."""
    cut: int = 0
    """Closed for being too slow, or for what they sent."""
    stun: int = 0
    """Binding requests answered."""


def hop_of(uri: SipUri, connection: int | None = None) -> Hop:
    """Where a request for this URI goes. Raises `Unroutable` for names: there is no DNS in here.

    A sips: URI is only ever reached over TLS (RFC 3261 §26.2.2); a WebSocket only over one that is open.
    """
    if uri.scheme not in {"sip", "sips"}:
        raise Unroutable(f"only sip: and sips: addresses can be reached, not {uri.scheme}:")
    host = "127.0.0.1" if uri.host == "localhost" else uri.host
    try:
        ip_address(host)
    except ValueError:
        raise Unroutable("the host must be an IP address or localhost: names are not looked up") from None
    named = uri.transport
    if uri.scheme == "sips":
        named = {"udp": "tls", "tcp": "tls"}.get(named, named)
    kinds: dict[str, Transport] = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}
    kind = kinds.get(named)
    if kind is None:
        raise Unroutable("the transport must be udp, tcp or tls")
    port = uri.port or _DEFAULT_PORTS[kind]
    return Hop(kind, host, port, connection if kind != "UDP" else None)


class Sockets:
    """All sockets of one endpoint."""

    def __init__(
        self, sip: SipSettings, receive: Receive, heard: Callable[[str], bool], tasks: TaskGroup
    ) -> None:
        """`receive` gets each message's bytes; `heard` says whether an address may connect at all.

        Raises `ConfigError` when the certificate cannot be used.
        """
        self._sip = sip
        self._receive = receive
        self._heard = heard
        self._tasks = tasks
        self._tls = TlsContexts(sip.tls)
        self._udp: asyncio.DatagramTransport | None = None
        self._listeners: list[asyncio.Server] = []
        self._flows: dict[int, Flow] = {}
        self._sources: Counter[str] = Counter()
        self._opening: dict[tuple[Transport, str, int], Opening] = {}
        self._numbers = itertools.count(1)
        self._websockets = AsyncExitStack()
        self._judge = Judge(heard, sip.ws.origins, self.enters)
        self.counts = FlowCounts()
        self.threshold = Threshold(sip.handshakes, sip.handshakes_per_source, asyncio.get_running_loop().time)
        self.host = ""
        self.ports: dict[Transport, int] = {}
        """Bound ports."""

    # -- life ---------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Bind. With port 0, the system chooses one that is free for both UDP and TCP. Raises `OSError`."""
        await self._open_pair(self._sip.host, self._sip.port)
        host, tls, ws = self._sip.host, self._sip.tls, self._sip.ws
        if tls.port is not None:
            server = await asyncio.get_running_loop().create_server(self._tls_door, host, tls.port)
            self._listeners.append(server)
            self.ports["TLS"] = server.sockets[0].getsockname()[1]
        if ws.port is not None:
            opening = open_websocket(self, (host, ws.port), None, self._judge)
            self.ports["WS"] = await self._websockets.enter_async_context(opening)
        if ws.secure_port is not None:
            opening = open_websocket(self, (host, ws.secure_port), self._tls.server, self._judge)
            self.ports["WSS"] = await self._websockets.enter_async_context(opening)
        if self._tls.server is not None:
            self._tasks.start_soon(self._renew)

    def _tls_door(self) -> TlsDoor:
        assured = self._tls.server
        if assured is None:  # the settings do not let it come to this
            raise ConfigError(["sip.tls.certificate: needed for sip.tls.port"])
        return TlsDoor(self.enters, assured, lambda: Stream(self, "TLS"))

    async def _open_pair(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, port))
            bound = udp.get_extra_info("sockname")
            try:
                server = await loop.create_server(lambda: Stream(self, "TCP"), host, bound[1])
            except OSError as error:
                udp.close()
                if port or error.errno != errno.EADDRINUSE or attempt == 19:
                    raise
                continue
            udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self._udp = udp
            self._listeners.append(server)
            self.host = bound[0]
            self.ports["UDP"] = self.ports["TCP"] = bound[1]
            return

    async def _renew(self) -> None:
        while True:
            await anyio.sleep(RENEW_SECONDS)
            await anyio.to_thread.run_sync(self._tls.renew)

    def renew_now(self) -> bool:
        """Look at the certificate's file at once; True when a new one is in force."""
        return self._tls.renew()

    def close(self) -> None:
        """Close everything but the WebSocket listeners; harmless when closed."""
        if self._udp is not None:
            self._udp.close()
        for listener in self._listeners:
            listener.close()
        self.threshold.clear()
        for flow in list(self._flows.values()):
            flow.close()

    async def aclose(self) -> None:
        """Close everything, WebSocket listeners too."""
        self.close()
        await self._websockets.aclose()

    @property
    def ws_refused(self) -> int:
        """WebSockets turned away for their address, page or subprotocol."""
        return self._judge.refused

    # -- sending ------------------------------------------------------------------------------------------

    def send(self, data: bytes, hop: Hop, lost: Lost) -> None:
        """Send now, or once a stream is open. `lost` is called when it cannot be; it may be at once."""
        if hop.transport == "UDP":
            self._send_datagram(data, hop, lost)
        elif (flow := self._flow(hop)) is not None:
            flow.write(data)
        elif hop.transport in {"WS", "WSS"}:
            lost()  # a browser cannot be connected to
        else:
            self._open_stream(hop).add(data, lost)

    def _send_datagram(self, data: bytes, hop: Hop, lost: Lost) -> None:
        if self._udp is None or self._udp.is_closing():
            lost()
            return
        try:
            self._udp.sendto(data, (hop.host, hop.port))
        except (OSError, ValueError):  # an address of the other family, for one
            lost()

    def connected(self, number: int | None) -> bool:
        """Whether that stream is still open."""
        return number in self._flows

    def _flow(self, hop: Hop) -> Flow | None:
        if hop.connection in self._flows:
            return self._flows[hop.connection]
        wanted = (hop.transport, (hop.host, hop.port))
        for item in self._flows.values():
            # Whoever connected to us by TLS has shown no certificate that says that it is this host.
            if (item.transport, item.peer) == wanted and (item.ours or item.transport != "TLS"):
                return item
        return None

    def _open_stream(self, hop: Hop) -> Opening:
        address = (hop.transport, hop.host, hop.port)
        opening = self._opening.get(address)
        if opening is None:
            opening = self._opening[address] = Opening()
            self._tasks.start_soon(self._connect, hop, opening)
        return opening

    async def _connect(self, hop: Hop, opening: Opening) -> None:
        loop, kind = asyncio.get_running_loop(), hop.transport
        context = self._tls.client if kind == "TLS" else None
        stream: Stream | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS + (HANDSHAKE_SECONDS if context else 0)):
                _, stream = await loop.create_connection(
                    lambda: Stream(self, kind, ours=True),
                    hop.host,
                    hop.port,
                    ssl=context,
                    server_hostname=hop.host if context else None,
                )
        except OSError as error:  # TLS errors and time-outs are among them
            log.info("stream not opened", extra={"transport": kind, "error": type(error).__name__})
        self._opening.pop((kind, hop.host, hop.port), None)
        opening.settle(stream)

    # -- the table of flows -------------------------------------------------------------------------------

    def enters(self, host: str, step: Step) -> Place | None:
        """Somebody has connected and wants a handshake: his place for it, or None when he is not wanted."""
        if len(self._flows) >= MAX_CONNECTIONS or not self._heard(host):
            self.counts.refused += 1
            return None
        return self.threshold.enter(host, step)

    def opened(self, flow: Flow) -> int | None:
        """A flow is up: its number, or None when it is not wanted."""
        host = flow.peer[0]
        crowded = self._sources[host] >= self._sip.connections_per_source
        if len(self._flows) >= MAX_CONNECTIONS or crowded or not self._heard(host):
            self.counts.refused += 1
            return None
        number = next(self._numbers)
        self._flows[number] = flow
        self._sources[host] += 1
        self.counts.open[flow.transport] += 1
        return number

    def closed(self, number: int) -> None:
        """A flow is gone."""
        flow = self._flows.pop(number, None)
        if flow is None:
            return
        self.counts.open[flow.transport] -= 1
        self._sources[flow.peer[0]] -= 1
        if not self._sources[flow.peer[0]]:
            del self._sources[flow.peer[0]]

    def deliver(self, data: bytes, hop: Hop) -> None:
        """A flow brought a message."""
        self._receive(data, hop)

    def cut(self) -> None:
        """A flow was closed for being too slow, or for what it sent."""
        self.counts.cut += 1

    def datagram(self, data: bytes, source: tuple[str, int]) -> None:
        """A datagram came: SIP, or a phone's STUN keep-alive on the same port (RFC 5626 §3.5.2)."""
        if stun.is_stun(data):
            if self._heard(source[0]) and (answer := stun.answer(data, source)) is not None:
                self.counts.stun += 1
                self._send_datagram(answer, Hop("UDP", *source), lambda: None)
            return
        self._receive(data, Hop("UDP", *source))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, sockets: Sockets) -> None:
        self._take = sockets.datagram

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data, addr[:2])

    def error_received(self, exc: Exception) -> None:
        # ICMP port unreachable: the transaction's timers deal with the silence.
        log.debug("datagram refused", extra={"error": type(exc).__name__})
