"""Codecs and SRTP against baresip: a tone both ways found at its frequency, keys pressed, the call ended."""

import json
import shutil
import subprocess
import wave
from pathlib import Path

import anyio
import numpy as np
import pytest

from asr.audio import AudioFrame
from hotline.conversation import Digit
from hotline.errors import LegGone
from hotline.gateway.media import MediaLeg
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway_settings import MediaSettings, SipSettings
from tests.e2e.ports import free_port, line_ports

MODULES = Path("/usr/lib/baresip/modules")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]
OURS, THEIRS = 440, 1_300
WIDE = 6_000
"""Hz: above what narrow band carries."""


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """As in service."""
    return "asyncio", {"use_uvloop": True}


class Heard:
    """What our end was given."""

    def __init__(self) -> None:
        self.pcm = b""
        self.keys: list[str] = []
        self.enough = anyio.Event()
        """Two and a half seconds have come."""
        self.ended = anyio.Event()
        self.leg: MediaLeg | None = None


async def attend(endpoint: SipEndpoint, heard: Heard) -> None:
    async for call in endpoint.incoming():
        heard.leg = leg = await call.answer()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(play, leg)
            async for item in leg.inputs():
                if isinstance(item, AudioFrame):
                    heard.pcm += item.pcm
                    if len(heard.pcm) > 2.5 * 32_000:
                        heard.enough.set()
                elif isinstance(item, Digit):
                    heard.keys.append(item.key)
            tasks.cancel_scope.cancel()
        heard.ended.set()
        return


async def play(leg: MediaLeg) -> None:
    try:
        await leg.play(tone(OURS, 16_000, 10.0))
    except LegGone:
        return


def tone(hertz: float, rate: int, seconds: float) -> bytes:
    at = np.arange(int(rate * seconds)) / rate
    return (8_000 * np.sin(2 * np.pi * hertz * at)).astype("<i2").tobytes()


def strongest(pcm: bytes, rate: int) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * rate / len(samples))


def netstring(command: dict[str, str]) -> bytes:
    text = json.dumps(command)
    return f"{len(text)}:{text},".encode()


def configure(folder: Path, codec: str, protection: str, hertz: int, ports: list[int]) -> None:
    """Write baresip's files."""
    rate = 8_000 if codec.startswith("PCM") else 48_000 if codec == "opus" else 16_000
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(tone(hertz, rate, 20.0))
    name = {"opus": "opus/48000/1", "G722": "G722/16000/1"}.get(codec, f"{codec}/8000/1")
    extra = f";mediaenc={protection}" if protection else ""
    (folder / "accounts").write_text(f"<sip:13800001234@127.0.0.1>;regint=0;audio_codecs={name}{extra}\n")
    (folder / "config").write_text(
        f"sip_listen 127.0.0.1:{ports[0]}\nctrl_tcp_listen 127.0.0.1:{ports[1]}\n"
        f"module_path {MODULES}\nsnd_path {folder}\nnet_interface 127.0.0.1\n"
        f"audio_source aufile,{folder}/tone.wav\naudio_player aubridge,nowhere\n"
        "opus_stereo no\nopus_sprop_stereo no\n"
        "module g711.so\nmodule g722.so\nmodule opus.so\nmodule srtp.so\n"
        "module aufile.so\nmodule aubridge.so\nmodule sndfile.so\n"
        "module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n"
    )


@pytest.mark.parametrize(
    ("codec", "protection", "hertz"),
    [
        ("PCMA", "", THEIRS),
        ("G722", "", WIDE),
        ("opus", "", WIDE),
        ("PCMA", "srtp", THEIRS),  # best effort: RTP/AVP with keys
        ("PCMA", "srtp-mand", THEIRS),
        ("G722", "srtp-mand", WIDE),
        ("opus", "srtp-mand", WIDE),
    ],
)
async def test_baresip(tmp_path: Path, codec: str, protection: str, hertz: int) -> None:
    ports = [free_port(), free_port()]
    configure(tmp_path, codec, protection, hertz, ports)
    low, high = line_ports(10)
    settings = SipSettings(port=0, srtp_over_clear=True)
    heard = Heard()
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=low, port_max=high)) as engine,
        SipEndpoint.open(settings, engine) as endpoint,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(attend, endpoint, heard)
        command = ["baresip", "-f", str(tmp_path), "-t", "15"]
        command += ["-e", f"/dial sip:12348@127.0.0.1:{endpoint.port}"]
        async with await anyio.open_process(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as phone:
            with anyio.fail_after(15):
                await heard.enough.wait()
                async with await anyio.connect_tcp("127.0.0.1", ports[1]) as control:
                    for key in "1#":
                        await control.send(netstring({"command": "sndcode", "params": key}))
                        await anyio.sleep(0.5)
                    await control.send(netstring({"command": "hangup"}))
                    await heard.ended.wait()
            phone.terminate()
            await phone.wait()
        unauthentic, frames = engine.stats.unauthentic, engine.stats.packets_in
        tasks.cancel_scope.cancel()
    assert heard.leg is not None
    assert heard.leg.facts.codec == codec.upper()
    assert heard.leg.facts.lost == 0
    assert unauthentic <= 4  # baresip's RTCP before its keys are set and after they are gone
    assert frames > 100
    assert heard.keys == ["1", "#"]
    assert strongest(heard.pcm[32_000:64_000], 16_000) == pytest.approx(hertz, abs=5)
    with wave.open(str(next(tmp_path.glob("dump-*-dec.wav")))) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")[::channels].tobytes()
    assert strongest(sound[2 * rate : 4 * rate], rate) == pytest.approx(OURS, abs=5)
