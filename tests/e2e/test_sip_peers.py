"""The SIP endpoint with its real media against sipp and baresip."""

import json
import os
import shutil
import subprocess
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import numpy as np
import pytest

from asr.audio import AudioFrame
from hotline.conversation import Digit, EndCause
from hotline.errors import CallAborted, LegGone
from hotline.gateway.media import IncomingCall, LegEnded, MediaLeg
from hotline.gateway.ports import QUARANTINE_S
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import CallRefused, Refusal, SipEndpoint
from hotline.gateway.sip.timers import Timers
from hotline.gateway_settings import MediaSettings, SipSettings
from tests.e2e.phones import run_sipp
from tests.e2e.ports import free_port, free_run, line_ports

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]

SCENARIOS = Path(__file__).parent / "sipp"
BARESIP_MODULES = Path("/usr/lib/baresip/modules")
PCAPS = Path("/usr/share/sip-tester")
QUICK = Timers(t1=0.1, t2=0.4, t4=0.5)
TONE = (8_000 * np.sin(2 * np.pi * 440 * np.arange(16_000 * 5) / 16_000)).astype("<i2").tobytes()

needs_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed")
needs_pcap = pytest.mark.skipif(
    os.geteuid() != 0 or not PCAPS.is_dir(), reason="uac_pcap needs root and sipp's pcap files"
)
needs_baresip = pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """As in service; the integration tests run plain asyncio too."""
    return "asyncio", {"use_uvloop": True}


@dataclass
class App:
    """Answers every call, plays a tone and writes down what it was given."""

    endpoint: SipEndpoint
    wait: float = 0.0
    early: bool = False
    """Play before answering, to those who can hear it."""
    rang: int = 0
    aborted: int = 0
    digits: list[str] = field(default_factory=list)
    causes: list[EndCause] = field(default_factory=list)
    frames: int = 0
    loud: int = 0

    async def run(self) -> None:
        async with anyio.create_task_group() as tasks:
            async for call in self.endpoint.incoming():
                self.rang += 1
                tasks.start_soon(self._take, call)

    async def _take(self, call: IncomingCall) -> None:
        await anyio.sleep(self.wait)
        try:
            early = await call.progress() if self.early else None
            if early is not None:
                await early.play(TONE[: 2 * 16_000])
            leg = await call.answer()
        except CallAborted:
            self.aborted += 1
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_play, leg)
            async for item in leg.inputs():
                match item:
                    case AudioFrame():
                        self.frames += 1
                        self.loud += bool(np.abs(np.frombuffer(item.pcm, "<i2")).max() > 500)
                    case Digit():
                        self.digits.append(item.key)
                    case LegEnded():
                        self.causes.append(item.cause)
            tasks.cancel_scope.cancel()


async def _play(leg: MediaLeg) -> None:
    try:
        await leg.play(TONE)
    except LegGone:
        return


@asynccontextmanager
async def line(
    *,
    timers: Timers | None = None,
    wait: float = 0.0,
    early: bool = False,
    media: MediaSettings | None = None,
    admission: Callable[[], Refusal | None] | None = None,
) -> AsyncIterator[App]:
    low, high = line_ports(100)
    media = media or MediaSettings(port_min=low, port_max=high)
    async with (
        MediaEngine.open("127.0.0.1", media) as engine,
        SipEndpoint.open(SipSettings(port=0), engine, admission=admission, timers=timers) as endpoint,
        anyio.create_task_group() as tasks,
    ):
        app = App(endpoint, wait, early)
        tasks.start_soon(app.run)
        yield app
        tasks.cancel_scope.cancel()


async def sipp(app: App, cwd: Path, *arguments: str, calls: int = 1, seconds: int = 20) -> None:
    command = ["sipp", "-s", "12348", f"127.0.0.1:{app.endpoint.port}", "-i", "127.0.0.1", "-nostdin"]
    command += ["-m", str(calls), "-timeout", str(seconds), "-timeout_error", *arguments]
    await run_sipp(command, cwd)


