"""A WebSocket's connection before it is one: its TLS is begun by us, so that we see whoever only connects."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

from websockets.asyncio.server import ServerConnection
from websockets.protocol import Event

from hotline.gateway.sip.threshold import Place, Step, secure
from hotline.gateway.slices import Slices


class WebSocketDoor(ServerConnection):
    """What `websockets` makes of each connection: one with a place on the threshold until it is open.

    The listener itself must be one without TLS.
    """

    def __init__(
        self,
        *args: Any,
        enters: Callable[[str, Step], Place | None],
        context: ssl.SSLContext | None,
        cut: Callable[[], None],
        **options: Any,
    ) -> None:
        """`enters` gives places; `context` for secure WebSockets; `cut` is told of who was cut off. The rest:
        the library's."""
        super().__init__(*args, **options)
        self._cut = cut
        self._slices = Slices(self.loop, super().data_received)
        self._enters = enters
        self._context = context
        self._place: Place | None = None
        self._begun = False
        self._given_up = context is None
        """What was there before TLS is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Callback border; called once more when there is TLS."""
        if self._place is not None:
            self._place.step = "ws"
            self._begin(transport)
            return
        first: Step = "ws" if self._context is None else "tls"
        self._place = self._enters(transport.get_extra_info("peername")[0], first)
        if self._place is None:
            cast("asyncio.Transport", transport).abort()
        elif self._context is None:
            self._begin(transport)
        else:
            secure(transport, self._place, self._context, lambda: self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Callback border; also called for what was there before TLS."""
        if not self._given_up:
            self._given_up = True
        elif self._begun:
            self._leave(failed=True)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Callback border."""
        self._slices.add(data, self.transport, lambda: self.recv_messages.paused)

    def process_event(self, event: Event) -> None:
        """The handshake, then a frame."""
        opened = self.request is not None
        super().process_event(event)
        if opened and not self._slices.frame(self.transport):
            self._cut()

    def through(self) -> None:
        """The WebSocket is open."""
        self._leave(failed=False)

    def _begin(self, transport: asyncio.BaseTransport) -> None:
        self._begun = True
        if self._place is not None:
            self._place.cut = cast("asyncio.Transport", transport).abort
        super().connection_made(transport)

    def _leave(self, *, failed: bool) -> None:
        if self._place is not None:
            self._place.leave(failed=failed)
