"""Which server first, and when again."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.sip.failover import LONGEST_S, Health, order, refresh_after, wait_after
from hotline.gateway_settings import TrunkServer

pytestmark = pytest.mark.unit

SERVERS = st.lists(
    st.builds(
        TrunkServer,
        uri=st.uuids().map("sip:{}".format),
        priority=st.integers(0, 3),
        weight=st.integers(0, 10),
    ),
    max_size=8,
)


@given(SERVERS, st.randoms())
def test_everyone_once_by_priority(servers: list[TrunkServer], chance: random.Random) -> None:
    found = order(servers, chance)
    assert sorted(item.uri for item in found) == sorted(item.uri for item in servers)
    assert [item.priority for item in found] == sorted(item.priority for item in servers)


def test_weights_are_shares() -> None:
    servers = [TrunkServer(uri="sip:heavy", weight=3), TrunkServer(uri="sip:light", weight=1)]
    chance = random.Random(7)
    first = Counter(order(servers, chance)[0].uri for _ in range(4_000))
    assert first["sip:heavy"] / 4_000 == pytest.approx(0.75, abs=0.03)


@given(st.integers(1, 100), st.randoms())
def test_waits_grow_to_a_ceiling(failures: int, chance: random.Random) -> None:
    wait = wait_after(failures, chance)
    assert 15 <= wait <= min(LONGEST_S, 30 * 2 ** (failures - 1))
    assert 0.75 * 600 <= refresh_after(600, chance) <= 0.9 * 600


def test_one_miss_is_no_verdict() -> None:
    health = Health()
    assert [health.note(answered=answer) for answer in (False, True, False, False)] == [
        False,
        False,
        False,
        True,
    ]
    assert not health.up
    assert [health.note(answered=True) for _ in range(2)] == [False, True]
    assert health.up
