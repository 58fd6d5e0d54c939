"""A stock phone on an agent's desk: on duty while it is registered, rung for a waiting call, and heard."""

import shutil
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from hotline.acd.distributor import Distributor
from hotline.acd.model import AcdLog, Agent, LogKind, Presence, Wanted
from hotline.acd.ports import Left
from hotline.call.line import utc_now
from hotline.conversation import CallId
from hotline.desk_phone import DeskPhones
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.registrar import Registrar
from hotline.gateway_settings import MediaSettings, RegistrarSettings, SipSettings
from hotline.settings import AcdSettings
from hotline.store.roster import Profile
from tests.e2e.phones import PASSWORD, REALM, THEIRS_HZ, baresip, baresip_heard, talk, tone_in, users_file
from tests.e2e.ports import line_ports

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]


async def settled(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 outside state
            await anyio.sleep(0.05)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_registered_baresip_is_an_agent_without_a_page(tmp_path: Path, answers: bool) -> None:
    users = users_file(tmp_path / "phones", "8001")
    registrar = Registrar(RegistrarSettings(users_file=users, realm=REALM, algorithms=("MD5",)))
    low, high = line_ports(100)
    logged: list[AcdLog] = []
    acd = Distributor(AcdSettings(grace_s=0.5, wrap_up_s=0.5), logged.append)
    roster = {"li": Profile(Agent("li", "Li", frozenset(), "8001"), phone_only=True)}
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=low, port_max=high)) as engine,
        SipEndpoint.open(SipSettings(port=0), engine, registrar=registrar) as sip,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(acd.run)
        tasks.start_soon(DeskPhones(acd, sip, lambda: roster, sip.number, utc_now).run)
        mode = "auto" if answers else "manual"
        account = f"<sip:8001@127.0.0.1:{sip.port}>;auth_pass={PASSWORD};regint=60;answermode={mode}"
        async with baresip(tmp_path / "phone", account):
            await settled(lambda: "li" in acd.seats and acd.seats["li"].presence is Presence.READY)
            call = acd.enter(Wanted(CallId("c1"), "legal"))
            if answers:
                with anyio.fail_after(20):
                    connected = await call.connected()
                assert connected is not None
                assert connected.device.kind == "phone"
                heard = await talk(connected.leg, 4)
                await connected.leg.hangup()
                connected.seat.talk_over(CallId("c1"))
                assert tone_in(heard, 16_000, THEIRS_HZ) > 0.8
            else:
                await settled(lambda: "Incoming" in (tmp_path / "phone" / "log").read_text(errors="replace"))
                call.leave(Left.ABANDONED)
                await settled(
                    lambda: "session closed" in (tmp_path / "phone" / "log").read_text(errors="replace")
                )
            await settled(lambda: acd.seats["li"].presence is Presence.READY)
        await settled(lambda: not acd.seats)  # it takes its registration back
        tasks.cancel_scope.cancel()
    kinds = [each.kind for each in logged]
    assert (LogKind.CONNECT in kinds) == answers
    assert kinds[-1] is LogKind.AGENTLOGOFF
    if answers:
        assert baresip_heard(tmp_path / "phone") > 0.8
