"""The door PBX connections come in by: limits, who may connect, and calls as the application sees them."""

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import anyio
import anyio.lowlevel

from asr.audio import LegId
from hotline.conversation import EndCause
from hotline.errors import CallAborted
from hotline.gateway.media import IncomingCall, MediaLeg
from hotline.gateway.pcm_leg import PcmLeg, Wire
from hotline.gateway_settings import PbxSettings

log = logging.getLogger(__name__)

WAITING_CALLS = 64
"""Calls that may wait for the application; one more is hung up."""
RING_SECONDS = 60.0
"""A call the application neither takes nor refuses for so long is hung up."""


@dataclass(frozen=True, slots=True)
class PbxStats:
    """What came through PBX doors since they were opened."""

    calls: int
    """Going on now."""
    taken: int
    refused: int
    """For want of room, or by the application."""
    unwelcome: int
    """Connections from addresses outside `pbx.allow`, or without the right password."""
    malformed: int
    """Connections that broke the protocol."""


@dataclass(frozen=True, slots=True)
class CallStart:
    """What a PBX says of a call."""

    remote: str
    """Who calls, as the PBX says it: personal data."""
    dialled: str
    rate: int
    """Samples a second, both ways."""
    codec: str


class PbxCall:
    """A call a PBX has handed us: an `IncomingCall`."""

    def __init__(self, start: CallStart, wire: Wire, dead_after_s: float) -> None:
        self._start = start
        self._wire = wire
        self._dead_after_s = dead_after_s
        self._over = False
        self.leg: PcmLeg | None = None
        """Once answered."""
        self.settled = anyio.Event()
        """Answered, refused or given up."""

    @property
    def remote(self) -> str:
        """Who calls."""
        return self._start.remote

    @property
    def dialled(self) -> str:
        """What was dialled, as the PBX says."""
        return self._start.dialled

    @property
    def channel(self) -> str:
        """Always `phone`: behind a PBX there are phones."""
        return "phone"

    async def progress(self) -> None:
        """The PBX has answered already: there is nothing before that."""

    async def answer(self) -> MediaLeg:
        """Take the call. Raises `CallAborted` when it is over."""
        if self._over or self.leg is not None:
            raise CallAborted("the call is over")
        start = self._start
        leg_id = LegId(f"leg-{secrets.token_hex(8)}")
        self.leg = PcmLeg(leg_id, start.rate, self._wire, start.codec, self._dead_after_s)
        self.settled.set()
        return self.leg

    async def reject(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """Hang up: a PBX stream has no way to say why. Harmless when over."""
        del status, reason, retry_after
        if not self._over and self.leg is None:
            self._wire.hang_up()
        self.give_up()

    def give_up(self) -> None:
        """Nothing can be answered any more."""
        self._over = True
        self.settled.set()


class PcmDoor:
    """All PBX calls of the process, whatever protocol they come by."""

    def __init__(self, settings: PbxSettings, number: str) -> None:
        """`number`: what counts as dialled when the PBX does not say."""
        self.settings = settings
        self.number = number
        self._networks = tuple(ip_network(item) for item in settings.allow)
        self._writer, self._reader = anyio.create_memory_object_stream[IncomingCall](WAITING_CALLS)
        self._calls: dict[PbxCall, None] = {}
        self._empty = anyio.Event()
        self._draining = False
        self._taken = self._refused = 0
        self.unwelcome = self.malformed = 0

    @property
    def stats(self) -> PbxStats:
        """A snapshot."""
        return PbxStats(len(self._calls), self._taken, self._refused, self.unwelcome, self.malformed)

    def welcome(self, host: str) -> bool:
        """Whether that address may connect; one that may not is counted."""
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            address = None
        if address is not None and any(address in network for network in self._networks):
            return True
        self.unwelcome += 1
        log.warning("connection refused: its address is not in pbx.allow")
        return False

    async def incoming(self) -> AsyncIterator[IncomingCall]:
        """Calls as they come, until shutdown. One reader only."""
        with suppress(anyio.ClosedResourceError):  # shut while the last call was being looked at
            async for call in self._reader:
                yield call

    async def shutdown(self, grace: float) -> None:
        """Take no more calls and hang up on those there are; wait at most `grace` seconds for them to go."""
        self._draining = True
        self._writer.close()
        for call in list(self._calls):
            if call.leg is not None:
                call.leg.gone(EndCause.SHUTDOWN)
            else:
                await call.reject(503, "Service Unavailable")
        with anyio.move_on_after(grace):
            while self._calls:
                self._empty = anyio.Event()
                await self._empty.wait()
        await (
            anyio.lowlevel.checkpoint()
        )  # whoever reads `incoming` hears that it is over before it is closed
        self._reader.close()

    async def enter(self, call: PbxCall) -> PcmLeg | None:
        """Ring until the application answers; None when it does not. Then the connection must close, and in
        any case `leave` be called."""
        self._calls[call] = None
        if self._draining or len(self._calls) > self.settings.calls or not self._offer(call):
            self._refused += 1
            await call.reject(503, "Service Unavailable")
            return None
        with anyio.move_on_after(RING_SECONDS):
            await call.settled.wait()
        if call.leg is None:
            self._refused += 1
            await call.reject(480, "Temporarily Unavailable")
        else:
            self._taken += 1
        return call.leg

    def leave(self, call: PbxCall, cause: EndCause) -> None:
        """The connection of that call is gone."""
        call.give_up()
        if call.leg is not None:
            call.leg.gone(cause)
        self._calls.pop(call, None)
        self._empty.set()

    def _offer(self, call: PbxCall) -> bool:
        with suppress(anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._writer.send_nowait(call)
            return True
        return False
