"""A PBX leg under a virtual clock: what it gives, what it drops, how it ends."""

from collections.abc import Callable
from itertools import pairwise

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import AudioFrame, LegId
from hotline.conversation import Digit, EndCause
from hotline.errors import LegGone
from hotline.gateway.media import LegEnded, LegInput
from hotline.gateway.pcm_leg import FRAME_BYTES, INPUT_TICKS, MOST_BYTES, PcmLeg

pytestmark = pytest.mark.unit


class FakeWire:
    def __init__(self, *, paced: bool = True) -> None:
        self._paced = paced
        self.sent: list[bytes] = []
        self.hushed = 0
        self.hung_up = 0

    @property
    def paced(self) -> bool:
        return self._paced

    def sound(self, pcm: bytes) -> None:
        self.sent.append(pcm)

    def hush(self) -> None:
        self.hushed += 1

    def hang_up(self) -> None:
        self.hung_up += 1


def make(*, paced: bool = True, dead: float = 60) -> tuple[PcmLeg, FakeWire]:
    wire = FakeWire(paced=paced)
    return PcmLeg(LegId("leg"), 16_000, wire, "L16/16000", dead), wire


async def drained(leg: PcmLeg) -> list[LegInput]:
    leg.gone(EndCause.LOCAL_HANGUP)
    return [item async for item in leg.inputs()]


def run(body: Callable[[], object]) -> None:
    anyio.run(body)  # type: ignore[arg-type]


def frame(number: int) -> bytes:
    return bytes([number % 255 + 1, 1]) * (FRAME_BYTES // 2)


@given(st.lists(st.integers(0, 4), max_size=60))
def test_frames_are_20_ms_apart_whatever_comes(bursts: list[int]) -> None:
    """Every tick gives one frame; sound comes out in order, once, and never changed."""

    async def body() -> None:
        leg, _ = make()
        sent = 0
        for tick, burst in enumerate(bursts):
            for _ in range(burst):
                leg.hear(frame(sent), tick * 0.02)
                sent += 1
            leg.tick(tick * 0.02)
        heard = [item for item in await drained(leg) if isinstance(item, AudioFrame)]
        assert [item.start for item in heard] == [320 * tick for tick in range(len(bursts))]
        numbers = [item.pcm[0] for item in heard if any(item.pcm)]
        assert all(item.pcm == item.pcm[:2] * 320 for item in heard)
        order = [number - 1 for number in numbers]
        wrapped = [(later - earlier) % 255 for earlier, later in pairwise(order)]
        assert all(0 < step < 128 for step in wrapped)
        assert leg.facts.received == len(order)
        assert leg.facts.received + leg.facts.lost <= sent

    run(body)


def test_burst_is_bounded() -> None:
    async def body() -> None:
        leg, _ = make()
        leg.hear(bytes(4 * MOST_BYTES), 0)
        assert leg.facts.lost == 3 * MOST_BYTES // FRAME_BYTES + 1
        for tick in range(100):
            leg.tick(tick * 0.02)
        assert leg.facts.received <= MOST_BYTES // FRAME_BYTES

    run(body)


def test_slow_reader_loses_the_oldest() -> None:
    async def body() -> None:
        leg, _ = make()
        for tick in range(INPUT_TICKS + 50):
            leg.tick(tick * 0.02)
        items = await drained(leg)
        assert len(items) == INPUT_TICKS
        assert isinstance(items[-1], LegEnded)

    run(body)


def test_a_pause_is_marked_and_primes_anew() -> None:
    async def body() -> None:
        leg, _ = make()
        leg.hear(frame(1) * 4, 0)
        for tick in range(7):
            leg.tick(tick * 0.02)
        leg.hear(frame(2), 0.15)  # one frame alone waits for more
        leg.tick(0.16)
        leg.hear(frame(2) * 2, 0.17)
        leg.tick(0.18)
        marks = [(item.pcm[0], item.lost) for item in await drained(leg) if isinstance(item, AudioFrame)]
        assert marks == [(2, False)] * 4 + [(0, True)] + [(0, False)] * 3 + [(3, False)]
        assert leg.facts.concealed_ms == 20

    run(body)


@pytest.mark.parametrize("paced", [True, False])
def test_prompt_goes_out_and_is_tapped_on_the_legs_clock(paced: bool) -> None:
    async def body() -> None:
        leg, wire = make(paced=paced)
        leg.tick(0.0)
        prompt, taped = frame(1) + frame(2) + frame(3)[:100], list[AudioFrame]()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leg.play, prompt, taped.append)
            await anyio.wait_all_tasks_blocked()
            for tick in range(1, 5):
                leg.tick(tick * 0.02)
        whole = frame(1) + frame(2) + frame(3)[:100]
        assert b"".join(item.pcm for item in taped) == whole.ljust(3 * FRAME_BYTES, b"\0")
        assert [item.start for item in taped] == [320, 640, 960]
        silence = bytes(FRAME_BYTES)
        expected = [silence, *(item.pcm for item in taped), silence] if paced else [whole]
        assert wire.sent == expected
        assert wire.hushed == 0

    run(body)


def test_cancelled_prompt_is_hushed_and_the_next_may_play() -> None:
    async def body() -> None:
        leg, wire = make(paced=False)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leg.play, frame(1) * 10)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert wire.hushed == 1
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leg.play, frame(2))
            await anyio.wait_all_tasks_blocked()
            leg.tick(0.0)
        assert wire.hushed == 1

    run(body)


def test_end_reaches_reader_and_player_once() -> None:
    async def body() -> None:
        leg, wire = make()

        async def player() -> None:
            with pytest.raises(LegGone):
                await leg.play(frame(1) * 10)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(player)
            await anyio.wait_all_tasks_blocked()
            leg.press("5")
            leg.press("55")
            leg.press("x")
            leg.gone(EndCause.REMOTE_HANGUP)
            leg.gone(EndCause.TRANSPORT)
            await leg.hangup()
        leg.press("6")
        leg.tick(9.0)
        assert [item async for item in leg.inputs()] == [Digit("5", 0), LegEnded(EndCause.REMOTE_HANGUP)]
        assert wire.hung_up == 1
        assert await leg.wait_ended() is EndCause.REMOTE_HANGUP
        with pytest.raises(LegGone):
            await leg.play(frame(1))

    run(body)


def test_silence_for_too_long_gives_the_leg_up() -> None:
    async def body() -> None:
        leg, _ = make(dead=1)
        leg.tick(0.0)
        leg.tick(0.9)
        leg.hear(frame(1), 1.0)
        leg.tick(1.9)
        leg.tick(2.1)
        assert await leg.wait_ended() is EndCause.MEDIA_TIMEOUT

    run(body)


def test_no_such_rate() -> None:
    with pytest.raises(ValueError):
        PcmLeg(LegId("leg"), 11_025, FakeWire(), "", 1)
