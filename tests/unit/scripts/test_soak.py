"""The soak's verdicts: growth beyond a bound and what is left over are found, noise is not."""

import io

import pytest
from rich.console import Console

from scripts.soak import BOUNDS, grown, judge, left_over, thirds

pytestmark = pytest.mark.unit

IDLE = {"rss_mb": 80.0, "fds": 20.0, "ports": 0.0, "dialogs": 0.0, "transactions": 0.0, "tasks": 10.0,
        "open_calls": 0.0, "faults": 0.0, "objects": 500.0}  # fmt: skip
BUSY = {"rss_mb": 90.0, "fds": 120.0, "ports": 50.0, "dialogs": 57.0, "transactions": 230.0, "tasks": 160.0,
        "objects": 20_000.0}  # fmt: skip


def samples(**slope: float) -> list[dict[str, float]]:
    """Twenty samples, ten seconds apart; each named figure grows by so much a sample."""
    return [
        {"seconds": 10.0 * n} | {name: value + n * slope.get(name, 0.0) for name, value in BUSY.items()}
        for n in range(1, 21)
    ]


def verdict(after: dict[str, float], **slope: float) -> bool:
    return judge(samples(**slope), IDLE, after, Console(file=io.StringIO()))


def test_thirds_are_medians() -> None:
    assert thirds([1.0, 2.0, 99.0, 0.0, 0.0, 0.0, 7.0, 8.0, 0.0]) == (2.0, 7.0)


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_a_leak_is_found_in_any_figure(name: str) -> None:
    assert verdict(IDLE)
    assert not verdict(IDLE, **{name: BUSY[name] / 10})


def test_a_wave_is_no_leak() -> None:
    assert not grown("transactions", [230.0, 250.0, 210.0] * 5)


def test_what_is_left_is_named() -> None:
    after = IDLE | {"dialogs": 1.0, "fds": 22.0, "objects": 9_000.0}
    assert left_over(IDLE, after) == ["dialogs 1", "fds 20 → 22", "objects 500 → 9000"]
    assert not verdict(after)


def test_a_fault_is_no_success() -> None:
    assert not verdict(IDLE | {"faults": 1.0})


def test_too_few_samples_prove_nothing() -> None:
    with pytest.raises(SystemExit):
        judge(samples()[:8], IDLE, IDLE, Console(file=io.StringIO()))
