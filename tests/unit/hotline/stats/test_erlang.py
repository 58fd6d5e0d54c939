"""Erlang C and A against figures that are known, and against systems that can be solved by hand."""

from math import exp, factorial, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.stats.erlang import Load, agents_needed, erlang_a, erlang_c

pytestmark = pytest.mark.unit

TEN = Load(per_hour=100, handled_s=360)


def test_ten_erlangs_and_twelve_agents() -> None:
    queue = erlang_c(TEN, 12, 15)
    assert queue.wait_share == pytest.approx(0.44939, abs=5e-6)
    assert queue.level == pytest.approx(1 - 0.44939 * exp(-2 * 15 / 360), abs=1e-5)
    assert queue.mean_wait_s == pytest.approx(0.44939 * 360 / 2, abs=1e-2)
    assert queue.occupancy == pytest.approx(10 / 12)


def test_what_cannot_be_handled_waits_for_ever() -> None:
    queue = erlang_c(TEN, 10, 15)
    assert (queue.level, queue.mean_wait_s, queue.occupancy) == (0.0, inf, 1.0)


@pytest.mark.parametrize("agents", [3, 8, 12, 30])
def test_patience_as_long_as_a_call_makes_a_system_without_a_queue(agents: int) -> None:
    # Whoever waits leaves as fast as a call ends: the number there is Poisson, as with endless agents.
    chances = [exp(-10) * 10**number / factorial(number) for number in range(120)]
    queue = erlang_a(TEN, agents, 15, patience_s=360)
    lost = sum((number - agents) * chances[number] for number in range(agents, 120)) / 10
    assert queue.wait_share == pytest.approx(sum(chances[agents:]), rel=2e-3, abs=1e-6)
    assert queue.abandoned == pytest.approx(lost, rel=2e-3, abs=1e-6)


def test_endless_patience_is_erlang_c() -> None:
    patient, waiting = erlang_a(TEN, 12, 15, 3e5), erlang_c(TEN, 12, 15)
    assert patient.wait_share == pytest.approx(waiting.wait_share, abs=0.01)
    assert patient.level == pytest.approx(waiting.level, abs=0.01)


@given(
    st.floats(0.1, 20_000),
    st.floats(10, 3_000),
    st.integers(1, 400),
    st.floats(0, 300),
    st.floats(1, 3_600),
)
def test_shares_are_shares_whatever_comes(
    per_hour: float, handled: float, agents: int, within: float, patience: float
) -> None:
    for queue in (
        erlang_c(Load(per_hour, handled), agents, within),
        erlang_a(Load(per_hour, handled), agents, within, patience),
    ):
        for share in (queue.wait_share, queue.level, queue.abandoned, queue.occupancy):
            assert -1e-6 <= share <= 1 + 1e-6


@given(st.floats(0.5, 2_000), st.floats(30, 900), st.floats(0.3, 0.97))
def test_the_fewest_agents_are_enough_and_one_fewer_is_not(
    per_hour: float, handled: float, level: float
) -> None:
    load = Load(per_hour, handled)
    agents = agents_needed(load, 15, level)
    assert erlang_c(load, agents, 15).level >= level
    assert agents == 1 or erlang_c(load, agents - 1, 15).level < level


def test_a_busy_hour_of_the_hotline() -> None:
    assert agents_needed(Load(300, 360), 15, 0.8) == 36
    assert agents_needed(Load(0, 360), 15, 0.8) == 0
