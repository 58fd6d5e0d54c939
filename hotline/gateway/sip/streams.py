"""SIP over TCP and TLS: one connection, whoever opened it (RFC 3261 §18, RFC 5626 §4.4.1)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, cast

from hotline.gateway.allowance import Allowance
from hotline.gateway.sip.message import BadMessage
from hotline.gateway.sip.stream import PONG, StreamParser
from hotline.gateway.sip.transaction import Hop, Transport

log = logging.getLogger(__name__)

Lost = Callable[[], None]

MAX_UNSENT = 1_000_000
"""Bytes waiting in one stream's write buffer before it counts as dead."""
MAX_WAITING = 64
"""Messages that may wait for one stream being opened."""
FIRST_SECONDS = 32.0
"""A stream that brings no whole message for so long after opening is closed."""
MESSAGE_SECONDS = 10.0
"""A message that has begun must be whole within so long: who sends it byte by byte is cut off."""
IDLE_SECONDS = 900.0
PINGS_AT_ONCE, PINGS_A_SECOND = 60, 1.0
"""Keep-alives of one stream; peers send one in half a minute. Who sends more is cut off."""
AT_ONCE = 16
"""Messages of one stream handled in one turn of the loop; then others get theirs."""


class Flow(Protocol):
    """An open connection that carries SIP, as the socket table sees it."""

    @property
    def transport(self) -> Transport:
        """What it is."""

    @property
    def peer(self) -> tuple[str, int]:
        """The far end's address."""

    @property
    def ours(self) -> bool:
        """We opened it, and have checked whom we reached."""

    def write(self, data: bytes) -> None:
        """Send; never waits, never raises."""

    def close(self) -> None:
        """Close it; harmless when closed."""


class Table(Protocol):
    """Who keeps count of flows."""

    def opened(self, flow: Flow) -> int | None:
        """A flow is up: its number, or None when it is not wanted."""

    def closed(self, number: int) -> None:
        """A flow is gone."""

    def deliver(self, data: bytes, hop: Hop) -> None:
        """A flow brought a message."""

    def cut(self) -> None:
        """A flow was closed for being too slow, or for what it sent."""


class Stream(asyncio.Protocol):
    """One TCP or TLS connection."""

    def __init__(self, table: Table, transport: Transport, *, ours: bool = False) -> None:
        self._table = table
        self.ours = ours
        self.transport: Transport = transport
        self.peer: tuple[str, int] = ("", 0)
        self._parser = StreamParser()
        self._wire: asyncio.Transport | None = None
        self._number: int | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._spoken = False
        """A whole message has come: from then on it may be silent for longer."""
        self._since: float | None = None
        """When the message that is not whole yet began."""
        self._pings = Allowance(PINGS_AT_ONCE, PINGS_A_SECOND)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Callback border."""
        self._wire = cast("asyncio.Transport", transport)
        self.peer = transport.get_extra_info("peername")[:2]
        self._number = self._table.opened(self)
        if self._number is None:
            self._wire.abort()
            return
        self._wait(FIRST_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Callback border."""
        self._parser.add(data)
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        """Callback border."""
        del exc
        if self._deadline is not None:
            self._deadline.cancel()
        if self._number is not None:
            self._table.closed(self._number)

    def write(self, data: bytes) -> None:
        """Send; a peer that reads nothing is dropped when a megabyte waits."""
        if self._wire is None or self._wire.is_closing():
            return
        self._wire.write(data)
        if self._wire.get_write_buffer_size() > MAX_UNSENT:
            self._table.cut()
            self._wire.abort()

    def close(self) -> None:
        """Close it."""
        if self._wire is not None:
            self._wire.close()

    def _work(self) -> None:
        """Handle some of what has come, and leave the rest for the loop's next turn.

        Reading stands still meanwhile, so what waits is bounded by what one reading brings.
        """
        try:
            more = self._handle_some()
        except BadMessage:
            self._cut()
            return
        wire = self._wire
        if wire is None or wire.is_closing():
            return
        if more:
            wire.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)
        else:
            self._watch()

    def _handle_some(self) -> bool:
        """Whether there may be more. Raises `BadMessage`."""
        for _ in range(AT_ONCE):
            message = self._parser.take()
            if not self._answer_pings():
                raise BadMessage("too many pings")
            if message is None:
                return False
            self._since, self._spoken = None, True
            self._table.deliver(message, Hop(self.transport, self.peer[0], self.peer[1], self._number))
        return True

    def _answer_pings(self) -> bool:
        """False when there are more than anybody needs."""
        pings, self._parser.pings = self._parser.pings, 0
        if pings and not self._pings.take(pings, asyncio.get_running_loop().time()):
            return False
        if pings:
            self.write(PONG * pings)
        return True

    def _go_on(self) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._wire.resume_reading()
            self._work()

    def _watch(self) -> None:
        """Set the deadline that what is in the buffer calls for."""
        now = asyncio.get_running_loop().time()
        if not self._parser.begun:
            self._since = None
            if self._spoken or self.ours:
                self._wait(IDLE_SECONDS)
        elif self._since is None:
            self._since = now
            self._wait(MESSAGE_SECONDS)

    def _wait(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._cut)

    def _cut(self) -> None:
        self._table.cut()
        if self._wire is not None:
            self._wire.abort()


class Opening:
    """Messages that wait while a stream is being opened."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes, Lost]] = []

    def add(self, data: bytes, lost: Lost) -> None:
        """One more message; `lost` is called when it cannot be sent."""
        if len(self._waiting) >= MAX_WAITING:
            lost()
        else:
            self._waiting.append((data, lost))

    def settle(self, stream: Stream | None) -> None:
        """The stream is open, or (None) will not be."""
        waiting, self._waiting = self._waiting, []
        for data, lost in waiting:
            if stream is None:
                lost()
            else:
                stream.write(data)
