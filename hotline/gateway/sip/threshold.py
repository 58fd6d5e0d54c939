"""Connections that stand on the threshold: connected, but not yet through their TLS or WebSocket handshake.

They cost memory and a key exchange, and whoever opens them need not say anything. So they are few: from one
address, and in all. When all places are taken, the one that has stood there for longest makes room, since who
means well is through in much less than a second.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Literal, cast

from hotline.gateway.sip.tls import HANDSHAKE_SECONDS

log = logging.getLogger(__name__)

Step = Literal["tls", "ws"]
"""Which handshake: of TLS, or of WebSocket (which may come after TLS)."""
STANDING_S = 1.0
"""Who has stood there for less is not sent away for a newcomer."""


class Place:
    """One connection's place on the threshold."""

    __slots__ = ("_threshold", "cut", "keeps", "since", "source", "step")

    def __init__(self, threshold: "Threshold", source: str, step: Step, since: float) -> None:
        self._threshold = threshold
        self.source = source
        self.step: Step = step
        self.since = since
        self.cut: Callable[[], object] = lambda: None
        """Closes the connection."""
        self.keeps: object = None
        """What must live for as long."""

    def leave(self, *, failed: bool) -> None:
        """It is through, or it was lost, refused or too slow. Harmless when it has left already."""
        self._threshold.leave(self, failed=failed)


class Threshold:
    """Who stands there, and what became of the others."""

    def __init__(self, most: int, most_of_one: int, clock: Callable[[], float]) -> None:
        """`most` in all, `most_of_one` of one source: an IPv4 address or an IPv6 /64. `clock`: seconds."""
        self._most = most
        self._most_of_one = most_of_one
        self._clock = clock
        self._places: dict[Place, None] = {}
        """In the order of coming."""
        self._sources: Counter[str] = Counter()
        self.refused = 0
        """For want of a place."""
        self.failures: Counter[Step] = Counter()
        """Handshakes that came to nothing, by step; those that had to make room are among them."""

    def __len__(self) -> int:
        return len(self._places)

    def enter(self, host: str, step: Step) -> Place | None:
        """A place for a connection of that address; None when there is none for it."""
        source, now = _source(host), self._clock()
        if self._sources[source] >= self._most_of_one or not self._has_room(now):
            self.refused += 1
            if not self._sources[source]:
                del self._sources[source]
            return None
        place = Place(self, source, step, now)
        self._places[place] = None
        self._sources[source] += 1
        return place

    def leave(self, place: Place, *, failed: bool) -> None:
        """It stands there no more."""
        if place not in self._places:
            return
        del self._places[place]
        self._sources[place.source] -= 1
        if not self._sources[place.source]:
            del self._sources[place.source]
        self.failures[place.step] += failed

    def clear(self) -> None:
        """Send all away: the listeners are being closed."""
        for place in list(self._places):
            place.cut()

    def _has_room(self, now: float) -> bool:
        if len(self._places) < self._most:
            return True
        oldest = next(iter(self._places))
        if now - oldest.since < STANDING_S:
            return False
        oldest.leave(failed=True)
        oldest.cut()
        return True


def _source(host: str) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else host


def secure(
    wire: asyncio.BaseTransport,
    place: Place,
    context: ssl.SSLContext,
    make: Callable[[], asyncio.BaseProtocol],
) -> None:
    """Go on with TLS on a connection that has just been made: `make`'s protocol is told when it is there.

    To be called in `connection_made`, before anything is read. The socket is taken over from its transport,
    since uvloop's `start_tls` may find that the transport has read the handshake's first bytes already.
    """
    sock = socket.socket(fileno=os.dup(wire.get_extra_info("socket").fileno()))
    sock.setblocking(False)
    cast("asyncio.Transport", wire).abort()
    task = asyncio.get_running_loop().create_task(_shake(sock, place, context, make))
    place.keeps = task
    place.cut = task.cancel


async def _shake(
    sock: socket.socket, place: Place, context: ssl.SSLContext, make: Callable[[], asyncio.BaseProtocol]
) -> None:
    made = False
    try:
        await asyncio.get_running_loop().connect_accepted_socket(
            make, sock, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        made = True
    except OSError as error:  # TLS errors and time-outs are among them
        log.debug("no TLS", extra={"error": type(error).__name__})
    finally:
        if place.step == "tls":
            place.leave(failed=not made)
        if not made:
            sock.close()


class TlsDoor(asyncio.Protocol):
    """A connection until its TLS handshake begins; then `make`'s protocol has it."""

    def __init__(
        self,
        enters: Callable[[str, Step], Place | None],
        context: ssl.SSLContext,
        make: Callable[[], asyncio.Protocol],
    ) -> None:
        self._enters = enters
        self._context = context
        self._make = make

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Callback border."""
        place = self._enters(transport.get_extra_info("peername")[0], "tls")
        if place is None:
            cast("asyncio.Transport", transport).abort()
        else:
            secure(transport, place, self._context, self._make)
