"""Calls through Sippy's B2BUA: a stack of its own that answers us on one side and calls us on the other."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.abc
import pytest

from hotline.conversation import EndCause
from hotline.errors import CallAborted
from hotline.gateway.media import IncomingCall, LegEnded
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import CallRefused, SipEndpoint
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway_settings import MediaSettings, SipSettings
from tests.e2e.phones import OURS_HZ, running, talk, tone_in
from tests.e2e.ports import free_port, line_ports

SIPPY = Path(__file__).parents[2] / ".tools" / "sippy" / "bin" / "python"
"""An environment of its own: its package brings one named `tests`, which would hide ours."""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(90),
    pytest.mark.skipif(not SIPPY.exists(), reason="sippy is not in .tools/sippy: see .ci/run"),
]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@dataclass
class Between:
    """Two gateways of ours with the B2BUA between them: it sends what `caller` dials on to `line`."""

    caller: SipEndpoint
    line: SipEndpoint
    port: int
    rang: list[IncomingCall] = field(default_factory=list)

    async def attend(self) -> None:
        async for call in self.line.incoming():
            self.rang.append(call)

    async def dial(self) -> SipLeg:
        return await self.caller.dial(f"sip:12348@127.0.0.1:{self.port}", caller="13800001234")

    async def connected(self) -> tuple[SipLeg, SipLeg]:
        """A call that has been answered: the caller's leg and the line's."""
        legs: list[SipLeg] = []

        async def place() -> None:
            legs.append(await self.dial())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(place)
            answered = await (await self.call()).answer()
        assert isinstance(answered, SipLeg)
        return legs[0], answered

    async def call(self) -> IncomingCall:
        """The call that rings at the line."""
        await settled(lambda: bool(self.rang))
        return self.rang.pop()


@asynccontextmanager
async def gateway() -> AsyncIterator[SipEndpoint]:
    low, high = line_ports(10)
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=low, port_max=high)) as engine,
        SipEndpoint.open(SipSettings(port=0), engine) as endpoint,
    ):
        yield endpoint


@asynccontextmanager
async def between(folder: Path) -> AsyncIterator[Between]:
    port = free_port()
    async with gateway() as caller, gateway() as line:
        command = [str(SIPPY), "-m", "sippy.b2bua_simple", "-f", "-l", "127.0.0.1", "-p", str(port)]
        command += ["-n", f"127.0.0.1:{line.port}"]
        async with (
            # It writes a log where only root may, unless it is told to write none.
            running(["env", "SIPLOG_BEND=none", *command], folder),
            anyio.create_task_group() as tasks,
        ):
            await answers(port)
            made = Between(caller, line, port)
            tasks.start_soon(made.attend)
            yield made
            await settled(lambda: caller.stats.dialogs == line.stats.dialogs == 0)
            assert caller.stats.faults == line.stats.faults == 0
            assert caller.stats.malformed == line.stats.malformed == 0
            tasks.cancel_scope.cancel()


async def answers(port: int) -> None:
    """Wait until it hears: any request gets some answer."""
    text = (
        "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{0};rport;branch=z9hG4bK{1}\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: up{1}\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    async with await anyio.create_udp_socket(family=socket.AF_INET, local_host="127.0.0.1") as sock:
        own = sock.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(30):
            for attempt in range(1_000):
                await sock.sendto(text.format(own, attempt).encode(), "127.0.0.1", port)
                with anyio.move_on_after(0.3):
                    await sock.receive()
                    return


async def settled(condition: object) -> None:
    assert callable(condition)
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 outside state
            await anyio.sleep(0.02)


async def cause_of(leg: SipLeg) -> EndCause:
    with anyio.fail_after(15):
        (ended,) = [item async for item in leg.inputs() if isinstance(item, LegEnded)]
    return ended.cause


@pytest.mark.parametrize("who", ["caller", "line"])
async def test_a_call_with_sound_both_ways(tmp_path: Path, who: str) -> None:
    async with between(tmp_path) as made:
        out, into = await made.connected()
        heard: dict[str, bytes] = {}

        async def speak(name: str, leg: SipLeg) -> None:
            heard[name] = await talk(leg, 3)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(speak, "caller", out)
            tasks.start_soon(speak, "line", into)
        assert {name: tone_in(sound, 16_000, OURS_HZ) > 0.8 for name, sound in heard.items()} == {
            "caller": True,
            "line": True,
        }
        first, other = (out, into) if who == "caller" else (into, out)
        await first.hangup()
        assert await cause_of(other) is EndCause.REMOTE_HANGUP


async def test_hold_goes_through_it(tmp_path: Path) -> None:
    """Our re-INVITE comes out on its other side, and its answer comes back."""
    async with between(tmp_path) as made:
        out, into = await made.connected()
        await anyio.sleep(0.3)
        await into.hold(b"")
        await into.resume()
        await out.hangup()
        assert await cause_of(into) is EndCause.REMOTE_HANGUP


async def test_a_refusal_comes_back(tmp_path: Path) -> None:
    async with between(tmp_path) as made, anyio.create_task_group() as tasks:

        async def refuse() -> None:
            await (await made.call()).reject(486, "Busy Here")

        tasks.start_soon(refuse)
        with pytest.raises(CallRefused) as refused:
            await made.dial()
        assert refused.value.status == 486


async def test_who_gives_up_is_followed(tmp_path: Path) -> None:
    """Our CANCEL, and its own to our other side."""
    async with between(tmp_path) as made:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.dial)
            call = await made.call()
            await anyio.sleep(0.3)
            tasks.cancel_scope.cancel()
        await settled(lambda: made.line.stats.dialogs == 0)
        with pytest.raises(CallAborted):
            await call.answer()
