"""An agent's browser: what it is answered, and a call through it to a telephone and back."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import anyio
import numpy as np
import pytest

from asr.audio import LegId
from hotline.call.bridge import Bridge, Role
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.staff_leg import OfferRefused, open_staff_leg
from hotline.gateway.webrtc import WebRtcEngine
from hotline.gateway_settings import MediaSettings, WebRtcSettings
from tests.fakes.tone_phone import Phone, tones_in

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(60)]

aiortc = pytest.importorskip("aiortc")

SETTINGS = WebRtcSettings(port=0, legs=2)
CALLER, AGENT, OTHER = 400.0, 700.0, 1000.0


@pytest.fixture
async def engines() -> AsyncIterator[tuple[MediaEngine, WebRtcEngine]]:
    async with (
        MediaEngine.open("127.0.0.1", MediaSettings(port_min=46_300, port_max=46_400)) as media,
        WebRtcEngine.open(media, SETTINGS, "127.0.0.1") as engine,
    ):
        yield media, engine


def page() -> Any:
    return aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))


async def offer_of(browser: Any) -> bytes:
    await browser.setLocalDescription(await browser.createOffer())
    return str(browser.localDescription.sdp).encode()


class Tone(aiortc.mediastreams.AudioStreamTrack):  # type: ignore[misc,name-defined]
    """A microphone at 8 kHz that picks up a tone."""

    async def recv(self) -> Any:
        frame = await super().recv()
        at = (frame.pts + np.arange(frame.samples)) / frame.sample_rate
        frame.planes[0].update((6000 * np.sin(2 * np.pi * AGENT * at)).astype("<i2").tobytes())
        return frame


@pytest.mark.parametrize(
    ("codecs", "prefer", "chosen"),
    [
        (("OPUS", "PCMA", "PCMU"), "PCMA", "PCMA"),
        (("OPUS", "PCMA", "PCMU"), "PCMU", "PCMU"),
        (("OPUS", "PCMA"), "OPUS", "OPUS"),
        (("OPUS",), "PCMA", "OPUS"),
    ],
)
async def test_the_answer_is_what_the_callers_side_speaks(
    engines: tuple[MediaEngine, WebRtcEngine], codecs: Any, prefer: Any, chosen: str
) -> None:
    browser = page()
    browser.addTransceiver("audio")
    leg, answer = await open_staff_leg(engines[1], await offer_of(browser), codecs, prefer)
    lines = [line for line in answer.decode().splitlines() if line.startswith("a=rtpmap:")]
    assert chosen in lines[0].upper()
    assert len([line for line in lines if "telephone-event" not in line]) == 1
    await leg.hangup()
    await browser.close()
    assert engines[1].stats.sessions == 0


@pytest.mark.parametrize("offer", [b"v=0", b"x" * 40_000])
async def test_an_offer_that_is_none_takes_no_leg(
    engines: tuple[MediaEngine, WebRtcEngine], offer: bytes
) -> None:
    with pytest.raises(OfferRefused):
        await open_staff_leg(engines[1], offer, ("OPUS", "PCMA"))
    assert engines[1].stats.sessions == 0


async def test_a_caller_by_telephone_and_an_agent_in_a_browser_hear_each_other(
    engines: tuple[MediaEngine, WebRtcEngine],
) -> None:
    media, engine = engines
    browser = page()
    heard: list[np.ndarray] = []

    async with anyio.create_task_group() as tasks:

        @browser.on("track")  # type: ignore[untyped-decorator]
        def _(track: Any) -> None:
            async def listen() -> None:
                with suppress(aiortc.mediastreams.MediaStreamError):
                    while True:
                        frame = await track.recv()
                        heard.append(frame.to_ndarray().reshape(-1)[:: len(frame.layout.channels)])

            tasks.start_soon(listen)

        browser.addTrack(Tone())
        leg, answer = await open_staff_leg(engine, await offer_of(browser), ("OPUS", "PCMA", "PCMU"))
        await browser.setRemoteDescription(aiortc.RTCSessionDescription(answer.decode(), "answer"))
        caller = Phone(await media.session(LegId("caller")), "PCMA", CALLER)
        tasks.start_soon(caller.run)
        bridge = Bridge()
        bridge.join(caller.leg, Role.CALLER)
        bridge.join(leg, Role.AGENT)
        with anyio.fail_after(15):
            while not (  # noqa: ASYNC110  what is waited for is heard, and nobody tells
                caller.tones((CALLER, AGENT, OTHER)) == {AGENT}
                and heard
                and tones_in(np.concatenate(heard[-20:]), 8000, (CALLER, AGENT, OTHER)) == {CALLER}
            ):
                await anyio.sleep(0.05)
        assert leg.facts.codec == "PCMA"
        bridge.part()
        await browser.close()
        await leg.hangup()
        tasks.cancel_scope.cancel()
    assert engine.stats.sessions == 0
