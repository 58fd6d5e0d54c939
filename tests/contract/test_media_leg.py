"""What every `MediaLeg` promises a call: one suite, run on the tests' fake and on SIP legs of every codec."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Literal, Protocol

import anyio
import numpy as np
import pytest

from asr.audio import FRAME_SAMPLES, AudioFrame
from hotline.conversation import Digit, EndCause
from hotline.errors import LegGone
from hotline.gateway.media import Codec, LegEnded, LegInput, MediaLeg
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway_settings import MediaSettings, SipSettings
from tests.fakes.call_parts import FakeLeg

pytestmark = [pytest.mark.contract, pytest.mark.anyio]

TONE = (8000 * np.sin(np.arange(3 * FRAME_SAMPLES) * 0.2)).astype("<i2").tobytes()
FRAME_BYTES = 2 * FRAME_SAMPLES


class Party(Protocol):
    """A leg and the one at its other end."""

    leg: MediaLeg

    async def talk(self, seconds: float) -> None:
        """The other end sends audio."""

    async def press(self, key: str) -> None:
        """The other end presses a key."""

    async def go(self) -> None:
        """The other end hangs up."""


class FakeParty:
    def __init__(self) -> None:
        self._fake = FakeLeg()
        self.leg: MediaLeg = self._fake

    async def talk(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()
        self._fake.frames(seconds)

    async def press(self, key: str) -> None:
        await anyio.lowlevel.checkpoint()
        self._fake.press(key)

    async def go(self) -> None:
        await anyio.lowlevel.checkpoint()
        self._fake.end(EndCause.REMOTE_HANGUP)


class SipParty:
    def __init__(self, leg: MediaLeg, other: SipLeg) -> None:
        self.leg = leg
        self._other = other

    async def talk(self, seconds: float) -> None:
        await self._other.play(bytes(FRAME_BYTES * round(seconds * 50)))
        await anyio.sleep(0.1)  # the jitter buffer's delay

    async def press(self, key: str) -> None:
        self._other.send_digit(key, 100)
        await anyio.sleep(0.3)

    async def go(self) -> None:
        await self._other.hangup()
        await anyio.sleep(0.1)


async def sip_party(stack: AsyncExitStack, codec: Codec, srtp: Literal["allow", "require"]) -> SipParty:
    """Two endpoints on loopback; the leg under test is the one that was called."""
    settings = SipSettings(host="127.0.0.1", port=0, codecs=(codec,), srtp=srtp, srtp_over_clear=True)
    media = MediaSettings(port_min=23_400, port_max=23_418)
    engine = await stack.enter_async_context(MediaEngine.open("127.0.0.1", media))
    called = await stack.enter_async_context(SipEndpoint.open(settings, engine))
    calling = await stack.enter_async_context(SipEndpoint.open(settings, engine))
    legs: list[MediaLeg] = []

    async def answer() -> None:
        async for call in called.incoming():
            legs.append(await call.answer())
            return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer)
        other = await calling.dial(f"sip:12348@127.0.0.1:{called.port}")
    return SipParty(legs[0], other)


@pytest.fixture(params=["fake", "PCMA", "PCMU", "G722", "OPUS", "PCMA+srtp", "OPUS+srtp"])
async def party(request: pytest.FixtureRequest) -> AsyncIterator[Party]:
    if request.param == "fake":
        yield FakeParty()
        return
    codec, _, srtp = request.param.partition("+")
    async with AsyncExitStack() as stack:
        yield await sip_party(stack, codec, "require" if srtp else "allow")


async def everything(leg: MediaLeg) -> list[LegInput]:
    """All inputs to the end, which must come soon."""
    with anyio.fail_after(5):
        return [item async for item in leg.inputs()]


async def test_frames_are_20_ms_and_numbered_without_a_hole(party: Party) -> None:
    await party.talk(0.4)
    await party.leg.hangup()
    frames = [item for item in await everything(party.leg) if isinstance(item, AudioFrame)]
    assert len(frames) >= 20
    assert {frame.leg for frame in frames} == {party.leg.leg}
    assert {len(frame.pcm) for frame in frames} == {FRAME_BYTES}
    assert all(later.start == former.end for former, later in pairwise(frames))
    assert frames[0].start % FRAME_SAMPLES == 0


async def test_a_key_is_told_once_and_in_its_place(party: Party) -> None:
    await party.talk(0.1)
    await party.press("7")
    await party.talk(0.1)
    await party.leg.hangup()
    items = await everything(party.leg)
    place = [index for index, item in enumerate(items) if isinstance(item, Digit)]
    assert len(place) == 1
    key = items[place[0]]
    before = [item for item in items[: place[0]] if isinstance(item, AudioFrame)]
    assert isinstance(key, Digit)
    assert (key.key, key.at) == ("7", before[-1].end)


async def test_our_hangup_is_the_last_thing_said_and_the_first_cause_stays(party: Party) -> None:
    await party.talk(0.1)
    await party.leg.hangup(EndCause.SHUTDOWN)
    await party.leg.hangup(EndCause.ERROR)  # harmless
    items = await everything(party.leg)
    assert items[-1] == LegEnded(EndCause.SHUTDOWN)
    assert sum(isinstance(item, LegEnded) for item in items) == 1


async def test_the_other_end_hangs_up(party: Party) -> None:
    await party.talk(0.1)
    await party.go()
    items = await everything(party.leg)
    assert items[-1] == LegEnded(EndCause.REMOTE_HANGUP)
    assert sum(isinstance(item, LegEnded) for item in items) == 1
    await party.leg.hangup()


async def test_a_reader_that_waits_is_woken_by_the_end(party: Party) -> None:
    got: list[LegInput] = []

    async def read() -> None:
        got.extend(await everything(party.leg))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await party.talk(0.1)
        await anyio.lowlevel.checkpoint()
        await party.leg.hangup()
    assert got[-1] == LegEnded(EndCause.LOCAL_HANGUP)


async def test_cancelling_a_reader_loses_nothing(party: Party) -> None:
    got: list[LegInput] = []

    async def read() -> None:
        async for item in party.leg.inputs():
            got.append(item)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await party.talk(0.2)
        tasks.cancel_scope.cancel()
    await party.talk(0.2)
    await party.leg.hangup()
    got += await everything(party.leg)
    frames = [item for item in got if isinstance(item, AudioFrame)]
    assert len(frames) >= 20
    assert all(later.start == former.end for former, later in pairwise(frames))


async def test_the_tap_hears_what_is_played_on_the_legs_clock(party: Party) -> None:
    taps: list[AudioFrame] = []
    await party.talk(0.1)
    with anyio.fail_after(5):
        await party.leg.play(TONE, taps.append)
    await party.talk(0.1)
    await party.leg.hangup()
    frames = [item for item in await everything(party.leg) if isinstance(item, AudioFrame)]
    assert taps[0].pcm == TONE[:FRAME_BYTES]
    assert taps[0].leg == party.leg.leg
    assert all(later.start == former.end for former, later in pairwise(taps))
    assert taps[0].start in {frame.start for frame in frames}


async def test_a_second_prompt_waits_for_the_first(party: Party) -> None:
    order: list[str] = []

    async def play(name: str) -> None:
        await party.leg.play(TONE, lambda _: order.append(name))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(play, "first")
        tasks.start_soon(play, "second")
    assert order == sorted(order)
    assert {"first", "second"} == set(order)


async def test_a_cancelled_prompt_leaves_the_leg_free_for_the_next(party: Party) -> None:
    with anyio.move_on_after(0):
        await party.leg.play(TONE * 50)
    with anyio.fail_after(2):
        await party.leg.play(TONE)


async def test_nothing_is_played_on_a_leg_that_has_ended(party: Party) -> None:
    await party.leg.hangup()
    with pytest.raises(LegGone):
        await party.leg.play(TONE)


async def test_facts_can_be_read_after_the_end_too(party: Party) -> None:
    await party.talk(0.1)
    await party.leg.hangup()
    facts = party.leg.facts
    assert facts.codec in {"PCMA", "PCMU", "G722", "OPUS"}
    assert (facts.lost, facts.duplicated) == (0, 0)
