"""The E-model against the Recommendation's own points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.quality import burst_ratio, estimate, mos

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("factor", "score"), [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0)]
)
def test_table_b_1_of_g_107(factor: float, score: float) -> None:
    assert mos(factor) == pytest.approx(score, abs=0.01)


def test_a_perfect_call() -> None:
    found = estimate("PCMA", 0.0, 1.0, 0.0)
    assert (found.r_factor, round(found.mos, 2)) == (93.2, 4.41)


def test_g_113_loss_robustness() -> None:
    # Ie,eff = 95 * 2 / (2 + 25.1) for G.711 with concealment at 2 % random loss.
    assert estimate("PCMU", 0.02, 1.0, 0.0).r_factor == pytest.approx(93.2 - 7.01, abs=0.01)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 20), st.floats(0, 2_000))
def test_more_loss_is_never_better(one: float, other: float, burst: float, delay: float) -> None:
    less, more = sorted((one, other))
    assert estimate("PCMA", more, burst, delay).mos <= estimate("PCMA", less, burst, delay).mos
    assert 1.0 <= estimate("OPUS", more, burst, delay).mos <= 4.5


def test_bursts() -> None:
    assert burst_ratio(0, 0, 100) == 1.0
    assert burst_ratio(10, 10, 1_000) == 1.0
    assert burst_ratio(10, 2, 1_000) == pytest.approx(4.95)
