"""What goes into an inlet comes out of it, in order, by the kernel where one is built and without."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import AudioFrame, LegId
from hotline.call import tape
from hotline.call.tape import Inlet, Item, PlainInlet
from hotline.gateway.g711 import Codec, decode

pytestmark = pytest.mark.unit

Make = Callable[[int], Inlet]
MAKERS = [pytest.param(PlainInlet, id="plain")]
if tape.built():
    MAKERS.append(pytest.param(tape.make_inlet, id="kernel"))
each = pytest.mark.parametrize("make", MAKERS)


def frame(number: int, law: str = "PCMA", coded: bool = True) -> AudioFrame:
    sound = number.to_bytes(2, "big") * 80 if coded else b""
    return AudioFrame(LegId("leg"), 320 * number, number.to_bytes(2, "big") * 320, False, sound, law)


def opened(make: Make, capacity: int = 500) -> Inlet:
    inlet = make(capacity)
    inlet.taking = True
    return inlet


def sounds(items: list[Item]) -> list[bytes]:
    """The 20 ms pieces, companded where they were."""
    found = []
    for item in items:
        if isinstance(item, bytes):
            found += [item[at : at + 160] for at in range(0, len(item), 160)]
        else:
            found.append(item.coded or item.pcm)
    return found


@each
def test_of_a_flow_only_the_first_frame_is_kept_whole(make: Make) -> None:
    inlet = opened(make)
    frames = [frame(number) for number in range(100)]
    for one in frames[:60]:
        inlet.push(one)
    assert inlet.take() == [frames[0], b"".join(one.coded for one in frames[1:60])]
    assert inlet.take() == []
    for one in frames[60:]:
        inlet.push(one)
    assert inlet.take() == [b"".join(one.coded for one in frames[60:])]


@each
def test_nothing_is_kept_before_and_after(make: Make) -> None:
    inlet = make(500)
    inlet.push(frame(0))
    inlet.taking = True
    inlet.push(frame(1))
    inlet.taking = False
    inlet.push(frame(2))
    assert inlet.take() == [frame(1)]


@each
def test_a_full_one_drops_and_says_where_it_goes_on(make: Make) -> None:
    inlet = opened(make, 3)
    for number in range(5):
        inlet.push(frame(number))
    assert inlet.dropped == 2
    assert sounds(inlet.take()) == [frame(number).coded for number in range(3)]
    inlet.push(frame(5))
    assert inlet.take() == [frame(5)]  # whole: it does not follow on what was kept


@each
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["PCMA", "PCMU"]), st.booleans(), st.booleans()),
        max_size=60,
    )
)
def test_everything_comes_out_in_order(make: Make, ticks: list[tuple[int, str, bool, bool]]) -> None:
    """Gaps, changes of law, frames in 16 kHz only, and takes at any moment."""
    inlet, pushed, items, number = opened(make), [], list[Item](), 0
    for gap, law, coded, take in ticks:
        number += 1 + gap
        pushed.append(frame(number, law, coded))
        inlet.push(pushed[-1])
        if take:
            items += inlet.take()
    items += inlet.take()
    assert sounds(items) == [one.coded or one.pcm for one in pushed]
    at, law = -1, ""
    for item in items:  # what is kept as bytes alone is just what follows
        if isinstance(item, bytes):
            wanted = [one for one in pushed if at <= one.start < at + 2 * len(item)]
            assert b"".join(one.coded for one in wanted) == item
            assert {one.law for one in wanted} == {law}
            at += 2 * len(item)
        else:
            at, law = item.end, item.law


@each
def test_two_threads_lose_and_double_nothing(make: Make) -> None:
    inlet, count, found = opened(make, 100_000), 20_000, list[Item]()
    over = threading.Event()

    def taking() -> None:
        while not over.is_set():
            found.extend(inlet.take())

    taker = threading.Thread(target=taking)
    taker.start()
    for number in range(count):
        inlet.push(frame(number if number % 1_000 else number + 7))
    over.set()
    taker.join()
    found.extend(inlet.take())
    wanted = [frame(number if number % 1_000 else number + 7).coded for number in range(count)]
    assert sounds(found) == wanted


@pytest.mark.parametrize("left", ["PCMA", "PCMU"])
@pytest.mark.parametrize("right", ["PCMA", "PCMU"])
def test_two_tracks_side_by_side(left: Codec, right: Codec) -> None:
    ours, theirs = bytes(range(256)), bytes(reversed(range(256)))
    both = np.frombuffer(tape.stereo(ours, left, theirs, right), "<i2").reshape(-1, 2)
    assert (both[:, 0] == decode(ours, left)).all()
    assert (both[:, 1] == decode(theirs, right)).all()
    with pytest.raises(ValueError, match=r"length|shape|broadcast"):
        tape.stereo(ours, left, theirs[1:], right)


@pytest.mark.skipif(not tape.built(), reason="no kernel built (scripts/compile_media.py)")
@pytest.mark.parametrize(
    "wrong",
    [
        None,
        (),
        ("leg", "x", b"", False, b"", ""),
        ("leg", 1, "", False, b"", ""),
        ("leg", 1 << 70, b"", False, b"", ""),
    ],
)
def test_what_is_no_frame_is_refused(wrong: object) -> None:
    with pytest.raises((TypeError, OverflowError)):
        opened(tape.make_inlet).push(wrong)  # type: ignore[arg-type]
