"""So many at once, so many a second."""

import pytest

from hotline.gateway.allowance import Allowance

pytestmark = pytest.mark.unit


def test_a_burst_and_then_a_rate() -> None:
    allowance = Allowance(10, 2.0)
    assert all(allowance.take(1, 100.0) for _ in range(10))
    assert not allowance.take(1, 100.0)
    assert allowance.take(1, 101.0)  # one was owed, two have come
    assert not allowance.take(1, 101.0)


def test_a_long_rest_saves_no_more_than_a_burst() -> None:
    allowance = Allowance(10, 2.0)
    assert allowance.take(5, 0.0)
    assert allowance.take(10, 1e6)
    assert not allowance.take(1, 1e6)


def test_many_at_once_are_no_way_around_it() -> None:
    assert not Allowance(10, 2.0).take(11, 0.0)
