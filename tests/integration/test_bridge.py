"""Talks over real RTP: tones in, and who hears which."""

from collections.abc import AsyncIterator, Callable

import anyio
import numpy as np
import pytest

from asr.audio import AudioFrame, LegId
from hotline.call.bridge import Bridge, Manner, Role
from hotline.gateway.g711 import encode
from hotline.gateway.media import Codec
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway_settings import MediaSettings
from tests.fakes.tone_phone import Phone

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture
async def engine() -> AsyncIterator[MediaEngine]:
    async with MediaEngine.open("127.0.0.1", MediaSettings(port_min=46000, port_max=46200)) as media:
        yield media


async def phones(
    engine: MediaEngine, tasks: anyio.abc.TaskGroup, *wanted: tuple[Codec, float]
) -> list[Phone]:
    made = []
    for codec, hertz in wanted:
        phone = Phone(await engine.session(LegId(f"{hertz:.0f}")), codec, hertz)
        tasks.start_soon(phone.run)
        made.append(phone)
    return made


async def settled(done: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait until it holds. Raises `TimeoutError`."""
    with anyio.fail_after(seconds):
        while not done():  # noqa: ASYNC110  what is waited for is heard, and nobody tells
            await anyio.sleep(0.05)


TONES = (400.0, 700.0, 1000.0, 1300.0)


async def test_everyone_hears_whom_they_should_and_nobody_else(engine: MediaEngine) -> None:
    async with anyio.create_task_group() as tasks:
        caller, agent, third, chief = await phones(
            engine, tasks, ("PCMA", 400.0), ("PCMU", 700.0), ("PCMA", 1000.0), ("PCMU", 1300.0)
        )
        everyone = (caller, agent, third, chief)
        bridge = Bridge()

        async def hears(*wanted: set[float]) -> None:
            await settled(lambda: [phone.tones(TONES) for phone in everyone[: len(wanted)]] == list(wanted))

        bridge.join(caller.leg, Role.CALLER)
        bridge.join(agent.leg, Role.AGENT)
        await hears({700.0}, {400.0}, set(), set())
        bridge.join(chief.leg, Role.LISTENER)
        await hears({700.0}, {400.0}, set(), {400.0, 700.0})
        bridge.join(chief.leg, Role.WHISPERER)
        await hears({700.0}, {400.0, 1300.0}, set(), {400.0, 700.0})
        bridge.join(chief.leg, Role.BARGER)
        await hears({700.0, 1300.0}, {400.0, 1300.0}, set(), {400.0, 700.0})
        bridge.leave(chief.leg.leg)
        bridge.stand(Manner(held=True))
        bridge.join(third.leg, Role.CONSULTED)
        await hears(set(), {1000.0}, {700.0}, set())
        bridge.stand(Manner())
        bridge.join(third.leg, Role.OUTSIDE)
        await hears({700.0, 1000.0}, {400.0, 1000.0}, {400.0, 700.0}, set())
        bridge.part()
        await hears(set(), set(), set(), set())
        tasks.cancel_scope.cancel()


async def test_the_way_through_is_short_and_does_not_grow(engine: MediaEngine) -> None:
    async with anyio.create_task_group() as tasks:
        caller, agent = await phones(engine, tasks, ("PCMA", 400.0), ("PCMA", 700.0))
        entered: list[float] = []
        bridge = Bridge()
        bridge.join(caller.leg, Role.CALLER)
        bridge.join(agent.leg, Role.AGENT)
        await settled(lambda: agent.tones(TONES) == {400.0})
        waits = []
        quiet = encode(np.zeros(160, np.int16), "PCMA")
        for _ in range(3):
            caller.sending = False
            await settled(lambda: agent.heard[-1][1] == quiet)
            await anyio.sleep(0.3)
            caller.sending = True
            entered.append(anyio.current_time())
            await settled(lambda: agent.heard[-1][1] != quiet)
            waits.append(agent.heard[-1][0] - entered[-1])
        # jitter buffer 60 ms, sender and receiver of this test 20 ms each, and the bridge's own
        assert min(waits) < 0.06 + 0.04 + 0.04
        tasks.cancel_scope.cancel()


async def test_what_the_caller_hears_is_taken_down_on_the_callers_clock(engine: MediaEngine) -> None:
    async with anyio.create_task_group() as tasks:
        caller, agent, chief = await phones(engine, tasks, ("PCMA", 400.0), ("PCMA", 700.0), ("PCMA", 1300.0))
        tape: list[AudioFrame] = []
        bridge = Bridge()
        bridge.join(caller.leg, Role.CALLER, tape.append)
        bridge.join(agent.leg, Role.AGENT)
        bridge.join(chief.leg, Role.WHISPERER)
        await settled(lambda: agent.tones(TONES) == {400.0, 1300.0})
        await settled(lambda: len(tape) > 50)
        starts = [frame.start for frame in tape]
        assert starts == sorted(starts)
        assert all(step % 320 == 0 for step in np.diff(starts))
        samples = np.frombuffer(b"".join(frame.pcm for frame in tape[-30:]), "<i2").astype(float)
        spectrum = np.abs(np.fft.rfft(samples))
        hertz = np.argmax(spectrum) * 16_000 / len(samples)
        assert hertz == pytest.approx(700, abs=4)
        at = np.arange(len(samples)) / 16_000
        whispered = abs(np.exp(-2j * np.pi * 1300 * at) @ samples) / len(samples)
        assert whispered < 60
        tasks.cancel_scope.cancel()
