"""Whose RTP a session hears, over real sockets: the peer's, wherever it goes, and no thief's."""

import anyio
import numpy as np
import pytest

from asr.audio import AudioFrame, LegId
from hotline.conversation import EndCause
from hotline.gateway.g711 import encode
from hotline.gateway.media import LegInput
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway_settings import MediaSettings
from tests.fakes.rtp_peer import HOST, Peer, collect, plan

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


def loudest(frames: list[LegInput]) -> list[float]:
    """The strongest frequency of each 20 ms that is not silent."""
    found = []
    for item in frames:
        if isinstance(item, AudioFrame):
            sound = np.frombuffer(item.pcm, "<i2").astype(float)
            if np.abs(sound).max() > 1_000:
                found.append(float(np.argmax(np.abs(np.fft.rfft(sound))) * 50))
    return found


def tone(hertz: float, number: int) -> bytes:
    at = np.arange(160 * number, 160 * (number + 1)) / 8_000
    return encode((8_000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16), "PCMA")


async def test_who_sprays_rtp_gets_no_sound_and_is_not_heard() -> None:
    """RTP Bleed: before the peer speaks, and while it does, from another host at our port."""
    settings = MediaSettings(port_min=23_400, port_max=23_498)
    async with MediaEngine.open(HOST, settings) as engine:
        await sprayed(engine)


async def sprayed(engine: MediaEngine) -> None:
    peer = Peer()
    session = await engine.session(LegId("bled"))
    # what the peer names is behind its NAT: its sound comes from where its signalling does
    session.configure(plan(("192.0.2.77", 4000), host=HOST))
    thief = Peer("127.0.0.2")
    heard: list[LegInput] = []

    async def listen() -> None:
        heard.extend(await collect(session))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        for n in range(3):
            thief.send(session.local, tone(2_000, n))
        for n in range(120):
            peer.send(session.local, tone(500, n))
            for _ in range(3):
                thief.send(session.local, tone(2_000, thief.sequence))
            await anyio.sleep(0.02)
        session.end(EndCause.LOCAL_HANGUP)
    assert len(peer.received()) > 100
    assert thief.received() == []
    strongest = loudest(heard)
    assert len(strongest) > 80
    assert set(strongest) == {500.0}
    assert session.traffic.foreign > 0
    thief.socket.close()
    peer.socket.close()
    await session.close()


async def test_a_settled_peer_may_still_go_on_from_another_port() -> None:
    """The socket is bound to the peer after a second, and free again when nothing comes."""
    settings = MediaSettings(port_min=23_300, port_max=23_398)
    async with MediaEngine.open(HOST, settings) as engine:
        await followed(engine)


async def followed(engine: MediaEngine) -> None:
    peer = Peer()
    session = await engine.session(LegId("moving"))
    session.configure(plan(peer.address))
    for n in range(75):
        peer.send(session.local, tone(500, n))
        await anyio.sleep(0.02)
    assert session.bound
    assert peer.received() != []
    later = Peer()
    later.sequence = peer.sequence
    assert session.traffic.foreign == 0
    later.send(session.local)  # the system turns it away
    await anyio.sleep(0.1)
    assert session.traffic.foreign == 0
    with anyio.fail_after(10):
        while not later.received():
            later.send(session.local)
            await anyio.sleep(0.02)
    await session.close()
    later.socket.close()
    peer.socket.close()
