"""Probabilities become confidences that mean what they say."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.confidence import Platt, calibration, calibration_error, fit, logit

pytestmark = pytest.mark.unit


def test_the_standard_one_changes_nothing() -> None:
    assert calibration("no such model") == Platt()
    assert Platt()(0.3) == pytest.approx(0.3)


@given(st.floats(0, 1), st.floats(-5, 5), st.floats(-5, 5))
def test_always_a_share(probability: float, slope: float, offset: float) -> None:
    assert 0.0 <= Platt(slope, offset)(probability) <= 1.0


def test_an_overconfident_engine_is_put_right() -> None:
    dice = random.Random(1)
    true = [dice.uniform(0.05, 0.95) for _ in range(4_000)]
    right = [dice.random() < chance for chance in true]
    claimed = [Platt(2.0, 0.8)(chance) for chance in true]  # surer than it should be
    found = fit(claimed, right)
    assert found.slope == pytest.approx(0.5, abs=0.06)
    assert calibration_error([found(each) for each in claimed], right) < 0.03
    assert calibration_error(claimed, right) > 0.08


def test_one_sided_verdicts_do_not_run_away() -> None:
    found = fit([0.9] * 20, [True] * 20)
    assert 0.9 < found(0.9) < 1.0


@pytest.mark.parametrize(("claimed", "right"), [([], []), ([0.5], [])])
def test_nothing_to_fit(claimed: list[float], right: list[bool]) -> None:
    with pytest.raises(ValueError, match="verdicts"):
        fit(claimed, right)


def test_edges_are_finite() -> None:
    assert logit(0.0) == pytest.approx(-logit(1.0))
    assert calibration_error([], []) == 0.0
    assert calibration_error([1.0, 0.0], [True, False]) == 0.0
