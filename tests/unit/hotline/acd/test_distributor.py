"""Who is rung, who has the call, who never has it twice, and what the log says of it."""

import random

import anyio
import pytest

from hotline.acd.model import LogKind, NotAllowed, Presence
from hotline.acd.ports import Acd, Connected, Left, Offer
from hotline.acd.queue import SkillRules
from hotline.conversation import CallId
from hotline.settings import AcdSettings
from tests.fakes.acd_parts import Hall, NotingDevice, StillLeg

pytestmark = [pytest.mark.unit, pytest.mark.anyio]

RULES = SkillRules(
    give_up=("dialect.*",), keep=("language.*",), queues={"yi": frozenset({"language.yi", "dialect.zigong"})}
)


def test_it_is_what_the_contract_asks_for() -> None:
    acd: Acd = Hall().acd
    assert acd.seats == {}
    assert acd.waiting == ()


async def test_the_one_idle_for_longest_is_rung_and_gets_the_call() -> None:
    hall = Hall()
    hall.seat("li")
    hall.after(5)
    hall.seat("wu")
    call = hall.call()
    assert hall.ringing() == {"li": "c1"}
    hall.after(2)
    leg = hall.take("li")
    assert await call.connected() == Connected(hall.acd.seats["li"], leg, hall.devices["li"])
    assert (call.position, hall.acd.waiting) == (0, ())
    seat = hall.acd.seats["li"]
    assert (seat.presence, seat.call) == (Presence.TALKING, "c1")
    connect = hall.last(LogKind.CONNECT)
    assert (connect.call, connect.agent, connect.queue) == ("c1", "li", "legal")
    assert connect.facts == {"waited_ms": 2000, "ring_ms": 2000, "position": 1, "device": "browser"}


def test_calls_are_served_by_priority_then_age_and_the_head_first() -> None:
    hall = Hall(AcdSettings(wrap_up_s=0))
    hall.seat("li")
    hall.call("now")
    hall.take("li")
    for name, priority, head in (
        ("old", 0, False),
        ("new", 0, False),
        ("back", 0, True),
        ("wages", 5, False),
    ):
        hall.call(name, priority=priority, head=head)
    assert [(call.wanted.call, call.position) for call in hall.acd.waiting] == [
        ("wages", 1),
        ("back", 2),
        ("old", 3),
        ("new", 4),
    ]
    served, current = [], "now"
    for _ in range(4):
        hall.acd.seats["li"].talk_over(CallId(current))
        hall.after(0)
        current = hall.ringing()["li"]
        served.append(current)
        hall.take("li")
    assert served == ["wages", "back", "old", "new"]
    assert hall.kinds().count(LogKind.REQUEUE) == 1


def test_ring_time_out_goes_to_the_next_and_too_many_misses_make_busy() -> None:
    hall = Hall(AcdSettings(ring_s=20, misses=2, again_s=30))
    li = hall.seat("li")
    hall.after(1)
    hall.seat("wu")
    hall.call()
    hall.after(19.9)
    assert hall.ringing() == {"li": "c1"}
    hall.after(0.1)
    assert hall.ringing() == {"wu": "c1"}
    assert hall.last(LogKind.RINGNOANSWER).facts == {"ring_ms": 20000, "misses": 1, "waited_ms": 20000}
    assert hall.devices["li"].heard == [("ring", "c1.2"), ("stop", "c1.2")]
    assert hall.devices["li"].ringing == []
    hall.offer("wu").refuse("not_mine")
    refused = hall.last(LogKind.REFUSE)
    assert (refused.agent, refused.facts["reason"], refused.facts["refusals"]) == ("wu", "not_mine", 1)
    assert hall.ringing() == {}
    hall.after(30)
    assert hall.ringing() == {"li": "c1"}
    hall.after(20)
    assert (li.presence, li.reason) == (Presence.BUSY, "no_answer")
    assert hall.ringing() == {"wu": "c1"}


def test_one_who_missed_a_call_is_rung_after_the_others() -> None:
    hall = Hall()
    hall.seat("li")
    hall.after(1)
    hall.seat("wu")
    hall.call("a")
    hall.offer("li").refuse()
    hall.take("wu")
    hall.after(1)
    hall.seat("chen")
    hall.call("b")
    assert hall.ringing() == {"li": "b"}  # idle since the refusal, chen only since then
    hall.offer("li").refuse()
    assert hall.ringing() == {"chen": "b"}


