"""Telephone events: one digit a press, whatever the network does to its packets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.dtmf import KEYS, EventDecoder, press
from hotline.gateway.rtp import RtpPacket

pytestmark = pytest.mark.unit


def packets(key: str, timestamp: int, ms: int = 160) -> list[RtpPacket]:
    return [
        RtpPacket(101, index, timestamp & 0xFFFFFFFF, 1, event.payload, event.marker)
        for index, event in enumerate(press(key, ms))
    ]


def heard(stream: list[RtpPacket]) -> str:
    decoder = EventDecoder()
    return "".join(key for packet in stream if (key := decoder.push(packet)) is not None)


def test_a_press_is_one_digit_and_ends_three_times() -> None:
    stream = packets("5", 1000)
    assert heard(stream) == "5"
    assert [bool(packet.payload[1] & 0x80) for packet in stream[-4:]] == [False, True, True, True]
    assert len({packet.payload for packet in stream[-3:]}) == 1


@pytest.mark.parametrize("lost", [slice(0, 1), slice(0, 8), slice(-3, None), slice(1, None), slice(0, -1)])
def test_start_or_end_may_be_lost(lost: slice) -> None:
    stream = packets("#", 1000)
    del stream[lost]
    assert heard(stream) == "#"


def test_the_same_key_twice_is_two_digits() -> None:
    assert heard(packets("1", 1000, 60) + packets("1", 1000 + 480 + 320, 60)) == "11"


def test_the_same_key_twice_with_the_first_end_lost() -> None:
    assert heard(packets("1", 1000, 60)[:-3] + packets("1", 1000 + 480 + 320, 60)) == "11"


def test_a_press_longer_than_a_duration_can_say_is_one_digit() -> None:
    """RFC 4733 §2.5.1.3: the event goes on under a new timestamp, without marker."""
    first = [RtpPacket(101, n, 0, 1, bytes([3, 10, *d.to_bytes(2)])) for n, d in enumerate((160, 0xFFFF))]
    second = [RtpPacket(101, n, 0xFFFF, 1, bytes([3, 10, *d.to_bytes(2)])) for n, d in enumerate((160, 320))]
    assert heard(first + second) == "3"


def test_a_sender_that_moves_the_timestamp_is_understood() -> None:
    stream = [
        RtpPacket(101, n, 160 * n, 1, bytes([7, 10, *(160 * (n + 1)).to_bytes(2)]), n == 0) for n in range(8)
    ]
    assert heard(stream) == "7"


def test_stragglers_of_an_earlier_press_say_nothing() -> None:
    one, two = packets("1", 1000), packets("2", 5000)
    assert heard([*one[:4], *two, *one[4:]]) == "12"


def test_a_new_clock_after_a_transfer_is_a_new_press() -> None:
    assert heard(packets("1", 3_000_000) + packets("2", 1000)) == "12"


@given(st.binary(max_size=8), st.integers(0, 0xFFFFFFFF))
def test_no_bytes_do_harm(payload: bytes, timestamp: int) -> None:
    EventDecoder().push(RtpPacket(101, 0, timestamp, 1, payload))


@given(
    st.lists(st.tuples(st.sampled_from(KEYS), st.integers(40, 400)), min_size=1, max_size=8),
    st.integers(0, 0xFFFFFFFF),
    st.randoms(use_true_random=False),
)
def test_presses_survive_loss_doubling_and_swapping(
    presses: list[tuple[str, int]], start: int, dice: random.Random
) -> None:
    timestamp, stream = start, []
    for key, ms in presses:
        one = packets(key, timestamp, ms)
        kept = [packet for packet in one if dice.random() > 0.3] or [dice.choice(one)]
        kept += [dice.choice(kept)]
        at = dice.randrange(len(kept))
        kept.append(kept.pop(at))
        stream += kept
        timestamp += 8 * ms + 800
    assert heard(stream) == "".join(key for key, _ in presses)


def test_no_such_key() -> None:
    with pytest.raises(ValueError):
        list(press("x", 100))
