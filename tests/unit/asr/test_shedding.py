"""The ladder goes up at once and comes down a rung at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.shedding import CALM, STEPS, Ladder

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("oldest", "level"), [(0.0, 0), (1.0, 0), (1.1, 1), (2.1, 2), (4.1, 3), (60.0, 4)])
def test_levels_by_age(oldest: float, level: int) -> None:
    assert Ladder().update(0.0, oldest) == level


def test_it_comes_down_one_rung_for_each_calm_spell() -> None:
    ladder = Ladder()
    assert ladder.update(0.0, 9.0) == 4
    levels = [ladder.update(float(second), 0.0) for second in range(1, 52)]
    assert levels[int(CALM) - 1] == 4
    assert [levels[int(CALM) * n] for n in range(1, 5)] == [3, 2, 1, 0]


def test_trouble_during_a_calm_spell_starts_it_anew() -> None:
    ladder = Ladder()
    ladder.update(0.0, 2.5)
    ladder.update(1.0, 0.0)
    ladder.update(9.0, 2.5)
    assert ladder.update(12.0, 0.0) == 2
    assert ladder.update(12.0 + CALM, 0.0) == 1


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 20)), max_size=60))
def test_never_below_what_the_age_asks_for(steps: list[tuple[float, float]]) -> None:
    ladder, now, before = Ladder(), 0.0, 0
    for passed, oldest in steps:
        now += passed
        level = ladder.update(now, oldest)
        assert level >= sum(oldest > step for step in STEPS)
        assert level >= before - 1
        before = level
