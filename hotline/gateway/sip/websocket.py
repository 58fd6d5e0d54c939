"""SIP over WebSocket (RFC 7118): a message a frame, text or binary, in the subprotocol `sip`."""

import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel

from hotline.buffers import DropOldest
from hotline.gateway.sip.message import MAX_MESSAGE
from hotline.gateway.sip.streams import AT_ONCE, FIRST_SECONDS, IDLE_SECONDS, Table
from hotline.gateway.sip.threshold import Place, Step
from hotline.gateway.sip.transaction import Hop

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

log = logging.getLogger(__name__)

SUBPROTOCOL = "sip"
MAX_QUEUED = 16
"""Frames read ahead of us on one connection."""
OUTGOING = 128
"""Messages waiting to be sent; a browser that reads none for so long is closed."""
OPEN_SECONDS = 8.0
PING_S, PONG_S = 25.0, 60.0
"""Generous: a browser's page in the background answers late, and a healthy call must not be cut for it."""


class WebSocketFlow:
    """One browser's connection."""

    def __init__(self, socket: "ServerConnection", transport: Literal["WS", "WSS"]) -> None:
        self._socket = socket
        self.ours = False
        self.transport: Literal["WS", "WSS"] = transport
        self.peer: tuple[str, int] = (str(socket.remote_address[0]), int(socket.remote_address[1]))
        self._out: DropOldest[bytes] = DropOldest(OUTGOING)

    def write(self, data: bytes) -> None:
        """Queue a message; losing one would break the transaction, so a full queue ends the connection."""
        if not self._out.push(data):
            self.close()

    def close(self) -> None:
        """Send what waits, then close."""
        self._out.close()

    async def run(self, table: Table) -> None:
        """Until the connection ends."""
        number = table.opened(self)
        if number is None:
            await self._socket.close(1013, "try again later")
            return
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send)
                await self._receive(table, number)
                tasks.cancel_scope.cancel()
        finally:
            table.closed(number)

    async def _receive(self, table: Table, number: int) -> None:
        from websockets.exceptions import ConnectionClosed

        hop, count, spoken = Hop(self.transport, *self.peer, number), 0, False
        while True:
            count += 1
            if count % AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
            try:
                with anyio.fail_after(IDLE_SECONDS if spoken else FIRST_SECONDS):
                    message = await self._socket.recv()
            except (ConnectionClosed, TimeoutError):
                return
            data = message.encode() if isinstance(message, str) else message
            if data == b"\r\n\r\n":
                self.write(b"\r\n")  # keep-alive (RFC 7118 §6)
                continue
            table.deliver(data, hop)
            spoken = True

    async def _send(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            async for data in self._out:
                # Text where it can be: some stacks in browsers look at nothing else.
                try:
                    await self._socket.send(data.decode())
                except UnicodeDecodeError:
                    await self._socket.send(data)
            await self._socket.close()
        except ConnectionClosed:
            return


@asynccontextmanager
async def open_websocket(
    table: Table,
    address: tuple[str, int],
    context: ssl.SSLContext | None,
    judge: "Judge",
) -> AsyncIterator[int]:
    """Listen while the context lasts; gives the bound port. Raises `OSError`."""
    from websockets.asyncio.server import serve
    from websockets.typing import Subprotocol

    from hotline.gateway.sip.websocket_door import WebSocketDoor

    kind: Literal["WS", "WSS"] = "WS" if context is None else "WSS"

    async def attend(socket: "ServerConnection") -> None:
        cast("WebSocketDoor", socket).through()
        await WebSocketFlow(socket, kind).run(table)

    async with serve(
        attend,
        *address,
        create_connection=cast(
            "type[ServerConnection]",
            partial(WebSocketDoor, enters=judge.enters, context=context, cut=table.cut),
        ),
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        process_request=judge.judge,
        max_size=MAX_MESSAGE,
        max_queue=MAX_QUEUED,
        open_timeout=OPEN_SECONDS,
        ping_interval=PING_S,
        ping_timeout=PONG_S,
        close_timeout=2,
        compression=None,
        server_header=None,
    ) as server:
        yield int(next(iter(server.sockets)).getsockname()[1])


class Judge:
    """Who may open a WebSocket: by address, by page, by subprotocol."""

    def __init__(
        self,
        heard: Callable[[str], bool],
        origins: Sequence[str],
        enters: Callable[[str, Step], Place | None],
    ) -> None:
        self._heard = heard
        self.enters = enters
        """Gives a connection its place for the handshake, or None."""
        self._origins = frozenset(item.rstrip("/").lower() for item in origins)
        self.refused = 0

    def judge(self, socket: "ServerConnection", request: "Request") -> "Response | None":
        """None to go on with the handshake."""
        if not self._heard(str(socket.remote_address[0])) or not self._welcome(request):
            self.refused += 1
            return socket.respond(HTTPStatus.FORBIDDEN, "forbidden\n")
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if SUBPROTOCOL not in {item.strip().lower() for item in offered.split(",")}:
            self.refused += 1
            return socket.respond(HTTPStatus.BAD_REQUEST, "the subprotocol must be sip\n")
        return None

    def _welcome(self, request: "Request") -> bool:
        """A page of another site may not use its visitor's address to get in; no browser, no Origin."""
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        if self._origins:
            return origin.rstrip("/").lower() in self._origins
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
        return urlsplit(origin).hostname == host
