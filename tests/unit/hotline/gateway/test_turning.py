"""A peer that turns from one agreed codec to another."""

import pytest

from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.turning import Turning

pytestmark = pytest.mark.unit
PLAN = MediaPlan(
    ("192.0.2.1", 4000),
    "G722",
    9,
    101,
    Direction.SENDRECV,
    choices=((9, "G722"), (96, "OPUS"), (8, "PCMA"), (0, "PCMU")),
)


def turned(turning: Turning, *types: int) -> list[tuple[str, str]]:
    found = [turning.turned(number) for number in types]
    return [(before.codec, after.codec) for before, after in filter(None, found)]


def test_two_packets_in_a_row_show_it() -> None:
    turning = Turning(PLAN)
    assert turned(turning, 9, 9, 96, 9, 96, 9) == []
    assert turned(turning, 96, 96) == [("G722", "OPUS")]
    assert turned(turning, 96, 9, 96) == []  # one late packet from before turns nothing back
    assert turned(turning, 9, 9) == [("OPUS", "G722")]
    assert turning.heard == PLAN


def test_two_different_ones_show_nothing() -> None:
    assert turned(Turning(PLAN), 96, 8, 96, 8) == []


def test_one_g711_law_brings_the_other() -> None:
    turning = Turning(PLAN)
    assert turned(turning, 8, 8) == [("G722", "PCMA")]
    assert turning.heard.also == ((0, "PCMU"),)
    assert turned(turning, 0, 0, 0) == []  # the narrow receiver knows both
    assert turned(turning, 9, 9) == [("PCMA", "G722")]


def test_events_and_what_was_not_agreed_change_nothing() -> None:
    assert turned(Turning(PLAN), 101, 101, 101, 13, 13, 77, 77) == []
