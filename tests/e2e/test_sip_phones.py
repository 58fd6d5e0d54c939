"""Stock phones at our registrar: they register, are rung by us and heard, and run out."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import anyio
import anyio.abc
import pytest

from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.client import CallRefused
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.registrar import Registrar
from hotline.gateway_settings import MediaSettings, RegistrarSettings, SipSettings, TlsSettings
from tests.e2e.phones import (
    PASSWORD,
    REALM,
    THEIRS_HZ,
    baresip,
    baresip_heard,
    linphone,
    linphone_heard,
    say,
    talk,
    tone_in,
    users_file,
)
from tests.e2e.ports import line_ports
from tests.fakes.certificates import Papers, make_authority

pytestmark = [pytest.mark.e2e, pytest.mark.anyio, pytest.mark.timeout(120)]
needs_baresip = pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed")
needs_linphone = pytest.mark.skipif(shutil.which("linphonec") is None, reason="linphonec is not installed")
MD5_ONLY: dict[str, Any] = {"algorithms": ("MD5",)}
"""baresip 1.x gives up where any challenge is not of MD5, in whatever order they come."""
Phone = AbstractAsyncContextManager[anyio.abc.Process]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@dataclass(frozen=True, slots=True)
class House:
    """Our gateway with its registrar."""

    endpoint: SipEndpoint
    registrar: Registrar
    papers: Papers

    def where(self, transport: str) -> str:
        kind = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}[transport]
        port = next(port for name, port in self.endpoint.ports.items() if name == kind)
        return f"127.0.0.1:{port};transport={transport}"

    def bound(self, user: str = "8001") -> int:
        return len(self.registrar.lookup(user, anyio.current_time()))


@asynccontextmanager
async def house(
    folder: Path, *, srtp: Literal["allow", "require"] = "allow", **settings: Any
) -> AsyncIterator[House]:
    papers = make_authority(folder)
    tls = TlsSettings(port=0, certificate=papers.certificate, key=papers.key)
    phones = users_file(folder / "phones", "8001")
    registrar = Registrar(RegistrarSettings(users_file=phones, realm=REALM, **settings))
    sip = SipSettings(port=0, tls=tls, srtp=srtp)
    low, high = line_ports(100)
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=low, port_max=high)) as engine,
        SipEndpoint.open(sip, engine, registrar=registrar, ping_s=1.0) as endpoint,
    ):
        yield House(endpoint, registrar, papers)


def a_baresip(
    folder: Path, here: House, transport: str, *, password: str = PASSWORD, seconds: int = 60
) -> Phone:
    secure = transport == "tls"
    account = f"<sip:8001@{here.where(transport)}>;auth_pass={password};regint={seconds};answermode=auto"
    return baresip(
        folder,
        account + (";mediaenc=srtp" if secure else ""),
        authority=here.papers.authority if secure else None,
        media="module srtp.so\n" if secure else "",
    )


def a_linphone(folder: Path, here: House, transport: str) -> Phone:
    # Its TLS looks for the name of a host in a certificate, not for an address.
    where = here.where(transport).replace("127.0.0.1", "localhost")
    return linphone(folder, where, "8001", authority=here.papers.authority)


async def settled(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 outside state
            await anyio.sleep(0.05)


async def heard_when_rung(here: House) -> bytes:
    leg = await here.endpoint.ring("8001")
    heard = await talk(leg, 4)
    await leg.hangup()
    return heard


@needs_baresip
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_baresip_registers_and_is_rung(tmp_path: Path, transport: str) -> None:
    async with house(tmp_path, **MD5_ONLY) as here:
        async with a_baresip(tmp_path / "phone", here, transport):
            await settled(lambda: here.bound() == 1)
            heard = await heard_when_rung(here)
        assert tone_in(heard, 16_000, THEIRS_HZ) > 0.8
        assert baresip_heard(tmp_path / "phone") > 0.8
        await settled(lambda: here.bound() == 0)  # it takes its registration back
        assert here.endpoint.stats.faults == 0


@needs_linphone
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_linphone_registers_and_is_rung(tmp_path: Path, transport: str) -> None:
    async with house(tmp_path) as here:
        async with a_linphone(tmp_path / "phone", here, transport) as phone:
            await settled(lambda: here.bound() == 1)
            heard = await heard_when_rung(here)
            await anyio.sleep(0.5)
            await say(phone, "quit")
            with anyio.move_on_after(10):
                await phone.wait()
        assert tone_in(heard, 16_000, THEIRS_HZ) > 0.8
        assert linphone_heard(tmp_path / "phone") > 0.8
        assert here.endpoint.stats.faults == 0


@needs_baresip
async def test_a_phone_that_vanishes_runs_out(tmp_path: Path) -> None:
    async with house(tmp_path, min_expires_s=1, **MD5_ONLY) as here:
        async with a_baresip(tmp_path / "phone", here, "udp", seconds=4) as phone:
            await settled(lambda: here.bound() == 1)
            await anyio.sleep(6)
            assert here.bound() == 1  # registered again in time
            phone.kill()
            await phone.wait()
            await settled(lambda: here.bound() == 0)
        with pytest.raises(CallRefused) as refused:
            await here.endpoint.ring("8001")
        assert refused.value.status == 480


@needs_baresip
async def test_a_wrong_password_is_not_bound(tmp_path: Path) -> None:
    async with (
        house(tmp_path, **MD5_ONLY) as here,
        a_baresip(tmp_path / "phone", here, "udp", password="wrong"),
    ):
        await settled(lambda: here.registrar.stats(anyio.current_time()).refused > 0)
        assert here.bound() == 0


# -- phones that call us -------------------------------------------------------------------------------------


async def taken(here: House) -> bytes:
    """Answer the first call, talk, and hear what it says until it hangs up or we do."""
    with anyio.fail_after(30):
        async for call in here.endpoint.incoming():
            leg = await call.answer()
            heard = await talk(leg, 4)
            await leg.hangup()
            return heard
    raise AssertionError("no call came")


@needs_linphone
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_linphone_calls(tmp_path: Path, transport: str) -> None:
    async with house(tmp_path) as here:
        async with linphone(tmp_path / "phone", "", "", authority=here.papers.authority) as phone:
            where = here.where(transport).replace(
                "127.0.0.1", "localhost" if transport == "tls" else "127.0.0.1"
            )
            await say(phone, f"call sip:12348@{where}")
            heard = await taken(here)
            await anyio.sleep(0.5)
            await say(phone, "quit")
            with anyio.move_on_after(10):
                await phone.wait()
        assert tone_in(heard, 16_000, THEIRS_HZ) > 0.8
        assert linphone_heard(tmp_path / "phone") > 0.8
        assert here.endpoint.stats.faults == 0


@needs_baresip
async def test_baresip_calls_over_tls_with_srtp(tmp_path: Path) -> None:
    async with house(tmp_path, srtp="require") as here:
        account = "<sip:13800001234@127.0.0.1;transport=tls>;regint=0;mediaenc=srtp-mand"
        dial = f"sip:12348@{here.where('tls')}"
        folder = tmp_path / "phone"
        authority = here.papers.authority
        async with baresip(folder, account, dial=dial, authority=authority, media="module srtp.so\n"):
            heard = await taken(here)
        assert tone_in(heard, 16_000, THEIRS_HZ) > 0.8
        assert baresip_heard(folder) > 0.8
        assert here.endpoint.stats.faults == 0