def test_taking_a_call_clears_the_misses() -> None:
    hall = Hall(AcdSettings(ring_s=10, misses=2, again_s=0, wrap_up_s=0))
    li = hall.seat("li")
    hall.call("a")
    hall.after(10)
    hall.take("li")
    li.talk_over(CallId("a"))
    hall.after(0)
    hall.call("b")
    hall.after(10)
    assert li.presence is Presence.RINGING  # rung again: one miss, not two in a row


async def test_two_devices_of_an_agent_never_both_win() -> None:
    hall = Hall()
    seat = hall.seat("li")
    phone = NotingDevice("phone")
    call = hall.call()
    seat.plug(phone)
    offer = hall.offer("li")
    assert [kind for kind, _ in phone.heard] == ["ring"]
    first, second = StillLeg("browser"), StillLeg("phone")
    assert offer.accept(second, phone)
    assert not offer.accept(first, hall.devices["li"])
    assert [kind for kind, _ in hall.devices["li"].heard] == ["ring", "stop"]
    assert [kind for kind, _ in phone.heard] == ["ring"]
    connected = await call.connected()
    assert connected is not None
    assert connected.leg is second
    assert hall.last(LogKind.CONNECT).facts["device"] == "phone"


def test_a_late_accept_and_one_by_a_page_that_is_gone_lose() -> None:
    hall = Hall(AcdSettings(ring_s=10))
    seat = hall.seat("li")
    other = NotingDevice()
    seat.plug(other)
    hall.call()
    offer = hall.offer("li")
    seat.unplug(other)
    assert not offer.accept(StillLeg(), other)
    hall.after(10)
    assert not offer.accept(StillLeg(), hall.devices["li"])
    offer.refuse()
    assert hall.kinds().count(LogKind.REFUSE) == 0
    assert seat.presence is Presence.READY


async def test_fifty_accepts_at_once_have_one_winner() -> None:
    hall = Hall()
    seat = hall.seat("li", ready=False)
    devices = [NotingDevice("phone" if n % 2 else "browser") for n in range(50)]
    for device in devices:
        seat.plug(device)
    seat.ready()
    call = hall.call()
    offer = hall.offer("li")
    won: list[StillLeg] = []
    start = anyio.Event()

    async def answer(device: NotingDevice, turns: int) -> None:
        await start.wait()
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        leg = StillLeg(device.kind)
        if offer.accept(leg, device):
            won.append(leg)

    order = random.Random(5)
    async with anyio.create_task_group() as race:
        for device in devices:
            race.start_soon(answer, device, order.randrange(3))
        await anyio.lowlevel.checkpoint()
        start.set()
    connected = await call.connected()
    assert connected is not None
    assert won == [connected.leg]
    assert sum(len(device.ringing) for device in devices) == 1  # the winner was not told to stop
    assert hall.kinds().count(LogKind.CONNECT) == 1


async def test_fifty_agents_that_answer_while_they_are_rung_get_one_call_each() -> None:
    hall = Hall()
    taken: list[tuple[str, str]] = []

    for n in range(50):
        seat = hall.acd.sign_in(hall.seat(f"a{n}", ready=False).agent)
        device = hall.devices[f"a{n}"]

        def act(offer: Offer, device: NotingDevice = device, name: str = f"a{n}") -> None:
            if offer.accept(StillLeg(name), device):
                taken.append((name, offer.wanted.call))

        device.acts = act
        seat.ready()
    calls = [hall.call() for _ in range(60)]
    assert len(taken) == 50
    assert len({name for name, _ in taken}) == len({call for _, call in taken}) == 50
    assert [call.wanted.call for call in hall.acd.waiting] == [call.wanted.call for call in calls[50:]]


def test_a_caller_who_leaves_stops_the_ringing_and_costs_the_agent_nothing() -> None:
    hall = Hall()
    seat = hall.seat("li")
    hall.after(1)
    hall.seat("wu")
    call = hall.call()
    offer = hall.offer("li")
    hall.after(3)
    call.leave(Left.ABANDONED)
    call.leave(Left.ABANDONED)
    assert not offer.accept(StillLeg(), hall.devices["li"])
    assert seat.presence is Presence.READY
    assert hall.kinds(LogKind.AGENTLOGIN, LogKind.READY) == [
        LogKind.ENTERQUEUE,
        LogKind.RINGAGENT,
        LogKind.RINGCANCELED,
        LogKind.ABANDON,
    ]
    assert hall.last(LogKind.RINGCANCELED).facts["reason"] == "caller_left"
    assert hall.last(LogKind.ABANDON).facts == {"waited_ms": 3000, "position": 1}
    hall.call("next")
    assert hall.ringing() == {"li": "next"}  # still the one idle for longest


