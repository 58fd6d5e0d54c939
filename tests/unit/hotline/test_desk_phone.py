"""A desk phone as a device: rung, taken back, too late, busy; and who works by phone alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from hotline.acd.model import Agent, LogKind, Presence, Shift
from hotline.acd.ports import Left
from hotline.desk_phone import DeskPhones
from hotline.errors import HotlineError
from hotline.gateway.sip.client import CallRefused
from hotline.settings import AcdSettings
from hotline.store.roster import Profile
from tests.fakes.acd_parts import MONDAY, Hall, NotingDevice, StillLeg
from tests.fakes.desk_phones import Phones

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


class Office(Hall):
    """A distribution with desk phones."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(AcdSettings(**settings))
        self.phones = Phones()
        self.roster: dict[str, Profile] = {}
        self.desks = DeskPhones(
            self.acd,
            self.phones,
            lambda: self.roster,
            "12348",
            lambda: MONDAY + timedelta(seconds=self.seconds),
        )
        self.tasks: anyio.abc.TaskGroup

    def look(self) -> None:
        self.desks.look(self.tasks)

    def put(self, name: str, phone: str, **profile: Any) -> None:
        """Onto the roster, to work by phone alone."""
        agent = Agent(name, name, frozenset(), phone, **profile)
        self.roster[name] = Profile(agent, phone_only=True)


@asynccontextmanager
async def office(**settings: Any) -> AsyncIterator[Office]:
    made = Office(**settings)
    async with anyio.create_task_group() as tasks:
        made.tasks = tasks
        yield made
        tasks.cancel_scope.cancel()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


async def test_a_registered_phone_is_rung_beside_the_page_and_may_win() -> None:
    async with office() as here:
        here.phones.there.add("8001")
        seat = here.seat("li", phone="8001")
        here.look()
        assert len(seat.devices) == 2  # type: ignore[attr-defined]
        call = here.call()
        await turns()
        assert here.phones.ringing == ["8001"]
        assert here.phones.shown == {"12348"}
        leg = StillLeg()
        here.phones.answer("8001", leg)
        await turns()
        connected = await call.connected()
        assert connected is not None
        assert (connected.leg, connected.device.kind) == (leg, "phone")
        assert here.devices["li"].ringing == []
        assert leg.ended is None


async def test_the_phone_is_taken_back_when_the_page_answers() -> None:
    async with office() as here:
        here.phones.there.add("8001")
        here.seat("li", phone="8001")
        here.look()
        here.call()
        await turns()
        here.take("li")
        await turns()
        assert here.phones.taken_back == ["8001"]


async def test_a_phone_whose_answer_crosses_is_hung_up() -> None:
    async with office() as here:
        here.phones.there.add("8001")
        here.seat("li", phone="8001")
        here.look()
        call = here.call()
        await turns()
        leg = StillLeg()
        here.phones.answer("8001", leg)
        here.offer("li")._hub.leave(call, Left.ABANDONED)  # type: ignore[attr-defined]
        await turns()
        assert leg.ended is not None or here.phones.taken_back == ["8001"]
        assert here.acd.seats["li"].presence is Presence.READY


async def test_an_offer_over_before_the_phone_rang_rings_nothing() -> None:
    async with office() as here:
        here.phones.there.add("8001")
        here.seat("li", phone="8001")
        here.look()
        here.call().leave(Left.ABANDONED)
        await turns()
        assert (here.phones.shown, here.phones.taken_back) == (set(), [])


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (CallRefused(486, "Busy Here"), "phone_busy"),
        (CallRefused(480, "Temporarily Unavailable"), "phone_unreachable"),
        (CallRefused(603, "Decline"), "declined"),
        (HotlineError("no ports"), "phone_unreachable"),
        (RuntimeError("a fault of ours"), "phone_unreachable"),
    ],
)
async def test_a_phone_that_does_not_take_the_call_lets_the_next_agent_ring(
    how: Exception, reason: str
) -> None:
    async with office() as here:
        here.phones.there.add("8001")
        seat = here.seat("li", phone="8001")
        here.look()
        seat.unplug(here.devices["li"])
        here.after(1)
        here.seat("wu")
        here.call("a")
        await turns()
        here.phones.answer("8001", how)
        await turns()
        assert here.ringing() == {"wu": "a"}
        assert here.last(LogKind.REFUSE).facts["reason"] == reason


async def test_a_busy_phone_does_not_refuse_for_the_page() -> None:
    async with office() as here:
        here.phones.there.add("8001")
        here.seat("li", phone="8001")
        here.look()
        here.call("a")
        await turns()
        here.phones.answer("8001", CallRefused(486, "Busy Here"))
        await turns()
        assert here.ringing() == {"li": "a"}
        here.take("li")


async def test_a_registration_that_lapses_unplugs_and_takes_the_call_back() -> None:
    async with office(grace_s=15) as here:
        here.phones.there.add("8001")
        seat = here.seat("li", phone="8001")
        here.look()
        seat.unplug(here.devices["li"])
        here.call("a")
        await turns()
        here.phones.there.clear()
        here.look()
        await turns()
        assert here.phones.taken_back == ["8001"]
        assert here.ringing() == {}
        here.after(15)
        assert here.acd.seats == {}


async def test_who_has_no_page_is_on_duty_while_the_phone_is_registered() -> None:
    async with office(grace_s=15) as here:
        here.put("li", "8001")
        here.look()
        assert here.acd.seats == {}
        here.phones.there.add("8001")
        here.look()
        assert here.acd.seats["li"].presence is Presence.READY
        here.call("a")
        assert here.ringing() == {"li": "a"}
        here.phones.there.clear()
        here.look()
        here.after(15)
        assert here.acd.seats == {}


async def test_by_phone_alone_only_in_duty_hours_and_with_a_licence() -> None:
    async with office() as here:
        here.put("li", "8001", shifts=(Shift(frozenset({0}), 10 * 60, 12 * 60),))
        here.phones.there.add("8001")
        here.look()
        assert here.acd.seats == {}
        here.after(3600)
        here.look()
        assert here.acd.seats["li"].presence is Presence.READY
        here.after(7200)
        here.look()
        assert here.acd.seats == {}


async def test_put_out_by_a_supervisor_stays_out_until_the_phone_registers_anew() -> None:
    async with office() as here:
        here.put("li", "8001")
        here.phones.there.add("8001")
        here.look()
        here.acd.sign_out("li", by="boss")
        here.look()
        here.look()
        assert here.acd.seats == {}
        here.phones.there.clear()
        here.look()
        here.phones.there.add("8001")
        here.look()
        assert here.acd.seats["li"].presence is Presence.READY


async def test_a_pause_taken_on_a_page_is_kept_and_one_for_misses_ends() -> None:
    async with office(ring_s=10, misses=1) as here:
        here.put("li", "8001")
        here.phones.there.add("8001")
        here.look()
        seat = here.acd.seats["li"]
        seat.plug(NotingDevice())
        seat.busy("meal")
        here.after(600)
        here.look()
        assert seat.reason == "meal"
        seat.ready()
        here.call("a")
        here.after(10)
        assert seat.reason == "no_answer"
        here.after(299)
        here.look()
        assert seat.reason == "no_answer"
        here.after(1)
        here.look()
        assert seat.reason == ""
