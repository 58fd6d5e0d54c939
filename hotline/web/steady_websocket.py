"""The web server's WebSockets, of which none can hold up the loop (`hotline.gateway.slices`)."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from hotline.gateway.slices import Slices


class SteadyWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's, reading a little a turn; who sends frames without end is cut off."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """As uvicorn makes it."""
        super().__init__(*args, **options)
        self._slices = Slices(asyncio.get_running_loop(), super().data_received)

    def data_received(self, data: bytes) -> None:
        """Callback border."""
        self._slices.add(data, self.transport, lambda: self.read_paused)

    def handle_ping(self) -> None:
        """A frame."""
        if self._slices.frame(self.transport):
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """A frame."""
        if self._slices.frame(self.transport):
            super().handle_pong(event)

    def handle_text(self, event: Frame) -> None:
        """A frame."""
        if self._slices.frame(self.transport):
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """A frame."""
        if self._slices.frame(self.transport):
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """A frame."""
        if self._slices.frame(self.transport):
            super().handle_cont(event)
