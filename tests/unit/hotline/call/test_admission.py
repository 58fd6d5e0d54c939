"""Who is let in: limits, overload and drain, each refused with its own reason."""

import pytest

from hotline.call.admission import FULL, Admission
from hotline.settings import LimitSettings

pytestmark = pytest.mark.unit


def admission(calls: int = 2, level: int = 0) -> Admission:
    return Admission(LimitSettings(calls=calls), lambda: level)


def test_calls_up_to_the_limit_are_let_in_and_the_next_is_told_when_to_try_again() -> None:
    desk = admission()
    for active in (0, 1):
        desk.active = active
        assert desk.check() is None
    desk.active = 2
    denial = desk.check()
    assert denial is not None
    assert (denial.status, denial.reason) == (503, "All Lines Busy")
    assert denial.retry_after > 0
    desk.active = 1
    assert desk.check() is None
    assert desk.refused == 1


@pytest.mark.parametrize("level", range(FULL + 2))
def test_only_the_last_shedding_level_refuses(level: int) -> None:
    denial = admission(level=level).check()
    assert (denial is not None) == (level >= FULL)


def test_draining_lets_nobody_in_and_says_so_first() -> None:
    desk = admission(level=FULL)
    desk.active = 99
    desk.drain()
    for count in (1, 2, 3):
        denial = desk.check()
        assert denial is not None
        assert denial.reason == "Shutting Down"
        assert desk.refused == count
    assert desk.active == 99  # a running call is not touched
