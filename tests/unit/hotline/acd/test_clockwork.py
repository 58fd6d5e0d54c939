"""The task of call distribution: wakes it in time, and outlives a fault."""

import anyio
import anyio.lowlevel
import pytest

from hotline.acd import clockwork
from hotline.settings import AcdSettings
from tests.fakes.acd_parts import Hall

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


async def test_run_rings_the_next_when_the_time_is_over() -> None:
    hall = Hall(AcdSettings(ring_s=20))
    hall.seat("li")
    hall.after(1)
    hall.seat("wu")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hall.acd.run)
        await anyio.lowlevel.checkpoint()
        hall.call()
        hall.seconds += 20
        hall.seat("chen", ready=False)  # anything that happens wakes it
        with anyio.fail_after(5):
            while hall.ringing() != {"wu": "c1"}:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def test_a_fault_in_the_log_does_not_end_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwork, "AFTER_FAULT_S", 0.0)
    hall = Hall(AcdSettings(ring_s=20))
    hall.seat("li")
    hall.after(1)
    hall.seat("wu")
    hall.call()
    faults = [RuntimeError("one"), RuntimeError("two")]
    tick = hall.acd.tick

    def failing() -> None:
        if faults:
            raise faults.pop()
        tick()

    monkeypatch.setattr(hall.acd, "tick", failing)
    hall.seconds += 20
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hall.acd.run)
        with anyio.fail_after(5):
            while hall.ringing() != {"wu": "c1"}:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert faults == []