async def test_a_caller_who_leaves_as_the_agent_accepts_frees_the_agent_and_hangs_up_the_leg() -> None:
    hall = Hall()
    seat = hall.seat("li")
    call = hall.call()
    leg = hall.take("li")
    call.leave(Left.ABANDONED)  # before its session could collect the answer
    assert await call.connected() is None
    assert (seat.presence, seat.call) == (Presence.READY, None)
    assert hall.kinds()[-3:] == [LogKind.CONNECT, LogKind.COMPLETECALLER, LogKind.READY]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hall.acd.run)
        with anyio.fail_after(5):
            while leg.ended is None:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def test_leaving_after_the_answer_was_collected_is_harmless() -> None:
    hall = Hall()
    seat = hall.seat("li")
    call = hall.call()
    leg = hall.take("li")
    assert await call.connected() is not None
    call.leave(Left.ABANDONED)
    assert (seat.presence, leg.ended) == (Presence.TALKING, None)


async def test_nobody_on_duty_ends_the_waiting_at_once_or_when_the_last_one_goes() -> None:
    hall = Hall()
    assert await hall.call().connected() is None
    assert hall.kinds() == [LogKind.ENTERQUEUE, LogKind.EXITEMPTY]
    hall.seat("li", ready=False)
    call = hall.call()
    assert call.position == 1
    hall.acd.sign_out("li")
    assert await call.connected() is None
    call.leave(Left.ABANDONED)
    assert hall.kinds()[-1] is LogKind.EXITEMPTY


def test_a_named_agent_gets_the_call_alone_whatever_the_skills() -> None:
    hall = Hall()
    hall.seat("li", "labour")
    hall.seat("wu")
    hall.call("a", "labour", agent="wu")
    assert hall.ringing() == {"wu": "a"}
    hall.offer("wu").refuse()
    assert hall.ringing() == {}
    gone = hall.call("b", agent="nobody")
    assert gone.position == 0


def test_skills_are_asked_for_then_given_up_by_rule() -> None:
    hall = Hall(AcdSettings(relax_s=30, ring_s=120), RULES)
    hall.seat("zigong", "dialect.zigong", ready=False)
    hall.seat("plain")
    hall.call("a", "dialect.zigong")
    assert hall.ringing() == {}
    hall.after(29.9)
    assert hall.ringing() == {}
    hall.after(0.1)
    assert hall.ringing() == {"plain": "a"}


def test_a_skill_that_nobody_on_duty_has_is_given_up_at_once_but_not_a_language() -> None:
    hall = Hall(rules=RULES)
    hall.seat("plain")
    hall.call("a", "dialect.zigong")
    assert hall.ringing() == {"plain": "a"}
    assert hall.call("b", "language.yi").position == 0
    assert hall.last(LogKind.EXITEMPTY).call == "b"


def test_on_duty_asks_for_what_a_queue_never_gives_up() -> None:
    hall = Hall(rules=RULES)
    assert not hall.acd.on_duty("legal")
    hall.seat("plain", ready=False)
    assert hall.acd.on_duty("legal")
    assert not hall.acd.on_duty("yi")
    hall.seat("yi", "language.yi")
    assert hall.acd.on_duty("yi")


def test_the_estimate_uses_measured_talks_once_there_are_enough() -> None:
    hall = Hall(AcdSettings(handle_s=300, wrap_up_s=20))
    li = hall.seat("li")
    hall.call("first")
    hall.take("li")
    waits = hall.call("second")
    assert waits.estimate_s == 300
    for n in range(5):
        hall.after(100)
        li.talk_over(CallId("first" if n == 0 else f"x{n}"))
        hall.after(20)
        li.busy("rest")
        li.talk_began(CallId(f"x{n + 1}"))
    assert hall.acd.handle_s == 120
    assert waits.estimate_s == 120
    li.talk_over(CallId("x5"))
    li.busy("rest")
    assert waits.estimate_s is None  # nobody who takes calls is left


def test_a_device_that_breaks_does_not_break_the_others() -> None:
    hall = Hall()
    seat = hall.seat("li", ready=False)

    def broken(offer: Offer) -> None:
        raise RuntimeError(offer.id)

    hall.devices["li"].acts = broken
    other = NotingDevice()
    seat.plug(other)
    seat.ready()
    hall.call()
    assert len(other.ringing) == 1


def test_who_has_no_device_is_offered_nothing() -> None:
    hall = Hall()
    seat = hall.seat("li")
    seat.unplug(hall.devices["li"])
    call = hall.call()
    assert hall.ringing() == {}
    assert call.position == 1
    with pytest.raises(NotAllowed, match="no_device"):
        seat.ready()
    seat.plug(hall.devices["li"])
    assert hall.ringing() == {"li": "c1"}
