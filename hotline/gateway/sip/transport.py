"""Sockets: SIP over UDP and TCP on one port. Callbacks only hand bytes on."""

import asyncio
import errno
import itertools
import logging
from collections.abc import Callable
from ipaddress import ip_address
from typing import cast

from anyio.abc import TaskGroup

from hotline.errors import HotlineError
from hotline.gateway.sip.grammar import SipUri
from hotline.gateway.sip.message import BadMessage
from hotline.gateway.sip.stream import PONG, StreamParser
from hotline.gateway.sip.transaction import Hop

log = logging.getLogger(__name__)

Receive = Callable[[bytes, Hop], None]
Lost = Callable[[], None]

MAX_CONNECTIONS = 1_000
"""Streams at once, ours and theirs; more are closed at once."""
MAX_UNSENT = 1_000_000
"""Bytes waiting in one stream's write buffer before it counts as dead."""
MAX_WAITING = 64
"""Messages that may wait for one stream being opened."""
FIRST_SECONDS = 32.0
"""A stream that brings no whole message for so long after opening is closed."""
IDLE_SECONDS = 900.0
CONNECT_SECONDS = 5.0


class Unroutable(HotlineError):
    """An address that cannot be reached from here."""

    code = "hotline.unroutable"


def hop_of(uri: SipUri, connection: int | None = None) -> Hop:
    """Where a request for this URI goes. Raises `Unroutable` for names: there is no DNS in here."""
    if uri.scheme != "sip":
        raise Unroutable(f"only sip: addresses can be reached, not {uri.scheme}:")
    host = "127.0.0.1" if uri.host == "localhost" else uri.host
    try:
        ip_address(host)
    except ValueError:
        raise Unroutable("the host must be an IP address or localhost: names are not looked up") from None
    if uri.transport == "udp":
        return Hop("UDP", host, uri.port or 5060)
    if uri.transport == "tcp":
        return Hop("TCP", host, uri.port or 5060, connection)
    raise Unroutable("the transport must be udp or tcp")


class Sockets:
    """One UDP socket, one TCP listener on the same port, and the streams to and from it."""

    def __init__(self, receive: Receive, heard: Callable[[str], bool], tasks: TaskGroup) -> None:
        """`receive` gets each message's bytes; `heard` says whether an address may connect at all."""
        self._receive = receive
        self._heard = heard
        self._tasks = tasks
        self._udp: asyncio.DatagramTransport | None = None
        self._listener: asyncio.Server | None = None
        self._streams: dict[int, _Stream] = {}
        self._opening: dict[tuple[str, int], _Opening] = {}
        self._numbers = itertools.count(1)
        self.host = ""
        self.port = 0

    async def open(self, host: str, port: int) -> None:
        """Bind. With port 0, the system chooses one that is free for both. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._receive), local_addr=(host, port)
            )
            bound = udp.get_extra_info("sockname")
            try:
                self._listener = await loop.create_server(lambda: _Stream(self), host, bound[1])
            except OSError as error:
                udp.close()
                if port or error.errno != errno.EADDRINUSE or attempt == 19:
                    raise
                continue
            self._udp = udp
            self.host, self.port = bound[0], bound[1]
            return

    def send(self, data: bytes, hop: Hop, lost: Lost) -> None:
        """Send now, or once a stream is open. `lost` is called when it cannot be; it may be at once."""
        if hop.transport == "UDP":
            self._send_datagram(data, hop, lost)
            return
        stream = self._stream(hop)
        if stream is not None:
            stream.write(data)
            return
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
        return number in self._streams

    def close(self) -> None:
        """Close everything; harmless when closed."""
        if self._udp is not None:
            self._udp.close()
        if self._listener is not None:
            self._listener.close()
        for stream in list(self._streams.values()):
            stream.close()

    def _stream(self, hop: Hop) -> "_Stream | None":
        if hop.connection in self._streams:
            return self._streams[hop.connection]
        return next((item for item in self._streams.values() if item.peer == (hop.host, hop.port)), None)

    def _open_stream(self, hop: Hop) -> "_Opening":
        address = (hop.host, hop.port)
        opening = self._opening.get(address)
        if opening is None:
            opening = self._opening[address] = _Opening(self, address)
            self._tasks.start_soon(opening.run)
        return opening

    def opened(self, stream: "_Stream") -> int | None:
        """A stream is up: give it a number, or None when it is not wanted."""
        if len(self._streams) >= MAX_CONNECTIONS or not self._heard(stream.peer[0]):
            return None
        number = next(self._numbers)
        self._streams[number] = stream
        return number

    def closed(self, number: int) -> None:
        """A stream is gone."""
        self._streams.pop(number, None)

    def deliver(self, data: bytes, hop: Hop) -> None:
        """A stream brought a message."""
        self._receive(data, hop)

    def settled(self, address: tuple[str, int]) -> None:
        """An attempt to open a stream is over."""
        self._opening.pop(address, None)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._receive(data, Hop("UDP", addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        # ICMP port unreachable: the transaction's timers deal with the silence.
        log.debug("datagram refused", extra={"error": type(exc).__name__})


class _Stream(asyncio.Protocol):
    """One TCP connection, whoever opened it."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._parser = StreamParser()
        self._transport: asyncio.Transport | None = None
        self._number: int | None = None
        self._idle: asyncio.TimerHandle | None = None
        self.peer: tuple[str, int] = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer = transport.get_extra_info("peername")[:2]
        self._number = self._sockets.opened(self)
        if self._number is None:
            self._transport.abort()
            return
        self._wait(FIRST_SECONDS)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._parser.feed(data)
        except BadMessage:
            self.close()
            return
        if self._parser.pings:
            self.write(PONG * self._parser.pings)
            self._parser.pings = 0
        for message in messages:
            self._wait(IDLE_SECONDS)
            self._sockets.deliver(message, Hop("TCP", self.peer[0], self.peer[1], self._number))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._idle is not None:
            self._idle.cancel()
        if self._number is not None:
            self._sockets.closed(self._number)

    def write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _wait(self, seconds: float) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(seconds, self.close)


class _Opening:
    """Messages that wait while a stream is being opened."""

    def __init__(self, sockets: Sockets, address: tuple[str, int]) -> None:
        self._sockets = sockets
        self._address = address
        self._waiting: list[tuple[bytes, Lost]] = []

    def add(self, data: bytes, lost: Lost) -> None:
        if len(self._waiting) >= MAX_WAITING:
            lost()
        else:
            self._waiting.append((data, lost))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, stream = await loop.create_connection(lambda: _Stream(self._sockets), *self._address)
        except (OSError, TimeoutError):
            self._sockets.settled(self._address)
            for _, lost in self._waiting:
                lost()
            return
        self._sockets.settled(self._address)
        for data, _ in self._waiting:
            stream.write(data)