async def settled(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 what is waited for is outside state
            await anyio.sleep(0.02)


@needs_sipp
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_stock_caller(tmp_path: Path, transport: str) -> None:
    async with line() as app:
        await sipp(app, tmp_path, "-sn", "uac", "-t", transport, calls=5)
        await settled(lambda: len(app.causes) == 5)
        assert app.causes == [EndCause.REMOTE_HANGUP] * 5
        assert app.endpoint.stats.dialogs == 0


@needs_sipp
@needs_pcap
async def test_stock_caller_with_audio_and_a_key(tmp_path: Path) -> None:
    link_pcaps(tmp_path)
    async with line() as app:
        await sipp(app, tmp_path, "-sn", "uac_pcap")
        await settled(lambda: app.causes == [EndCause.REMOTE_HANGUP])
        assert app.digits == ["1"]
        assert app.loud > 100  # 236 packets of speech


@needs_sipp
@needs_pcap
async def test_fifty_callers_at_once(tmp_path: Path) -> None:
    link_pcaps(tmp_path)
    async with line() as app:
        await sipp(app, tmp_path, "-sn", "uac_pcap", "-l", "50", "-r", "25", calls=50, seconds=50)
        await settled(lambda: len(app.causes) == 50)
        assert app.rang == 50
        assert app.digits == ["1"] * 50
        assert app.endpoint.stats.dialogs == 0


def link_pcaps(folder: Path) -> None:
    (folder / "pcap").mkdir()
    for source in PCAPS.glob("*.pcap"):
        (folder / "pcap" / source.name).symlink_to(source)


@needs_sipp
@pytest.mark.parametrize(
    ("scenario", "wait", "causes"),
    [
        ("early_bye", 0.0, [EndCause.REMOTE_HANGUP]),
        ("reinvite_hold", 0.0, [EndCause.REMOTE_HANGUP]),
        ("retransmitted_invite", 0.2, [EndCause.REMOTE_HANGUP]),
        ("late_offer", 0.0, [EndCause.REMOTE_HANGUP]),
        ("lost_ack", 0.0, [EndCause.NO_ACK]),
        ("info_dtmf", 0.0, [EndCause.REMOTE_HANGUP]),
        ("cancel", 1.0, []),
        ("options", 0.0, []),
    ],
)
async def test_scenario(tmp_path: Path, scenario: str, wait: float, causes: list[EndCause]) -> None:
    async with line(timers=QUICK, wait=wait) as app:
        await sipp(app, tmp_path, "-sf", str(SCENARIOS / f"{scenario}.xml"))
        await settled(lambda: app.causes == causes and app.endpoint.stats.dialogs == 0)
        await settled(lambda: app.rang == len(app.causes) + app.aborted)
        assert app.rang == (0 if scenario == "options" else 1)
        assert app.digits == (["5", "#"] if scenario == "info_dtmf" else [])
        assert app.endpoint.stats.faults == 0


@needs_sipp
@pytest.mark.parametrize("transport", ["u1", "t1"])
@pytest.mark.parametrize(
    ("scenario", "causes"),
    [
        ("prack_update", [EndCause.REMOTE_HANGUP]),
        ("session_timer", [EndCause.REMOTE_HANGUP]),
        ("merged_request", [EndCause.REMOTE_HANGUP]),
        ("refer_refused", [EndCause.REMOTE_HANGUP]),
        ("extension_required", []),
    ],
)
async def test_extensions(tmp_path: Path, scenario: str, causes: list[EndCause], transport: str) -> None:
    wait = (
        1.0 if scenario == "merged_request" else 0.2
    )  # the second INVITE comes before the answer to the first
    async with line(timers=QUICK, wait=wait, early=scenario == "prack_update") as app:
        await sipp(app, tmp_path, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-t", transport)
        await settled(lambda: app.causes == causes and app.endpoint.stats.dialogs == 0)
        assert app.rang == len(causes)
        assert app.endpoint.stats.faults == 0


@needs_sipp
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_we_call_a_stock_callee(tmp_path: Path, transport: str) -> None:
    port = free_port()
    command = ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-t", transport, "-m", "1"]
    command += ["-nostdin", "-timeout", "15"]
    async with line() as app, await anyio.open_process(command, cwd=tmp_path) as process:
        await anyio.sleep(0.5)
        kind = "udp" if transport == "u1" else "tcp"
        leg = await app.endpoint.dial(f"sip:service@127.0.0.1:{port}", transport=kind)
        await leg.hangup()
        with anyio.fail_after(10):
            assert await process.wait() == 0


async def test_we_call_ourselves_and_press_keys() -> None:
    async with line() as app:
        leg = await app.endpoint.dial(f"sip:12348@127.0.0.1:{app.endpoint.port}")
        assert app.rang == 1
        with anyio.fail_after(5):
            await leg.play(TONE[: 16_000 * 2])
        await leg.hangup()
        await settled(lambda: app.causes == [EndCause.REMOTE_HANGUP])
        assert app.loud > 20


async def test_a_full_house_says_so() -> None:
    async with line(admission=lambda: Refusal(503, "Busy", 7)) as app:
        with pytest.raises(CallRefused) as refused:
            await app.endpoint.dial(f"sip:12348@127.0.0.1:{app.endpoint.port}")
        assert refused.value.status == 503
        assert app.rang == 0


async def test_no_ports_left_is_503_and_they_come_back() -> None:
    only = free_run(2)
    media = MediaSettings(port_min=only, port_max=only)
    async with line(media=media) as app, await anyio.create_udp_socket(local_host="127.0.0.1") as caller:
        first, second, third = (Caller(caller, app.endpoint.port, name) for name in ("a", "b", "c"))
        assert await first.invite() == 200
        assert await second.invite() == 503
        await first.bye()
        await settled(lambda: app.causes == [EndCause.REMOTE_HANGUP])
        assert (app.rang, app.aborted) == (2, 1)
        await settled(lambda: app.endpoint.stats.dialogs == 0)
        await anyio.sleep(QUARANTINE_S + 0.1)
        assert await third.invite() == 200


async def test_dead_media_ends_the_call() -> None:
    low, high = line_ports(10)
    media = MediaSettings(port_min=low, port_max=high, dead_after_s=1)
    async with line(media=media) as app, await anyio.create_udp_socket(local_host="127.0.0.1") as caller:
        peer = Caller(caller, app.endpoint.port)
        await peer.invite()
        await settled(lambda: app.causes == [EndCause.MEDIA_TIMEOUT])
        assert (await peer.next()).startswith(b"BYE ")


async def test_shutdown_hangs_up() -> None:
    async with line() as app, await anyio.create_udp_socket(local_host="127.0.0.1") as caller:
        peer = Caller(caller, app.endpoint.port)
        await peer.invite()
        await app.endpoint.shutdown(0.2)
        await settled(lambda: app.causes == [EndCause.SHUTDOWN])
        assert (await peer.next()).startswith(b"BYE ")


class Caller:
    """A caller by hand, for what no stock tool does."""

    def __init__(self, sock: anyio.abc.UDPSocket, port: int, name: str = "a") -> None:
        self._socket = sock
        self._port = port
        self._name = name
        self._here: int = sock.extra(anyio.abc.SocketAttribute.local_port)
        self._tag = ""

    async def next(self) -> bytes:
        with anyio.fail_after(5):
            return (await self._socket.receive())[0]

    async def invite(self) -> int:
        """Call and acknowledge; no audio follows. Returns the final status."""
        body = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._here + 1} RTP/AVP 8\r\n"
        )
        await self._send("INVITE", 1, "Content-Type: application/sdp\r\n", body)
        while (answer := await self.next()).startswith(b"SIP/2.0 1"):
            pass
        self._tag = ";tag=" + answer.split(b"\r\nTo: ")[1].split(b"\r\n")[0].split(b";tag=")[1].decode()
        await self._send("ACK", 1)
        return int(answer[8:11])

    async def bye(self) -> None:
        await self._send("BYE", 2)
        assert (await self.next()).startswith(b"SIP/2.0 200")

    async def _send(self, method: str, cseq: int, fields: str = "", body: str = "") -> None:
        branch = f"z9hG4bK{self._name}{self._here}x{cseq}"
        text = (
            f"{method} sip:12348@127.0.0.1:{self._port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._here};branch={branch}\r\n"
            f"From: <sip:13800001234@127.0.0.1>;tag=here\r\nTo: <sip:12348@127.0.0.1>{self._tag}\r\n"
            f"Call-ID: by-hand-{self._name}-{self._here}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:me@127.0.0.1:{self._here}>\r\n{fields}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        await self._socket.sendto(text.encode(), "127.0.0.1", self._port)


@needs_baresip
async def test_baresip_calls_speaks_presses_and_hangs_up(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with wave.open(str(tmp_path / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8_000, 0, "NONE", ""))
        tone.writeframes(np.frombuffer(TONE, "<i2")[::2].tobytes())
    (tmp_path / "accounts").write_text("<sip:13800001234@127.0.0.1>;regint=0\n")
    (tmp_path / "config").write_text(
        f"sip_listen 127.0.0.1:{ports[0]}\nctrl_tcp_listen 127.0.0.1:{ports[1]}\n"
        f"module_path {BARESIP_MODULES}\nsnd_path {tmp_path}\nnet_interface 127.0.0.1\n"
        f"audio_source aufile,{tmp_path}/tone.wav\naudio_player aubridge,nowhere\n"
        "module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n"
        "module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n"
    )
    async with line() as app:
        target = f"sip:12348@127.0.0.1:{app.endpoint.port}"
        command = ["baresip", "-f", str(tmp_path), "-t", "10", "-e", f"/dial {target}"]
        async with await anyio.open_process(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as phone:
            await settled(lambda: app.loud > 20)
            async with await anyio.connect_tcp("127.0.0.1", ports[1]) as control:
                for key in "1#":
                    await control.send(netstring(json.dumps({"command": "sndcode", "params": key})))
                    await anyio.sleep(0.4)
                await settled(lambda: app.digits == ["1", "#"])
                await control.send(netstring('{"command":"hangup"}'))
                await settled(lambda: app.causes == [EndCause.REMOTE_HANGUP])
            phone.terminate()
            await phone.wait()
        with wave.open(str(next(tmp_path.glob("dump-*-dec.wav")))) as heard:
            samples = np.frombuffer(heard.readframes(heard.getnframes()), "<i2")
        assert np.abs(samples).max() > 4_000  # our tone came through


def netstring(text: str) -> bytes:
    return f"{len(text)}:{text},".encode()
