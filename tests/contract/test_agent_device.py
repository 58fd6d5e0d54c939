"""What every device of an agent does, whatever it is: it rings once told, and stops for good once told."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from hotline.acd.ports import Device, Left
from hotline.acd.seat import StaffSeat
from hotline.desk_phone import DeskPhone
from tests.fakes.acd_parts import Hall, NotingDevice
from tests.fakes.desk_phones import Phones

pytestmark = [pytest.mark.contract, pytest.mark.anyio]


@dataclass
class Case:
    """A seat with one device, and how many calls that device shows."""

    hall: Hall
    seat: StaffSeat
    device: Device
    shown: Callable[[], int]


@pytest.fixture(params=["noting", "desk_phone"])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    hall = Hall()
    hall.seat("li", ready=False)
    seat = hall.acd.seats["li"]
    async with anyio.create_task_group() as tasks:
        device: Device
        if request.param == "noting":
            noting = NotingDevice()
            device, shown = noting, lambda: len(noting.ringing)
        else:
            phones = Phones()
            device, shown = DeskPhone("8001", seat, phones, tasks, "12348"), lambda: len(phones.ringing)
        seat.plug(device)
        seat.unplug(hall.devices["li"])
        seat.ready()
        yield Case(hall, seat, device, shown)
        tasks.cancel_scope.cancel()


async def turns() -> None:
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


async def test_it_rings_while_the_offer_lasts_and_no_longer(case: Case) -> None:
    assert case.device.kind in {"browser", "phone"}
    call = case.hall.call()
    await turns()
    assert case.shown() == 1
    call.leave(Left.ABANDONED)
    await turns()
    assert case.shown() == 0


async def test_it_rings_again_for_the_next_call(case: Case) -> None:
    for _ in range(3):
        call = case.hall.call()
        await turns()
        assert case.shown() == 1
        call.leave(Left.TIMED_OUT)
        await turns()
    assert case.shown() == 0


async def test_ring_and_stop_in_one_breath_leave_nothing_ringing(case: Case) -> None:
    case.hall.call().leave(Left.ABANDONED)
    await turns()
    assert case.shown() == 0


async def test_the_time_out_stops_it(case: Case) -> None:
    case.hall.call()
    await turns()
    case.hall.after(20)
    await turns()
    assert case.shown() == 0


async def test_an_offer_refused_elsewhere_stops_it(case: Case) -> None:
    case.hall.call()
    await turns()
    case.seat.busy("rest")
    await turns()
    assert case.shown() == 0
