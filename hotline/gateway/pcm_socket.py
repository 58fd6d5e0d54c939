"""WebSocket audio forks: one server, and a dialect for each PBX that connects (design: `pcm_socket`).

The subprotocol the PBX asks for chooses the dialect. Text messages are its words, binary ones its sound.
"""

import hmac
import logging
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio.abc import TaskGroup

from hotline.buffers import DropOldest
from hotline.conversation import EndCause
from hotline.errors import WireError
from hotline.gateway.pcm_door import CallStart, PbxCall, PcmDoor
from hotline.gateway.pcm_leg import PcmLeg

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol

log = logging.getLogger(__name__)

FIRST_SECONDS = 5.0
"""A connection that has not begun a call by then is closed."""
MAX_MESSAGE = 65_536
"""Bytes of one WebSocket message; 2 s of samples at 16 kHz."""
MAX_QUEUED = 16
"""Messages read ahead of us in one connection."""
OUTGOING = 150
"""Messages waiting to be sent to a PBX: 3 s; then the oldest sound goes."""
PING_S, PONG_S = 20.0, 40.0


class PbxProtocolError(WireError):
    """A PBX said something its protocol does not know."""

    code = "hotline.wire.pbx"


@dataclass(frozen=True, slots=True)
class Key:
    """A key press."""

    key: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The PBX says that the call is over."""


class Dialect(Protocol):
    """What one kind of PBX says and wants to hear. One object a connection; pure."""

    @property
    def paced(self) -> bool:
        """See `Wire.paced`."""

    def begin(self, text: str, query: dict[str, str]) -> CallStart | None:
        """The first text message (and the URL's parameters) as a call; None to wait for the next.

        Raises `PbxProtocolError`.
        """

    def text(self, text: str) -> Key | Stop | None:
        """A later text message; None for what does not matter. Raises `PbxProtocolError`."""

    def hear(self, data: bytes) -> bytes:
        """A binary message as s16le mono. Raises `PbxProtocolError`."""

    def sound(self, pcm: bytes) -> list[str | bytes]:
        """Messages that play s16le mono at the call's rate."""

    def hush(self) -> list[str]:
        """Messages that stop what is being played."""

    def answered(self) -> list[str]:
        """Messages that say that we take the call."""

    def hang_up(self) -> list[str]:
        """Messages that end the call."""


class DialectMaker(Protocol):
    """Makes a dialect for one connection."""

    def __call__(self, number: str) -> Dialect:
        """`number`: what counts as dialled when the PBX does not say."""


@asynccontextmanager
async def open_pcm_socket(
    door: PcmDoor, dialects: Mapping[str, DialectMaker], host: str, port: int
) -> AsyncIterator[int]:
    """Listen while the context lasts; gives the bound port. `dialects`: subprotocol → dialect.

    Raises `OSError`.
    """
    from websockets.asyncio.server import serve

    server = _Server(door, dialects)
    async with (
        anyio.create_task_group() as tasks,
        serve(
            server.attend,
            host,
            port,
            select_subprotocol=server.choose,
            process_request=server.judge,
            max_size=MAX_MESSAGE,
            max_queue=MAX_QUEUED,
            open_timeout=FIRST_SECONDS,
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            close_timeout=2,
            compression=None,
            server_header=None,
        ) as listener,
    ):
        server.tasks = tasks
        yield int(next(iter(listener.sockets)).getsockname()[1])
        tasks.cancel_scope.cancel()


class _Server:
    """Who may connect, and what each connection becomes."""

    def __init__(self, door: PcmDoor, dialects: Mapping[str, DialectMaker]) -> None:
        self._door = door
        self._dialects = dialects
        self.tasks: TaskGroup | None = None

    def choose(self, socket: "ServerConnection", offered: "Sequence[Subprotocol]") -> "Subprotocol | None":
        """The first subprotocol we speak. A PBX that names none is turned away by `judge`."""
        del socket
        return next((item for item in offered if item in self._dialects), None)

    def judge(self, socket: "ServerConnection", request: "Request") -> "Response | None":
        """Address, password and subprotocol, before the connection is upgraded."""
        if not self._door.welcome(str(socket.remote_address[0])):
            return socket.respond(HTTPStatus.FORBIDDEN, "forbidden\n")
        if not self._known(request.headers.get("Authorization")):
            self._door.unwelcome += 1
            answer = socket.respond(HTTPStatus.UNAUTHORIZED, "unauthorized\n")
            answer.headers["WWW-Authenticate"] = 'Basic realm="hotline"'
            return answer
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if not {item.strip() for item in offered.split(",")} & set(self._dialects):
            self._door.malformed += 1
            return socket.respond(HTTPStatus.BAD_REQUEST, "no subprotocol that is spoken here\n")
        return None

    def _known(self, header: str | None) -> bool:
        """HTTP Basic, compared in constant time; nothing is asked when no password is set."""
        password = self._door.settings.password
        if password is None:
            return True
        expected = f"{self._door.settings.user}:{password.get_secret_value()}".encode()
        scheme, _, value = (header or "").partition(" ")
        try:
            given = b64decode(value, validate=True)
        except ValueError:
            given = b""
        return hmac.compare_digest(given, expected) and scheme.lower() == "basic"

    async def attend(self, socket: "ServerConnection") -> None:
        """One connection, from its first message to its end."""
        if socket.subprotocol is None or self.tasks is None:
            return
        dialect = self._dialects[socket.subprotocol](self._door.number)
        connection = _Connection(self._door, socket, dialect)
        try:
            await connection.run()
        except PbxProtocolError:
            self._door.malformed += 1
            await socket.close(1002, "protocol error")


class _Connection:
    """One call's WebSocket, and the `Wire` of its leg."""

    def __init__(self, door: PcmDoor, socket: "ServerConnection", dialect: Dialect) -> None:
        self._door = door
        self._socket = socket
        self._dialect = dialect
        self._out: DropOldest[str | bytes] = DropOldest(OUTGOING)
        self._leg: PcmLeg | None = None

    async def run(self) -> None:
        """Raises `PbxProtocolError`; everything else ends the call quietly."""
        from websockets.exceptions import ConnectionClosed

        try:
            with anyio.fail_after(FIRST_SECONDS):
                start = await self._first()
        except (TimeoutError, ConnectionClosed) as error:
            raise PbxProtocolError("no call began") from error
        call = PbxCall(start, self, self._door.settings.dead_after_s)
        failure: PbxProtocolError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._attend, call)
            tasks.start_soon(self._send)
            try:
                failure = await self._receive()
            finally:
                self._door.leave(call, EndCause.REMOTE_HANGUP)
                self._out.close()
        if failure is not None:
            raise failure

    async def _first(self) -> CallStart:
        query = _query(self._socket.request.path if self._socket.request is not None else "")
        while True:
            message = await self._socket.recv()
            if isinstance(message, bytes):
                continue  # sound before the call is named
            start = self._dialect.begin(message, query)
            if start is not None:
                return start

    async def _attend(self, call: PbxCall) -> None:
        self._leg = await self._door.enter(call)
        if self._leg is None:
            self.hang_up()
            return
        for message in self._dialect.answered():
            self._out.push(message)
        await self._leg.run()

    async def _receive(self) -> PbxProtocolError | None:
        """Until the connection ends; what broke the protocol is returned, for the call must end first."""
        from websockets.exceptions import ConnectionClosed

        try:
            async for message in self._socket:
                if isinstance(message, bytes):
                    pcm = self._dialect.hear(message)
                    if self._leg is not None:
                        self._leg.hear(pcm, anyio.current_time())
                    continue
                said = self._dialect.text(message)
                if isinstance(said, Stop):
                    return None
                if isinstance(said, Key) and self._leg is not None:
                    self._leg.press(said.key)
        except ConnectionClosed:
            return None
        except PbxProtocolError as error:
            return error
        return None

    async def _send(self) -> None:
        """What waits to be sent; ends, and closes the connection, when nothing more will come."""
        from websockets.exceptions import ConnectionClosed

        try:
            async for message in self._out:
                await self._socket.send(message)
        except ConnectionClosed:
            return
        await self._socket.close()

    # -- Wire ---------------------------------------------------------------------------------------------

    @property
    def paced(self) -> bool:
        """As the dialect says."""
        return self._dialect.paced

    def sound(self, pcm: bytes) -> None:
        """Queue for sending; when the PBX reads no more, the oldest goes."""
        for message in self._dialect.sound(pcm):
            self._out.push(message)

    def hush(self) -> None:
        """Stop what the PBX plays."""
        for message in self._dialect.hush():
            self._out.push(message)

    def hang_up(self) -> None:
        """End the call and close."""
        for message in self._dialect.hang_up():
            self._out.push(message)
        self._out.close()


def _query(path: str) -> dict[str, str]:
    from urllib.parse import parse_qsl, urlsplit

    return dict(parse_qsl(urlsplit(path).query, max_num_fields=20)[:20])
