"""Asterisk AudioSocket: a TCP stream of samples a call (docs.asterisk.org, Channel Drivers, AudioSocket).

Each message is one byte of kind, two of length (big endian) and the payload. Asterisk connects, names the
call by a UUID and sends 20 ms of samples at a time; we send the same back. It does not say who calls: by
agreement with its dialplan the UUID's last twelve digits can (`caller_of`, docs/pbx.md).

Tested against a peer written from that page; not yet run against Asterisk itself.
"""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

import anyio
from anyio.abc import TaskGroup

from hotline.conversation import EndCause
from hotline.gateway.pcm_door import CallStart, PbxCall, PcmDoor
from hotline.gateway.pcm_leg import PcmLeg

log = logging.getLogger(__name__)

HANGUP, IDENTITY, KEY, ERROR = 0x00, 0x01, 0x03, 0xFF
AUDIO_RATES = {
    0x10: 8000, 0x11: 12000, 0x12: 16000, 0x13: 24000, 0x14: 32000,
    0x15: 44100, 0x16: 48000, 0x17: 96000, 0x18: 192000,
}  # fmt: skip
"""Kind of an audio message → samples a second, s16le mono."""
FIRST_SECONDS = 5.0
"""A connection that has not named its call by then is closed."""
MAX_UNSENT = 64_000
"""Bytes waiting to be sent beyond which sound is dropped: 4 s at 8 kHz, a PBX that reads no more."""

_HEADER = struct.Struct("!BH")
_PADDED = 12


@asynccontextmanager
async def open_audiosocket(door: PcmDoor, host: str, port: int) -> AsyncIterator[int]:
    """Listen while the context lasts; gives the bound port. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    async with anyio.create_task_group() as tasks:
        connections: set[_Connection] = set()
        server = await loop.create_server(lambda: _Connection(door, tasks, connections), host, port)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for connection in list(connections):
                connection.hang_up()
            tasks.cancel_scope.cancel()


def message(kind: int, payload: bytes = b"") -> bytes:
    """One message. `payload`: at most 65,535 bytes."""
    return _HEADER.pack(kind, len(payload)) + payload


def caller_of(identity: UUID) -> str:
    """The number a dialplan put into the UUID's last group, padded on the left with `f`; else its hex form.

    `…-f13800001234` is 13800001234; a UUID made at random is `pbx:` and its hex digits.
    """
    group = identity.hex[-_PADDED:]
    number = group.lstrip("f")
    if group != number and number.isdigit() and len(number) >= 3:
        return number
    return f"pbx:{identity.hex}"


class Messages:
    """Cuts a byte stream into messages. Holds less than one message (64 KiB) beyond what `feed` brings."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Add bytes; the messages that are whole, as (kind, payload)."""
        buffer = self._buffer
        buffer += data
        found: list[tuple[int, bytes]] = []
        at = 0
        while len(buffer) - at >= _HEADER.size:
            kind, size = _HEADER.unpack_from(buffer, at)
            end = at + _HEADER.size + size
            if end > len(buffer):
                break
            found.append((kind, bytes(buffer[at + _HEADER.size : end])))
            at = end
        del buffer[:at]
        return found


class _Connection(asyncio.Protocol):
    """One call's connection, and the `Wire` of its leg."""

    def __init__(self, door: PcmDoor, tasks: TaskGroup, connections: "set[_Connection]") -> None:
        self._door = door
        self._tasks = tasks
        self._connections = connections
        self._messages = Messages()
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._identity: UUID | None = None
        self._kind = 0
        """Kind of this call's audio messages, once one has come."""
        self._call: PbxCall | None = None
        self._leg: PcmLeg | None = None

    # -- what the socket brings ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._door.welcome(str(transport.get_extra_info("peername")[0])):
            self._transport.abort()
            return
        self._connections.add(self)
        self._deadline = asyncio.get_running_loop().call_later(FIRST_SECONDS, self._break)

    def data_received(self, data: bytes) -> None:
        for kind, payload in self._messages.feed(data):
            if kind in AUDIO_RATES:
                self._audio(kind, payload)
            elif kind == IDENTITY:
                self._name(payload)
            elif kind == KEY and self._leg is not None:
                self._leg.press(payload.decode("ascii", "replace"))
            elif kind in {HANGUP, ERROR}:
                self._over(EndCause.REMOTE_HANGUP if kind == HANGUP else EndCause.TRANSPORT)
                return
            # Kinds this version does not know are skipped: the protocol has grown before.

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        self._over(EndCause.REMOTE_HANGUP if exc is None else EndCause.TRANSPORT)

    def _name(self, payload: bytes) -> None:
        if len(payload) != 16 or self._identity is not None:
            self._break()
            return
        self._identity = UUID(bytes=payload)

    def _audio(self, kind: int, payload: bytes) -> None:
        if len(payload) % 2 or self._identity is None or (self._kind and kind != self._kind):
            self._break()
            return
        if not self._kind:
            # Only the first sound tells the rate we must answer in; it comes at once.
            self._kind = kind
            self._begin(self._identity, AUDIO_RATES[kind])
        if self._leg is not None:
            self._leg.hear(payload, asyncio.get_running_loop().time())

    def _begin(self, identity: UUID, rate: int) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        start = CallStart(caller_of(identity), self._door.number, rate, f"L16/{rate}")
        self._call = PbxCall(start, self, self._door.settings.dead_after_s)
        self._tasks.start_soon(self._attend, self._call)

    async def _attend(self, call: PbxCall) -> None:
        try:
            self._leg = await self._door.enter(call)
            if self._leg is not None:
                await self._leg.run()
        finally:
            self._door.leave(call, EndCause.SHUTDOWN)
            self.hang_up()

    def _over(self, cause: EndCause) -> None:
        if self._call is not None:
            self._door.leave(self._call, cause)
        if self._transport is not None:
            self._transport.close()

    def _break(self) -> None:
        """It does not keep to the protocol."""
        self._door.malformed += 1
        self._over(EndCause.TRANSPORT)

    # -- Wire ---------------------------------------------------------------------------------------------

    @property
    def paced(self) -> bool:
        """Asterisk plays what comes as it comes."""
        return True

    def sound(self, pcm: bytes) -> None:
        """Send; dropped when the PBX is far behind."""
        transport = self._transport
        if transport is None or transport.is_closing() or not pcm:
            return
        if transport.get_write_buffer_size() < MAX_UNSENT:
            transport.write(message(self._kind or 0x10, pcm))

    def hush(self) -> None:
        """Nothing is queued at the PBX."""

    def hang_up(self) -> None:
        """Say goodbye and close."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(message(HANGUP))
            transport.close()
