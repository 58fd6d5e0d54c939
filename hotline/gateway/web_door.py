"""The door of the page `/call`: limits, and a browser's offer as a call the application can take."""

import ipaddress
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio

from asr.audio import AudioFrame, LegId
from hotline.conversation import AudioFacts, EndCause
from hotline.errors import CallAborted, HotlineError
from hotline.gateway import webrtc_sdp
from hotline.gateway.media import IncomingCall, LegInput, MediaLeg, Sink
from hotline.gateway.sip.media_session import WebSession
from hotline.gateway.sip.negotiation import NothingInCommon
from hotline.gateway.sip.sdp import SdpSyntaxError
from hotline.gateway_settings import WebRtcSettings

MAX_OFFER = 32 * 1024
"""Bytes of a browser's description; real ones have about 4 KiB."""
WAITING_CALLS = 64
"""Calls that may wait for the application; one more is refused."""
KNOWN_SOURCES = 10_000
"""Addresses whose recent calls are remembered; beyond that the longest unseen is forgotten."""
_MINUTE = 60.0
_CLOSING_SECONDS = 5.0


class WebCallRefused(HotlineError):
    """The call is not taken. `reason` is stable: offer, busy, source, often."""

    code = "hotline.web_call_refused"

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        """`retry_after` in seconds."""
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(reason)


class WebPorts(Protocol):
    """Gives browsers their media sessions."""

    async def web_session(
        self, leg: LegId, codecs: Sequence[webrtc_sdp.WebCodec] | None = None
    ) -> WebSession:
        """A session that answers one offer; `codecs` best first, as the settings have them when not given.

        Raises `HotlineError` when none is free.
        """


@dataclass(frozen=True, slots=True)
class WebDoorStats:
    """What came from the page since the start."""

    calls: int
    """Going on now, those that ring included."""
    taken: int
    refused: int
    """By the line or for want of room."""
    limited: int
    """By the limits of one address."""
    malformed: int
    """Offers that could not be read, or had nothing we speak."""


