"""One call in the place of another (RFC 3891), and transfers that name one, against sipp."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.abc
import pytest

from hotline.conversation import EndCause
from hotline.gateway.media import IncomingCall, LegEnded
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
TRANSPORTS = pytest.mark.parametrize("transport", ["u1", "t1"])


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@dataclass
class Here:
    """A gateway that answers, and calls placed to it."""

    endpoint: SipEndpoint
    tasks: anyio.abc.TaskGroup
    folder: Path
    transport: str
    answers: bool = True
    legs: list[SipLeg] = field(default_factory=list)
    ringing: list[IncomingCall] = field(default_factory=list)
    causes: list[EndCause] = field(default_factory=list)

    async def attend(self) -> None:
        async for call in self.endpoint.incoming():
            self.ringing.append(call)
            if self.answers:
                self.tasks.start_soon(self.take, call)

    async def take(self, call: IncomingCall) -> None:
        leg = await call.answer()
        assert isinstance(leg, SipLeg)
        self.legs.append(leg)
        self.causes += [item.cause async for item in leg.inputs() if isinstance(item, LegEnded)]

    async def sipp(self, scenario: str, replaces: str = "", status: int = 481, target: str = "") -> None:
        """One scenario to its end. `status` is the one that a refused call wants, `target` the whole of a
        transfer's."""
        folder = self.folder / f"{scenario}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        text = text.replace('response="481"', f'response="{status}"')
        if target:
            text = text.replace("sip:8002@127.0.0.1", target).replace(
                "sip:8002@[local_ip]:[local_port]", target
            )
        (folder / "scenario.xml").write_text(text)
        command = ["sipp", "-s", "12348", f"127.0.0.1:{self.endpoint.port}", "-i", "127.0.0.1", "-nostdin"]
        command += ["-m", "1", "-timeout", "30", "-timeout_error", "-t", self.transport]
        await run_sipp([*command, "-sf", "scenario.xml", "-key", "replaces", replaces], folder)

    async def first(self) -> str:
        """Place the call that is to be replaced; its name, as Replaces has it."""
        self.tasks.start_soon(self.sipp, "replaced")
        await settled(lambda: len(self.legs) == 1)
        await anyio.sleep(0.5)  # it has sent its ACK
        call_id, ours, theirs = self.legs[0].dialog.ident
        return f"{call_id};to-tag={ours};from-tag={theirs}"

    @property
    def over(self) -> bool:
        return self.endpoint.stats.dialogs == 0


@asynccontextmanager
async def here(folder: Path, transport: str) -> AsyncIterator[Here]:
    low, high = line_ports(25)
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=low, port_max=high)) as engine,
        SipEndpoint.open(SipSettings(port=0), engine, timers=QUICK) as endpoint,
        anyio.create_task_group() as tasks,
        anyio.create_task_group() as calls,
    ):
        made = Here(endpoint, calls, folder, transport)
        tasks.start_soon(made.attend)
        yield made
        await settled(lambda: made.over)
        assert endpoint.stats.faults == 0
        tasks.cancel_scope.cancel()


async def settled(condition: object) -> None:
    assert callable(condition)
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 outside state
            await anyio.sleep(0.02)


@TRANSPORTS
async def test_a_call_takes_the_place_of_another(tmp_path: Path, transport: str) -> None:
    async with here(tmp_path, transport) as made:
        await made.sipp("replaces", await made.first())
        await settled(lambda: len(made.causes) == 2)
        assert len(made.legs) == 2
        assert EndCause.REMOTE_HANGUP in made.causes


