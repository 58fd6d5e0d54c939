"""A browser's leg against an independent WebRTC stack (aiortc): sound both ways, goodbye, nothing left."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import numpy as np
import pytest

from asr.audio import AudioFrame, LegId
from hotline.conversation import EndCause
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.negotiation import NothingInCommon
from hotline.gateway.webrtc import TooManyPeers, WebRtcEngine
from hotline.gateway_settings import MediaSettings, WebRtcSettings

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(60)]
aiortc = pytest.importorskip("aiortc")
TONE = (8000 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)).astype("<i2").tobytes()
SETTINGS = WebRtcSettings(codecs=("PCMA", "PCMU"), legs=1, connect_s=2)


@pytest.fixture
async def engine() -> AsyncIterator[WebRtcEngine]:
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=30_000, port_max=30_100)) as media,
        WebRtcEngine.open(media, SETTINGS, "127.0.0.1") as engine,
    ):
        yield engine


async def offer_of(browser: Any) -> bytes:
    await browser.setLocalDescription(await browser.createOffer())
    return str(browser.localDescription.sdp).encode()


async def test_sound_goes_both_ways_and_nothing_is_left() -> None:
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=30_000, port_max=30_100)) as media,
        WebRtcEngine.open(media, SETTINGS, "127.0.0.1") as engine,
    ):
        browser = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        heard: list[int] = []
        pumps: list[asyncio.Future[None]] = []

        class Tone(aiortc.mediastreams.AudioStreamTrack):  # type: ignore[misc,name-defined]
            async def recv(self) -> Any:
                frame = await super().recv()
                frame.planes[0].update(TONE[: frame.samples * 2])
                return frame

        @browser.on("track")  # type: ignore[untyped-decorator]
        def _(track: Any) -> None:
            async def pump() -> None:
                while len(heard) < 40:
                    heard.append(int(np.abs((await track.recv()).to_ndarray()).max()))

            pumps.append(asyncio.ensure_future(pump()))

        browser.addTrack(Tone())
        session = await engine.web_session(LegId("leg"))
        with pytest.raises(TooManyPeers):
            await engine.web_session(LegId("second"))
        answer = (await session.answer(await offer_of(browser))).decode()
        await browser.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        peak = frames = 0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.play, TONE * 2)
            async for item in session.inputs():
                if isinstance(item, AudioFrame):
                    frames += 1
                    peak = max(peak, int(np.abs(np.frombuffer(item.pcm, "<i2")).max()))
                if frames == 60:
                    break
            tasks.cancel_scope.cancel()
        assert peak > 6_000
        assert max(heard) > 6_000
        assert session.facts.lost == 0
        assert engine.stats.unauthentic == 0
        await browser.close()
        with anyio.fail_after(5):
            assert await session.wait_ended() is EndCause.REMOTE_HANGUP
        await session.close()
        await session.close()
        assert engine.stats.sessions == media.stats.sessions == 0


async def test_a_browser_that_never_gets_through_ends_the_leg(engine: WebRtcEngine) -> None:
    browser = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    browser.addTransceiver("audio")
    session = await engine.web_session(LegId("leg"))
    await session.answer(await offer_of(browser))
    with anyio.fail_after(5):
        assert await session.wait_ended() is EndCause.MEDIA_TIMEOUT
    await session.close()
    await browser.close()


async def test_another_certificate_is_another_peer(engine: WebRtcEngine) -> None:
    session = await engine.web_session(LegId("leg"))
    offers = []
    for _ in range(2):
        browser = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        browser.addTransceiver("audio")
        offers.append(await offer_of(browser))
        await browser.close()
    await session.answer(offers[0])
    with pytest.raises(NothingInCommon):
        await session.answer(offers[1])
    await session.close()