class WebLeg:
    """A browser's `MediaLeg`."""

    def __init__(self, leg: LegId, session: WebSession) -> None:
        self._leg = leg
        self._session = session

    @property
    def leg(self) -> LegId:
        """The leg's id."""
        return self._leg

    @property
    def facts(self) -> AudioFacts:
        """What has happened to the incoming audio so far."""
        return self._session.facts

    def inputs(self) -> AsyncIterator[LegInput]:
        """Frames every 20 ms, key presses, then one `LegEnded`."""
        return self._session.inputs()

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Play 16 kHz s16le mono. Raises `LegGone` when the leg has ended."""
        await self._session.play(pcm, tap)

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Hand on what comes, and what is spoken; see `MediaLeg.connect`."""
        self._session.connect(hear, tap)

    def speak(self, frame: AudioFrame) -> None:
        """Say 20 ms of somebody else."""
        self._session.speak(frame)

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Press a key towards the peer (RFC 4733). Raises `ValueError` for no such key."""
        self._session.send_digit(key, ms)

    async def hangup(self, cause: EndCause = EndCause.LOCAL_HANGUP) -> None:
        """End the leg. Harmless when already ended."""
        self._session.end(cause)
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSING_SECONDS):
            await self._session.close()

    def gone(self, cause: EndCause) -> None:
        """The far end is gone: `inputs` says so."""
        self._session.end(cause)

    async def wait_ended(self) -> EndCause:
        """Why it ended, once it has."""
        return await self._session.wait_ended()


class WebCall:
    """One press of the page's button: an `IncomingCall`."""

    def __init__(self, offer: bytes, ports: WebPorts, source: str, dialled: str) -> None:
        self._offer = offer
        self._ports = ports
        self._dialled = dialled
        self._remote = f"web:{secrets.token_hex(4)}"
        self._over = self._answering = False
        self.source = source
        self.leg: WebLeg | None = None
        """Once answered."""
        self.description = b""
        """Our answer to the offer, once answered."""
        self.refusal: WebCallRefused | None = None
        self.settled = anyio.Event()
        """Answered, refused or given up."""

    @property
    def remote(self) -> str:
        """A name made up for this call: a browser has no number, and its address is not recorded."""
        return self._remote

    @property
    def dialled(self) -> str:
        """The line's own number."""
        return self._dialled

    @property
    def channel(self) -> str:
        """Always `webrtc`."""
        return "webrtc"

    async def progress(self) -> None:
        """A page plays no sound before the answer."""

    async def answer(self) -> MediaLeg:
        """Take the call. Raises `CallAborted` when it is over, or no media can be had for it."""
        if self._over or self._answering:
            raise CallAborted("the call is over")
        self._answering = True
        leg_id = LegId(f"leg-{secrets.token_hex(8)}")
        try:
            session = await self._ports.web_session(leg_id)
        except HotlineError as error:
            await self.reject(503, "Service Unavailable", 5)
            raise CallAborted("no room for a browser") from error
        try:
            description = await session.answer(self._offer)
            if self._over:
                raise CallAborted("the browser has gone")
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await session.close()
            if not isinstance(error, SdpSyntaxError | NothingInCommon):
                raise
            self._refuse(WebCallRefused("offer"))
            raise CallAborted("the browser's offer fits nothing") from error
        self.leg, self.description = WebLeg(leg_id, session), description
        self.settled.set()
        return self.leg

    async def reject(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """Refuse the call; the page says that all lines are busy. Harmless when over."""
        del status, reason
        self._refuse(WebCallRefused("busy", retry_after))

    def give_up(self, cause: EndCause = EndCause.REMOTE_HANGUP) -> None:
        """The browser has hung up, or its page is closed. Harmless when repeated."""
        self._over = True
        if self.leg is not None:
            self.leg.gone(cause)
        self.settled.set()

    def _refuse(self, refusal: WebCallRefused) -> None:
        if not self.settled.is_set():
            self._over, self.refusal = True, refusal
            self.settled.set()


class WebDoor:
    """All calls of the page: what the web part rings, and the application attends."""

    def __init__(self, settings: WebRtcSettings, ports: WebPorts, number: str) -> None:
        """`number`: what counts as dialled."""
        self._settings = settings
        self._ports = ports
        self._number = number
        self._writer, self._reader = anyio.create_memory_object_stream[IncomingCall](WAITING_CALLS)
        self._calls: dict[WebCall, None] = {}
        self._recent: OrderedDict[str, deque[float]] = OrderedDict()
        self._empty = anyio.Event()
        self._draining = False
        self._taken = self._refused = self._limited = self._malformed = 0

    @property
    def stats(self) -> WebDoorStats:
        """A snapshot."""
        return WebDoorStats(len(self._calls), self._taken, self._refused, self._limited, self._malformed)

    def ring(self, offer: bytes, host: str, now: float) -> WebCall:
        """A call from a browser at the address `host`; `leave` must be called when it is done with.

        `now`: seconds of any steady clock. Raises `WebCallRefused`.
        """
        source = source_of(host)
        self._check_limits(source, now)
        try:
            if len(offer) > MAX_OFFER:
                raise WebCallRefused("offer")
            webrtc_sdp.read(offer, self._settings.codecs)
        except (SdpSyntaxError, NothingInCommon, WebCallRefused):
            self._malformed += 1
            raise WebCallRefused("offer") from None
        call = WebCall(offer, self._ports, source, self._number)
        try:
            self._writer.send_nowait(call)
        except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._refused += 1
            raise WebCallRefused("busy", 10) from None
        self._calls[call] = None
        return call

    def leave(self, call: WebCall, cause: EndCause = EndCause.REMOTE_HANGUP) -> None:
        """The page is done with that call, however it went. Harmless when repeated."""
        if call not in self._calls:
            return
        if call.leg is not None:
            self._taken += 1
        elif call.refusal is not None:
            self._refused += 1
        call.give_up(cause)
        del self._calls[call]
        self._empty.set()

    async def incoming(self) -> AsyncIterator[IncomingCall]:
        """Calls as they come, until shutdown. One reader only."""
        with self._reader:
            async for call in self._reader:
                yield call

    async def shutdown(self, grace: float) -> None:
        """Take no more calls and hang up on those there are; wait at most `grace` seconds for them to go."""
        self._draining = True
        self._writer.close()
        for call in list(self._calls):
            await call.reject(503, "Service Unavailable", 30)
            call.give_up(EndCause.SHUTDOWN)
        with anyio.move_on_after(grace):
            while self._calls:
                self._empty = anyio.Event()
                await self._empty.wait()

    def _check_limits(self, source: str, now: float) -> None:
        """Every attempt within the limits counts, so that broken offers cost as much as good ones."""
        if self._draining or len(self._calls) >= self._settings.calls:
            self._refused += 1
            raise WebCallRefused("busy", 10)
        if sum(call.source == source for call in self._calls) >= self._settings.calls_per_source:
            self._limited += 1
            raise WebCallRefused("source")
        begun = self._recent.setdefault(source, deque(maxlen=self._settings.calls_per_minute))
        self._recent.move_to_end(source)
        while begun and begun[0] <= now - _MINUTE:
            begun.popleft()
        if len(begun) >= self._settings.calls_per_minute:
            self._limited += 1
            raise WebCallRefused("often", max(1, round(begun[0] + _MINUTE - now)))
        begun.append(now)
        if len(self._recent) > KNOWN_SOURCES:
            self._recent.popitem(last=False)


def source_of(host: str) -> str:
    """Whom an address stands for: itself, or its /64, which one subscriber has all of (RFC 6177)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
