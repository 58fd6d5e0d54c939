"""Everything calls come in and go out by: media, SIP with its phones and trunks, browsers, PBXs."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import anyio

from hotline import bans
from hotline.call.admission import Admission
from hotline.call.calling_back import CallingBack
from hotline.call.line import utc_now
from hotline.desk_phone import DeskPhones
from hotline.gateway.media import IncomingCall, MediaLeg
from hotline.gateway.outbound_policy import Decision, OutboundPolicy
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import Refusal, SipEndpoint
from hotline.gateway.sip.registrar import Registrar
from hotline.gateway.sip.trunk import Trunk, Trunks
from hotline.gateway.staff_leg import open_staff_leg
from hotline.gateway.web_door import WebDoor
from hotline.gateway.webrtc import WebRtcEngine
from hotline.ivr.flow import FlowFile
from hotline.office import Office
from hotline.pbx import pbx_doors
from hotline.settings import Settings
from hotline.wiring import listening
from workorders.calendar import SHANGHAI

log = logging.getLogger(__name__)


Task = Callable[[], Coroutine[Any, Any, None]]


class Door(Protocol):
    """Where calls come in: SIP, browsers, PBXs."""

    def incoming(self) -> AsyncIterator[IncomingCall]:
        """Calls as they ring, until shutdown."""

    async def shutdown(self, grace: float) -> None:
        """Take no more calls and hang up on those there are; wait at most `grace` seconds for them."""


@dataclass(frozen=True, slots=True)
class Doors:
    """All of them, open."""

    sip: SipEndpoint
    web: WebDoor
    """Where the page `/call` rings."""
    trunks: Trunks
    """The one way out, past the outbound policy."""
    staff_leg: Callable[[bytes], Awaitable[tuple[MediaLeg, bytes]]]
    """A leg for the browser of an agent or a supervisor."""
    back: CallingBack
    """Calls that agents place."""
    all: tuple[Door, ...]
    tasks: tuple[Task, ...]
    """What runs as long as they are open."""

    async def shutdown(self, grace: float) -> None:
        """Shut every door."""
        async with anyio.create_task_group() as closing:
            for door in (*self.all, self.back):
                closing.start_soon(door.shutdown, grace)


@asynccontextmanager
async def open_doors(
    settings: Settings, office: Office, admission: Admission, callback: FlowFile
) -> AsyncIterator[Doors]:
    """Open them while the context lasts; `callback` is what those hear whom agents call.

    Raises `ConfigError` naming the setting of what cannot be opened.
    """
    host, show = settings.sip.host, office.show
    bans.restore(office.defence, settings.paths.data, anyio.current_time())
    async with AsyncExitStack() as stack:
        media = await stack.enter_async_context(MediaEngine.open(host, settings.media))
        with listening("webrtc.port", settings.webrtc.host or host, settings.webrtc.port):
            browsers = await stack.enter_async_context(WebRtcEngine.open(media, settings.webrtc, host))
        phones = Registrar(settings.registrar) if settings.registrar.users_file is not None else None
        with listening("sip.port", host, settings.sip.port):
            sip = await stack.enter_async_context(
                SipEndpoint.open(
                    settings.sip,
                    browsers,
                    admission=lambda: _refusal(admission),
                    registrar=phones,
                    ping_s=settings.registrar.ping_s,
                    guard=office.defence,
                )
            )
        pbx = await stack.enter_async_context(pbx_doors(settings.pbx, settings.sip.numbers[0]))
        web = WebDoor(settings.webrtc, browsers, settings.sip.numbers[0])
        trunks = [Trunk(each, sip) for each in settings.trunks]
        _show_figures(office, media, browsers, web, sip, trunks)
        if phones is not None:
            show("registrar", lambda: phones.stats(anyio.current_time()))
        if pbx is not None:
            show("pbx", lambda: pbx.stats)
        everything: tuple[Door, ...] = (sip, web) if pbx is None else (sip, web, pbx)
        policy = OutboundPolicy(settings.outbound)

        def decide(number: str) -> Decision:
            return policy.decide(number, anyio.current_time(), utc_now().astimezone(SHANGHAI))

        keep_bans = partial(bans.keep, office.defence, settings.paths.data)
        desks = DeskPhones(office.acd, sip, lambda: office.staff.profiles, sip.number, utc_now)
        tasks: tuple[Task, ...] = (keep_bans, desks.run, *(trunk.run for trunk in trunks))

        async def staff_leg(offer: bytes) -> tuple[MediaLeg, bytes]:
            return await open_staff_leg(browsers, offer, settings.webrtc.codecs)

        out = Trunks(tuple(trunks), decide)
        back = CallingBack(out.dial, office.called_back, callback)
        yield Doors(sip, web, out, staff_leg, back, everything, tasks)


def _show_figures(
    office: Office,
    media: MediaEngine,
    browsers: WebRtcEngine,
    web: WebDoor,
    sip: SipEndpoint,
    trunks: list[Trunk],
) -> None:
    """What every line has on its metrics page."""
    office.show("defence", lambda: office.defence.stats(anyio.current_time()))
    office.show("media", lambda: media.stats)
    office.show("webrtc", lambda: browsers.stats)
    office.show("web_door", lambda: web.stats)
    office.show("sip", lambda: sip.stats)
    for trunk in trunks:
        office.show(f"trunk_{trunk.name.replace('-', '_')}", partial(getattr, trunk, "stats"))


def _refusal(admission: Admission) -> Refusal | None:
    denial = admission.check()
    return None if denial is None else Refusal(denial.status, denial.reason, denial.retry_after)
