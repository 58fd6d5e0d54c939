"""How long packets wait: no less than they need, and no more for long."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.call.tape import make_inlet
from hotline.call.track import Track
from hotline.gateway.delay_target import DelayTarget
from hotline.gateway.g711 import decode, encode
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.resample import FRAME_8K, TAIL
from hotline.gateway.rtp import RtpPacket
from hotline.gateway.rtp_receive import Receiver
from tests.unit.hotline.call.test_recording import frame

pytestmark = pytest.mark.unit

MS = 8
"""Timestamp units in a millisecond."""


def target() -> DelayTarget:
    return DelayTarget(0.04, 0.16, 8_000)


def window(one: DelayTarget, slacks: list[int]) -> int:
    return sum(one.note(slack * MS) for slack in slacks) + one.judge()


def test_an_even_path_needs_the_floor_after_some_calm() -> None:
    one = target()
    assert [window(one, [60] * 100) for _ in range(3)] == [0, 0, 0]
    assert one.surplus == 20 * MS
    assert one.shed(15 * MS) == 15 * MS
    assert one.shed(15 * MS) == 5 * MS
    assert one.mean == 60 * MS


def test_an_uneven_path_gets_what_it_needs_at_the_first_window() -> None:
    one = target()
    assert window(one, [60, 0, 2, *[50] * 97]) == (60 - 2 + 20 - 60) * MS  # all but the slowest one in time
    for _ in range(4):  # remembered for ten seconds
        window(one, [78] * 100)
        assert one.surplus == 0
    window(one, [78] * 100)
    assert one.surplus == 38 * MS


def test_what_comes_too_late_counts_at_once_from_the_second_on() -> None:
    one = target()
    assert one.note(60 * MS) == 0
    assert one.note(-5 * MS) == 0
    assert one.note(-8 * MS) == 28 * MS


@given(st.lists(st.integers(0, 400), min_size=1, max_size=400))
def test_never_beyond_the_ceiling(delays: list[int]) -> None:
    """`delays`: of the packets on their way, in milliseconds."""
    one, wait = target(), 60 * MS
    for number, delay in enumerate(delays, 1):
        wait += one.note(wait - delay * MS)
        if number % 100 == 0:
            wait += one.judge()
        assert one.surplus >= 0
    assert wait <= max(60 * MS, 160 * MS + max(delays) * MS)
    assert wait - max(delays[-100:]) * MS <= 160 * MS


def marked(sequence: int) -> bytes:
    """Silence with a click every ten seconds, in the middle of a packet."""
    sound = np.zeros(FRAME_8K, np.int16)
    if sequence % 500 == 250:
        sound[80] = 20_000
    return encode(sound, "PCMA")


@pytest.mark.parametrize("ppm", [-100, 100])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_an_hour_of_drift_keeps_both_sides_of_a_recording_together(ppm: int, loss: float) -> None:
    """The peer's clock is off by 360 ms in the hour; what it says stays at its place beside ours."""
    chance = np.random.default_rng(7)
    one = Receiver(0.06, 0.04)
    one.configure(MediaPlan(("127.0.0.1", 9), "PCMA", 8, 101, Direction.SENDRECV), anew=True)
    sent, clicks, concealed = 0, [], 0
    arrivals = 0.02 * np.arange(180_000) * (1 + ppm * 1e-6)
    arrivals += chance.uniform(0, 0.004, len(arrivals))
    gone = chance.random(len(arrivals)) < loss
    for tick in range(180_000):
        now = 0.02 * tick
        while sent < len(arrivals) and arrivals[sent] <= now:
            if not gone[sent]:
                one.push(RtpPacket(8, sent & 0xFFFF, FRAME_8K * sent & 0xFFFFFFFF, 1, marked(sent)), now)
            sent += 1
        row, made_up = one.pull(now)
        concealed += made_up
        loud = np.flatnonzero(decode(row[TAIL:], "PCMA") > 15_000)
        clicks += [now + int(at) / 8_000 - 0.01 for at in loud]
    said = np.array([arrivals[n] for n in range(250, 180_000, 500) if not gone[n]])
    nearest = np.searchsorted(clicks, said)
    lags = np.array(clicks)[nearest] - said
    assert max(lags) - min(lags) <= 0.045
    assert 0.03 < np.median(lags) < 0.09
    assert concealed / 180_000 <= loss * 1.05 + 0.001


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=120))
def test_both_tracks_are_as_long_and_each_frame_is_at_its_place(ticks: list[tuple[bool, bool, bool]]) -> None:
    """Whatever of either side is missing at a tick, and whether it is companded or wide."""
    inlets, tracks = (make_inlet(500), make_inlet(500)), (Track(), Track())
    for inlet in inlets:
        inlet.taking = True
    for n, (left, right, wide) in enumerate(ticks):
        level = 1_000 + 100 * n
        sound = encode(np.full(FRAME_8K, level, np.int16), "PCMA")
        made = frame(n, level)
        for inlet, here in zip(inlets, (left, right), strict=True):
            if here:
                inlet.push(made if wide else made._replace(coded=sound, law="PCMA"))
    for track, inlet in zip(tracks, inlets, strict=True):
        track.add(inlet.take(), 0)
    heard = [track.take(320 * len(ticks)).reshape(-1, FRAME_8K) for track in tracks]
    for side, column in enumerate(heard):
        for n, tick in enumerate(ticks):
            middle = column[n, FRAME_8K // 2 :]
            expected = 1_000 + 100 * n if tick[side] else 0
            assert np.abs(middle.astype(int) - expected).max() <= max(2, expected // 16)
