"""Another party's frames on their way: in order, few, and with no delay that lasts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import AudioFrame, LegId
from hotline.gateway.live import LIVE_FRAMES, LiveQueue

pytestmark = pytest.mark.unit


def frame(number: int, level: int = 5_000) -> AudioFrame:
    return AudioFrame(LegId("other"), number * 320, np.full(320, level, "<i2").tobytes())


def run(queue: LiveQueue, ticks: int, level: int, first: int = 0) -> list[int]:
    """One frame in and one out each tick; how many have waited after each."""
    waits = []
    for number in range(first, first + ticks):
        queue.push(frame(number, level))
        taken = queue.take()
        assert taken is not None
        waits.append(number - taken.start // 320)
    return waits


def backlog() -> LiveQueue:
    queue = LiveQueue()
    for number in range(-2, 0):
        queue.push(frame(number))
    return queue


def test_an_even_flow_waits_for_nothing_and_loses_nothing() -> None:
    queue = LiveQueue()
    assert set(run(queue, 500, 0)) == {0}
    assert queue.dropped == 0


def test_delay_that_stands_goes_at_a_silence() -> None:
    queue = backlog()
    assert set(run(queue, 24, 5_000)) == {2}
    assert run(queue, 60, 0, 24)[-1] == 0
    assert queue.dropped == 2


def test_and_without_a_silence_somewhat_later() -> None:
    queue = backlog()
    waits = run(queue, 300, 5_000)
    assert waits[90] == 2
    assert waits[-1] == 0


def test_what_only_comes_unevenly_is_not_dropped() -> None:
    queue = LiveQueue()
    for number in range(400):
        if number % 2 == 0:
            queue.push(frame(number))
            queue.push(frame(number + 1))
        assert queue.take() is not None
    assert queue.dropped == 0
    assert queue.take() is None


@given(st.lists(st.sampled_from(["push", "take", "clear"]), max_size=300))
def test_order_and_bound(steps: list[str]) -> None:
    queue, last, waiting = LiveQueue(), -1, 0
    for number, step in enumerate(steps):
        if step == "push":
            queue.push(frame(number))
            waiting = min(LIVE_FRAMES, waiting + 1)
        elif step == "clear":
            queue.clear()
            waiting = 0
        else:
            taken = queue.take()
            assert (taken is None) == (waiting == 0)
            if taken is not None:
                assert taken.start > last
                last = taken.start
            waiting = 0 if taken is None else max(0, waiting - 1)