@TRANSPORTS
async def test_who_may_not_take_it(tmp_path: Path, transport: str) -> None:
    """An answered call is not early; wrong tags, swapped tags and another Call-ID name no call of ours."""
    async with here(tmp_path, transport) as made:
        name = await made.first()
        call_id, ours, theirs = made.legs[0].dialog.ident
        await made.sipp("replaces_refused", f"{name};early-only", 486)
        for wrong in (
            f"{call_id};to-tag=wrong;from-tag={theirs}",
            f"{call_id};to-tag={ours};from-tag=wrong",
            f"{call_id};to-tag={theirs};from-tag={ours}",
            f"other@{call_id};to-tag={ours};from-tag={theirs}",
        ):
            await made.sipp("replaces_refused", wrong, 481)
        await made.sipp("replaces_refused", f"{call_id};to-tag={ours}", 400)
        assert not made.legs[0].over
        assert len(made.ringing) == 1
        await made.legs[0].hangup()


@TRANSPORTS
async def test_a_call_that_has_ended_is_not_replaced(tmp_path: Path, transport: str) -> None:
    """603 as long as its end is not confirmed and we remember it, 481 afterwards."""
    async with here(tmp_path, transport) as made:
        name = await made.first()
        async with anyio.create_task_group() as ending:
            ending.start_soon(made.legs[0].hangup)
            await settled(lambda: made.legs[0].over)
            assert made.endpoint.stats.dialogs == 1
            await made.sipp("replaces_refused", name, 603)
        await settled(lambda: made.over)
        await made.sipp("replaces_refused", name, 481)
        assert len(made.ringing) == 1


@TRANSPORTS
async def test_a_call_that_rings_here_is_not_for_others_to_replace(tmp_path: Path, transport: str) -> None:
    """RFC 3891 §3: an early dialog may be replaced only where the one who is asked had begun it."""
    async with here(tmp_path, transport) as made:
        made.answers = False
        made.tasks.start_soon(made.sipp, "replaced")
        await settled(lambda: len(made.ringing) == 1)
        call_id, ours, theirs = made.ringing[0].dialog.ident  # type: ignore[attr-defined]
        for early in ("", ";early-only"):
            await made.sipp("replaces_refused", f"{call_id};to-tag={ours};from-tag={theirs}{early}", 481)
        made.tasks.start_soon(made.take, made.ringing[0])
        await settled(lambda: len(made.legs) == 1)
        await anyio.sleep(0.5)
        await made.legs[0].hangup()


@TRANSPORTS
async def test_a_transfer_we_send_names_the_call_to_take(tmp_path: Path, transport: str) -> None:
    """RFC 5589 §7: the name of our other call is in the target's URI, escaped (RFC 3891 §7.1)."""
    other = "c1@192.0.2.1;to-tag=a;from-tag=b"
    async with here(tmp_path, transport) as made:
        escaped = r"sip:8002@127.0.0.1\?Replaces=c1%40192.0.2.1%3Bto-tag%3Da%3Bfrom-tag%3Db"
        made.tasks.start_soon(made.sipp, "refer_sent", "", 481, escaped)
        await settled(lambda: len(made.legs) == 1)
        await anyio.sleep(0.5)
        await made.legs[0].refer("sip:8002@127.0.0.1", replaces=other)
        await made.legs[0].hangup()


@TRANSPORTS
async def test_a_transfer_we_are_sent_on_names_one_too(tmp_path: Path, transport: str) -> None:
    """What is to be replaced comes to whoever goes there, with the target."""
    told: list[str] = []
    async with here(tmp_path, transport) as made:
        target = "sip:8002@[local_ip]?Replaces=c1%40192.0.2.1%3Bto-tag%3Da%3Bfrom-tag%3Db"
        made.tasks.start_soon(made.sipp, "refer_taken", "", 481, target)
        await settled(lambda: len(made.legs) == 1)
        made.legs[0].on_refer = lambda where: told.append(where) or True  # type: ignore[func-returns-value]
        await settled(lambda: bool(told))
        await anyio.sleep(0.2)
        made.legs[0].tell_referrer(200, "OK")
        await settled(lambda: made.causes == [EndCause.REMOTE_HANGUP])
        assert told[0].endswith("%40192.0.2.1%3Bto-tag%3Da%3Bfrom-tag%3Db")
