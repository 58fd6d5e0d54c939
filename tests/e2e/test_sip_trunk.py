"""A trunk at a registrar and proxy of others (kamailio), with a phone of others (baresip) behind it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from hotline.errors import CallAborted
from hotline.gateway.media import IncomingCall
from hotline.gateway.outbound_policy import Decision
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.client import CallRefused
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway.sip.timers import Timers
from hotline.gateway.sip.trunk import Trunk, Trunks
from hotline.gateway_settings import MediaSettings, SipSettings, TrunkServer, TrunkSettings
from tests.e2e.phones import (
    KAMAILIO,
    PASSWORD,
    THEIRS_HZ,
    baresip,
    baresip_heard,
    kamailio,
    talk,
    tone_in,
)
from tests.e2e.ports import free_port, line_ports

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed"),
]
needs_baresip = pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed")
QUICK = Timers(t1=0.2, t2=0.8, t4=1.0)
USER = "02812348"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@asynccontextmanager
async def trunk_at(
    ports: list[int], transport: str = "udp", **settings: Any
) -> AsyncIterator[tuple[SipEndpoint, Trunk]]:
    """Our gateway with a trunk that is kept up."""
    low, high = line_ports(10)
    servers = tuple(
        TrunkServer(uri=f"sip:127.0.0.1:{port};transport={transport}", priority=at)
        for at, port in enumerate(ports)
    )
    made: dict[str, Any] = {"user": USER, "password": SecretStr(PASSWORD), "options_s": 1, **settings}
    media = MediaSettings(port_min=low, port_max=high)
    async with (
        MediaEngine.open("127.0.0.1", media) as engine,
        SipEndpoint.open(SipSettings(port=0), engine, timers=QUICK) as endpoint,
        anyio.create_task_group() as tasks,
    ):
        trunk = Trunk(TrunkSettings(name="telecom", servers=servers, **made), endpoint)
        tasks.start_soon(trunk.run)
        yield endpoint, trunk
        tasks.cancel_scope.cancel()


async def registered(trunk: Trunk, seconds: float = 20.0, failovers: int = 0) -> None:
    with anyio.fail_after(seconds):
        while not (trunk.stats.registered and trunk.stats.failovers == failovers):  # noqa: ASYNC110 outside
            await anyio.sleep(0.05)


async def first_call(endpoint: SipEndpoint) -> IncomingCall:
    with anyio.fail_after(30):
        async for call in endpoint.incoming():
            return call
    raise AssertionError("no call came")


async def dialled(trunk: Trunk, number: str, seconds: float = 30.0) -> SipLeg:
    """The leg, as soon as who is behind the proxy has registered there."""
    trunks = Trunks((trunk,), lambda number: Decision(True, number))
    with anyio.fail_after(seconds):
        while True:
            try:
                return await trunks.dial(number, caller=USER)
            except CallRefused as refused:
                assert refused.status == 480
                await anyio.sleep(0.3)


def phone(port: int, transport: str = "udp", *, answers: bool = True) -> str:
    mode = ";answermode=auto" if answers else ""
    return f"<sip:8001@127.0.0.1:{port};transport={transport}>;auth_pass={PASSWORD};regint=60{mode}"


@needs_baresip
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_calls_in_and_out_through_a_real_registrar(tmp_path: Path, transport: str) -> None:
    port = free_port()
    async with (
        kamailio(tmp_path / "proxy", port),
        trunk_at([port], transport) as (endpoint, trunk),
    ):
        await registered(trunk)
        caller = f"sip:{USER}@127.0.0.1:{port};transport={transport}"
        async with baresip(tmp_path / "caller", phone(port, transport, answers=False), dial=caller):
            call = await first_call(endpoint)
            leg = await call.answer()
            heard = await talk(leg, 3)
            await leg.hangup()
        assert tone_in(heard, 16_000, THEIRS_HZ) > 0.8
        assert baresip_heard(tmp_path / "caller") > 0.8
        async with baresip(tmp_path / "callee", phone(port, transport)):
            leg = await dialled(trunk, "8001")
            heard = await talk(leg, 3)
            await leg.hangup()
        assert tone_in(heard, 16_000, THEIRS_HZ) > 0.8
        assert baresip_heard(tmp_path / "callee") > 0.8
        assert endpoint.stats.faults == 0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_registrar_begun_anew_is_told_of_us_again(tmp_path: Path, transport: str) -> None:
    """It forgets all; one question without answer is enough for us to register again."""
    port = free_port()
    async with AsyncExitStack() as first:
        await first.enter_async_context(kamailio(tmp_path / "proxy", port))
        async with trunk_at([port], transport, expires_s=120) as (endpoint, trunk):
            await registered(trunk)
            await first.aclose()
            with anyio.fail_after(20):
                while trunk.stats.last_status == 200:  # noqa: ASYNC110 outside state
                    await anyio.sleep(0.05)
            async with kamailio(tmp_path / "proxy", port), trunk_at([port], transport, user="8001") as other:
                await called_by(endpoint, other[1])


async def called_by(endpoint: SipEndpoint, other: Trunk) -> None:
    """Somebody else calls us through the registrar, which works when it knows us."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer_all, endpoint)
        leg = await dialled(other, USER, 60)
        await leg.hangup()
        tasks.cancel_scope.cancel()


async def answer_all(endpoint: SipEndpoint) -> None:
    async for call in endpoint.incoming():
        await call.answer()


async def test_the_second_registrar_takes_over(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    async with AsyncExitStack() as first, kamailio(tmp_path / "second", ports[1]):
        await first.enter_async_context(kamailio(tmp_path / "first", ports[0]))
        async with (
            trunk_at(ports, answer_s=1) as (endpoint, trunk),
            trunk_at(ports[1:], user="8001") as (_, other),
        ):
            await registered(trunk)
            await first.aclose()
            await registered(trunk, 30, failovers=1)
            await called_by(endpoint, other)


async def test_a_wrong_password_is_told_and_not_repeated(tmp_path: Path) -> None:
    port = free_port()
    async with (
        kamailio(tmp_path / "proxy", port),
        trunk_at([port], password=SecretStr("wrong")) as (_, trunk),
    ):
        with anyio.fail_after(20):
            while trunk.stats.last_status != 401:  # noqa: ASYNC110 outside state
                await anyio.sleep(0.05)
        assert not trunk.stats.registered
        with pytest.raises((CallRefused, CallAborted)):
            await trunk.dial("8001", USER)
