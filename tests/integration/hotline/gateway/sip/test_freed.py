"""A call that is over is freed at once, whoever hung up, without the garbage collector."""

import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from hotline.gateway.media import MediaLeg
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway_settings import MediaSettings, SipSettings
from tests.fakes.sip_line import QUICK

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@asynccontextmanager
async def endpoint(first_port: int) -> AsyncIterator[SipEndpoint]:
    settings = MediaSettings(port_min=first_port, port_max=first_port + 100)
    async with (
        MediaEngine.open("127.0.0.1", settings) as media,
        SipEndpoint.open(SipSettings(port=0, codecs=("PCMA",)), media, timers=QUICK) as made,
    ):
        yield made


async def attend(line: SipEndpoint, known: list[weakref.ref[Any]], *, hangs_up: bool) -> None:
    async for call in line.incoming():
        leg = await call.answer()
        known.append(weakref.ref(leg))
        if hangs_up:
            await leg.hangup()
        await hear(leg)
        del leg


async def hear(leg: MediaLeg) -> None:
    async for _ in leg.inputs():
        pass


@pytest.mark.parametrize("hangs_up", [True, False], ids=["called side", "calling side"])
@pytest.mark.usefixtures("no_collector")
async def test_nothing_is_left_for_the_collector(hangs_up: bool) -> None:
    known: list[weakref.ref[Any]] = []
    async with endpoint(30_200) as line, endpoint(30_400) as caller, anyio.create_task_group() as tasks:

        async def attending() -> None:
            await attend(line, known, hangs_up=hangs_up)

        tasks.start_soon(attending)

        async def calling() -> None:
            leg = await caller.dial(f"sip:12348@127.0.0.1:{line.port}")
            known.append(weakref.ref(leg))
            if not hangs_up:
                await leg.hangup()
            await hear(leg)

        await calling()
        with anyio.fail_after(30):  # their transactions have to end first
            while len(known) < 2 or any(one() for one in known):  # noqa: ASYNC110
                await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
