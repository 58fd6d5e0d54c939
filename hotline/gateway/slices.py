"""WebSockets read a little in each turn of the loop, and not for ever.

The `websockets` package reads all that has come at once and answers pings meanwhile. A frame can be of six
bytes and costs as much as a whole message: what one reading brings of them would hold up the sound of all
calls for a second.
"""

import asyncio
from collections.abc import Callable

from hotline.gateway.allowance import Allowance

SLICE = 1024
"""Bytes read in one turn."""
FRAMES_AT_ONCE, FRAMES_A_SECOND = 1_000, 200.0
"""Frames of one connection, of any kind; who sends more is cut off."""


class Slices:
    """What has come over one connection and waits for its turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, read: Callable[[bytes], None]) -> None:
        """`read` is given each slice."""
        self._loop = loop
        self._read = read
        self._unread = bytearray()
        self._turn: asyncio.Handle | None = None
        self._frames = Allowance(FRAMES_AT_ONCE, FRAMES_A_SECOND)

    def add(self, data: bytes, transport: asyncio.Transport, stopped: Callable[[], bool]) -> None:
        """More has come. `stopped`: whether somebody else wants the transport not to read."""
        self._unread += data
        if self._turn is None:
            self._go_on(transport, stopped)

    def frame(self, transport: asyncio.Transport) -> bool:
        """A frame was read; False when that is one too many: then the connection is over."""
        if transport.is_closing() or self._frames.take(1, self._loop.time()):
            return True
        self._unread.clear()
        transport.abort()
        return False

    def _go_on(self, transport: asyncio.Transport, stopped: Callable[[], bool]) -> None:
        held, self._turn = self._turn is not None, None
        if transport.is_closing():
            self._unread.clear()
            return
        piece = bytes(self._unread[:SLICE])
        del self._unread[:SLICE]
        self._read(piece)
        if self._unread:
            transport.pause_reading()
            self._turn = self._loop.call_soon(self._go_on, transport, stopped)
        elif held and not stopped() and not transport.is_closing():
            transport.resume_reading()
