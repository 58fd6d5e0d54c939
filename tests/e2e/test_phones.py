"""Agents' desk phones, real ones: they register at the gateway and are rung by it, heard and hearing."""

import random
import shutil
import subprocess
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import numpy as np
import pytest

from asr.audio import AudioFrame
from hotline.errors import LegGone
from hotline.gateway.media import MediaLeg
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.auth import ha1
from hotline.gateway.sip.client import CallRefused
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.registrar import Registrar
from hotline.gateway_settings import MediaSettings, RegistrarSettings, SipSettings, TlsSettings
from tests.e2e.test_media_codecs import MODULES, OURS, THEIRS, strongest, tone
from tests.fakes.certificates import Papers, make_authority

pytestmark = [pytest.mark.e2e, pytest.mark.anyio, pytest.mark.timeout(90)]

needs_baresip = pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed")
REALM = "phones"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """As in service."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return make_authority(tmp_path)


@asynccontextmanager
async def gateway(folder: Path, papers: Papers, **sip: Any) -> AsyncIterator[tuple[SipEndpoint, Registrar]]:
    users = folder / "users"
    users.write_text(f"8001:{REALM}:{ha1('MD5', '8001', REALM, 'secret')}\n")
    registrar = Registrar(RegistrarSettings(users_file=users, realm=REALM, algorithms=("MD5",)))
    low = random.randrange(20_000, 40_000, 2)
    tls = TlsSettings(port=0, certificate=papers.certificate, key=papers.key, trust=papers.authority)
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=low, port_max=low + 40)) as engine,
        SipEndpoint.open(SipSettings(port=0, tls=tls, **sip), engine, registrar=registrar) as endpoint,
    ):
        yield endpoint, registrar


async def registered(registrar: Registrar, seconds: float = 15) -> None:
    with anyio.fail_after(seconds):
        while not registrar.lookup("8001", anyio.current_time()):  # noqa: ASYNC110 outside state
            await anyio.sleep(0.1)


async def talk(leg: MediaLeg) -> bytes:
    """Play a tone to the phone for four seconds; what it said meanwhile."""
    heard = bytearray()

    async def listen() -> None:
        async for item in leg.inputs():
            if isinstance(item, AudioFrame):
                heard.extend(item.pcm)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        with anyio.fail_after(20):
            try:
                await leg.play(tone(OURS, 16_000, 4.0))
            except LegGone as error:
                raise AssertionError("the phone hung up") from error
        await leg.hangup()
    return bytes(heard)


def baresip_files(folder: Path, port: int, transport: str, password: str, authority: Path) -> None:
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(tone(THEIRS, 8_000, 30.0))
    protection = ";mediaenc=srtp-mand" if transport == "tls" else ""
    (folder / "accounts").write_text(
        f"<sip:8001@127.0.0.1:{port};transport={transport}>;auth_user=8001;auth_pass={password};regint=60"
        f";answermode=auto;audio_codecs=PCMA/8000/1{protection}\n"
    )
    (folder / "config").write_text(
        f"sip_listen 127.0.0.1:{random.randrange(41_000, 48_000)}\n"
        f"sip_cafile {authority}\nsip_certificate\n"
        f"module_path {MODULES}\nsnd_path {folder}\nnet_interface 127.0.0.1\n"
        f"audio_source aufile,{folder}/tone.wav\naudio_player aubridge,nowhere\n"
        "module g711.so\nmodule srtp.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n"
        "module_app account.so\nmodule_app menu.so\n"
    )


@asynccontextmanager
async def baresip(folder: Path) -> AsyncIterator[anyio.abc.Process]:
    command = ["baresip", "-f", str(folder), "-t", "40"]
    async with await anyio.open_process(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as phone:
        yield phone
        phone.terminate()
        await phone.wait()


def heard_by(recording: Path) -> float:
    """The strongest frequency of the middle of what a phone recorded."""
    with wave.open(str(recording)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")[::channels]
    middle = sound[len(sound) // 4 : len(sound) * 3 // 4]
    assert len(middle) > rate / 2
    return strongest(middle.tobytes(), rate)


@needs_baresip
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_baresip_is_rung(tmp_path: Path, papers: Papers, transport: str) -> None:
    wishes = {"srtp": "require"} if transport == "tls" else {}
    async with gateway(tmp_path, papers, **wishes) as (endpoint, registrar):
        port = endpoint.ports["TLS" if transport == "tls" else "UDP"]
        baresip_files(tmp_path, port, transport, "secret", papers.authority)
        async with baresip(tmp_path):
            await registered(registrar)
            leg = await endpoint.ring("8001", caller="13800001234")
            heard = await talk(leg)
        assert leg.facts.lost == 0
    assert strongest(heard[48_000:112_000], 16_000) == pytest.approx(THEIRS, abs=5)
    assert heard_by(next(tmp_path.glob("dump-*-dec.wav"))) == pytest.approx(OURS, abs=5)


@needs_baresip
async def test_baresip_with_a_wrong_password_is_not_registered(tmp_path: Path, papers: Papers) -> None:
    async with gateway(tmp_path, papers) as (endpoint, registrar):
        baresip_files(tmp_path, endpoint.port, "udp", "guess", papers.authority)
        async with baresip(tmp_path):
            with anyio.fail_after(15):
                while not registrar.stats(anyio.current_time()).refused:  # noqa: ASYNC110 outside state
                    await anyio.sleep(0.1)
            with pytest.raises(CallRefused) as refused:
                await endpoint.ring("8001")
        assert refused.value.status == 480
