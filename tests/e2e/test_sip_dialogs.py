"""What goes on inside a dialog, against sipp: session timers in both roles, transfers in both, and glare."""

import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest

from hotline.conversation import EndCause
from hotline.gateway.media import LegEnded
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway.sip.timers import Timers
from hotline.gateway_settings import MediaSettings, SipSettings
from tests.e2e.phones import run_sipp
from tests.e2e.ports import line_ports

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(90),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed"),
]
SCENARIOS = Path(__file__).parent / "sipp"
QUICK = Timers(t1=0.1, t2=0.4, t4=0.5)
Deed = Callable[[SipLeg], Coroutine[Any, Any, None]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


async def nothing(leg: SipLeg) -> None:
    del leg


ACKNOWLEDGED_S = 0.5
"""sipp cannot take a request while it is about to send its ACK."""


async def hold(leg: SipLeg) -> None:
    await anyio.sleep(ACKNOWLEDGED_S)
    await leg.hold(b"")


async def send_elsewhere(leg: SipLeg) -> None:
    await anyio.sleep(ACKNOWLEDGED_S)
    await leg.refer("sip:8002@127.0.0.1")
    await leg.hangup()


async def go_where_told(leg: SipLeg) -> None:
    told = anyio.Event()
    leg.on_refer = lambda target: told.set() or target.startswith("sip:8002@")  # type: ignore[func-returns-value]
    await told.wait()
    await anyio.sleep(0.2)
    leg.tell_referrer(200, "OK")


async def play(scenario: str, deed: Deed, transport: str, folder: Path) -> EndCause:
    """Run a scenario as the caller against a gateway that answers and does a deed; why the call ended."""
    causes: list[EndCause] = []
    low, high = line_ports(25)
    sip = SipSettings(port=0, min_se_s=1)
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=low, port_max=high)) as engine,
        SipEndpoint.open(sip, engine, timers=QUICK) as endpoint,
        anyio.create_task_group() as tasks,
    ):

        async def attend() -> None:
            async for call in endpoint.incoming():
                leg = await call.answer()
                assert isinstance(leg, SipLeg)
                tasks.start_soon(deed, leg)
                causes.extend([item.cause async for item in leg.inputs() if isinstance(item, LegEnded)])

        tasks.start_soon(attend)
        command = ["sipp", "-s", "12348", f"127.0.0.1:{endpoint.port}", "-i", "127.0.0.1", "-nostdin"]
        command += ["-m", "1", "-timeout", "40", "-timeout_error", "-t", transport]
        await run_sipp([*command, "-sf", str(SCENARIOS / f"{scenario}.xml")], folder)
        with anyio.fail_after(10):
            while not causes or endpoint.stats.dialogs:  # noqa: ASYNC110 outside state
                await anyio.sleep(0.02)
        assert endpoint.stats.faults == 0
        tasks.cancel_scope.cancel()
    (cause,) = causes
    return cause


@pytest.mark.parametrize("transport", ["u1", "t1"])
@pytest.mark.parametrize(
    ("scenario", "deed", "cause"),
    [
        ("timer_ours", nothing, EndCause.REMOTE_HANGUP),
        ("timer_reinvite", nothing, EndCause.REMOTE_HANGUP),
        ("timer_lapsed", nothing, EndCause.MEDIA_TIMEOUT),
        ("refer_taken", go_where_told, EndCause.REMOTE_HANGUP),
        ("refer_sent", send_elsewhere, EndCause.LOCAL_HANGUP),
        ("glare", hold, EndCause.REMOTE_HANGUP),
    ],
)
async def test_dialog(tmp_path: Path, scenario: str, deed: Deed, cause: EndCause, transport: str) -> None:
    assert await play(scenario, deed, transport, tmp_path) == cause
