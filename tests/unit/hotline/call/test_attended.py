"""A call that people answer: the wait, the talk, being handed on, and always one record and no agent lost."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from hotline.acd.distributor import Distributor
from hotline.acd.model import AcdLog, Agent, LogKind, NotAllowed, Presence, Wanted
from hotline.acd.ports import Offer
from hotline.bus import InProcessBus
from hotline.call.attended import announcement
from hotline.call.drafts import Drafts, NoDraft
from hotline.call.journal import Journal
from hotline.call.line import Line
from hotline.call.people import People
from hotline.call.session import CallSession
from hotline.call.talks import Talks
from hotline.conversation import CallId, EndCause, Outcome, Speaker
from hotline.errors import HotlineError
from hotline.gateway.media import MediaLeg
from hotline.ivr.flow import FlowFile
from hotline.ivr.machine import Announcing
from hotline.settings import AcdSettings, LimitSettings
from tests.fakes.call_parts import (
    NOW,
    FakeCall,
    FakeDesk,
    FakeLeg,
    FakePrompts,
    FakeReader,
    FakeStore,
    FakeTranscribers,
)

pytestmark = [pytest.mark.unit, pytest.mark.anyio]

FLOW = FlowFile.load(Path(__file__).parents[4] / "ivr_flows" / "12348.yaml")
CALL = CallId("c1")


class Console:
    """An agent's page that answers when told to."""

    kind = "browser"

    def __init__(self, name: str) -> None:
        self.leg = FakeLeg(name)
        self.offers: list[Offer] = []

    def ring(self, offer: Offer) -> None:
        self.offers.append(offer)

    def stop(self, offer: Offer) -> None:
        self.offers.remove(offer)

    def answer(self) -> None:
        assert self.offers.pop().accept(self.leg, self)


@dataclass
class Hall:
    """A call, agents, and everything around them."""

    recordings: Path
    leg: FakeLeg = field(default_factory=lambda: FakeLeg("caller"))
    store: FakeStore = field(default_factory=FakeStore)
    desk: FakeDesk = field(default_factory=FakeDesk)
    ears: FakeTranscribers = field(default_factory=FakeTranscribers)
    log: list[AcdLog] = field(default_factory=list)
    talks: Talks = field(default_factory=Talks)
    outside: FakeLeg | None = None
    reattach_s: float = 5.0

    def __post_init__(self) -> None:
        self.drafts = Drafts(FakeReader(), self.desk, cast(Any, None))  # nothing is asked of the store
        self.acd = Distributor(AcdSettings(again_s=0), self.log.append)

    def agent(self, name: str = "li") -> Console:
        console = Console(name)
        seat = self.acd.sign_in(Agent(name, name, frozenset()))
        seat.plug(console)
        seat.ready()
        return console

    def session(self, journal: Journal) -> CallSession:
        async def want(
            call: CallId,
            remote: str,
            queue: str,
            reasons: tuple[str, ...] = (),
            skills: tuple[str, ...] = (),
        ) -> Wanted:
            await anyio.lowlevel.checkpoint()
            return Wanted(call, queue, reasons=reasons, skills=frozenset(skills))

        async def dial(number: str) -> MediaLeg:
            await anyio.lowlevel.checkpoint()
            if self.outside is None:
                raise HotlineError(number)
            return self.outside

        line = Line(
            bus=InProcessBus(),
            journal=journal,
            transcribers=self.ears,
            reader=FakeReader(),
            desk=self.desk,
            prompts=FakePrompts(),
            flow=FLOW,
            recordings=self.recordings,
            limits=LimitSettings(),
            people=People(
                self.acd, want, self.log.append, dial, self.talks, self.drafts, 5.0, self.reattach_s, 10.0
            ),
            clock=lambda: NOW,
        )
        return CallSession(CALL, FakeCall(self.leg), line)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Run the call beside the test; leaving waits for its end."""
        journal = Journal(self.store)
        async with anyio.create_task_group() as world:
            world.start_soon(journal.run)
            async with anyio.create_task_group() as calls:
                calls.start_soon(self.session(journal).run)
                yield
            journal.close()

    async def until(self, condition: Callable[[], object]) -> None:
        """Let things happen until something has."""
        with anyio.fail_after(10):
            while not condition():
                self.leg.frames(0.02)
                await anyio.sleep(0.0005)

    async def answered(self, console: Console) -> None:
        """Until the agent has the call."""
        await self.until(lambda: console.offers)
        console.answer()
        await self.until(lambda: self.talks.of_agent(console.leg.leg) is not None)

    def kinds(self) -> list[LogKind]:
        return [line.kind for line in self.log if line.call == CALL]


@pytest.fixture
def hall(tmp_path: Path) -> Hall:
    return Hall(tmp_path)


async def test_a_caller_waits_talks_and_rates(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        li.leg.spoken.clear()
        hall.leg.say(b"\x05\x00" * 320)
        assert li.leg.spoken[-1].pcm == b"\x05\x00" * 320
        li.leg.say(b"\x07\x00" * 320)
        assert hall.leg.spoken[-1].pcm == b"\x07\x00" * 320
        hall.ears.agents[0].say("您好，请讲", 32_000)
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: li.leg.hangups)
        hall.leg.press("5")
        await hall.until(lambda: hall.leg.hangups)
    record = hall.store.records[0]
    assert record.outcome is Outcome.ANSWERED
    assert [(leg.speaker, leg.remote) for leg in record.legs] == [
        (Speaker.CALLER, "13800001234"),
        (Speaker.AGENT, "li"),
    ]
    assert "您好，请讲" in hall.store.finals
    assert hall.kinds() == [
        LogKind.ENTERQUEUE,
        LogKind.RINGAGENT,
        LogKind.CONNECT,
        LogKind.COMPLETEAGENT,
        LogKind.WRAPUP,
        LogKind.SURVEY,
    ]
    assert hall.log[-1].facts["score"] == 5
    assert hall.log[-1].agent == "li"
    assert hall.acd.seats["li"].presence is Presence.WRAP_UP
    assert hall.desk.orders == {}


async def test_what_the_agent_confirms_is_filed_once(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        hall.ears.transcriber.say("老板欠我工资", 32_000)
        await hall.until(lambda: "老板欠我工资" in hall.store.finals)
        first = await hall.drafts.confirm(CALL, NOW)
        assert await hall.drafts.confirm(CALL, NOW) == first
        hall.leg.end(EndCause.REMOTE_HANGUP)
    (order,) = hall.desk.orders.values()
    assert order.source == "agent"
    assert order.matter == "labour.wages"
    record = hall.store.records[0]
    assert record.orders == (first,)
    assert record.outcome is Outcome.ORDER_FILED


async def test_nothing_is_confirmed_before_an_agent_has_the_call(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.until(lambda: li.offers)
        with pytest.raises(NoDraft):
            await hall.drafts.confirm(CALL, NOW)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert hall.desk.orders == {}


async def test_a_message_after_a_confirmed_order_is_an_order_of_its_own(hall: Hall) -> None:
    hall.reattach_s = 0.0
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        hall.ears.transcriber.say("老板欠我工资", 32_000)
        await hall.until(lambda: "老板欠我工资" in hall.store.finals)
        first = await hall.drafts.confirm(CALL, NOW)
        hall.acd.sign_out("li")
        li.leg.end(EndCause.TRANSPORT)  # within ten seconds: the caller waits again, and nobody is there
        await hall.until(lambda: LogKind.EXITEMPTY in hall.kinds())
        played = len(hall.leg.played)
        await hall.until(lambda: len(hall.leg.played) > played + 1)
        hall.ears.transcriber.say("还有社保也没买", 320_000)
        await hall.until(lambda: "还有社保也没买" in hall.store.finals)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    orders = list(hall.desk.orders.values())
    assert [order.matter_no for order in orders] == [1, 2]
    assert [order.source for order in orders] == ["agent", "speech"]
    assert hall.store.records[0].orders[0] == first
    assert len(hall.store.records[0].orders) == 2


async def test_who_gives_up_waiting_has_abandoned(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.until(lambda: li.offers)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert hall.store.records[0].outcome is Outcome.ABANDONED
    assert LogKind.ABANDON in hall.kinds()
    assert li.offers == []
    assert hall.acd.seats["li"].presence is Presence.READY


async def test_the_caller_ends_a_talk(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert hall.store.records[0].outcome is Outcome.ANSWERED
    assert hall.kinds()[-2:] == [LogKind.COMPLETECALLER, LogKind.WRAPUP]
    assert li.leg.hangups
    assert not hall.talks.talks


async def test_with_nobody_on_duty_a_message_is_taken_at_once(hall: Hall) -> None:
    async with hall.call():
        await hall.until(lambda: len(hall.leg.played) >= 4)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert "message" in hall.store.records[0].flow_path
    assert hall.kinds() == [LogKind.ENTERQUEUE, LogKind.EXITEMPTY]


async def test_a_caller_who_will_not_wait_is_called_back(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.until(lambda: li.offers)
        hall.leg.press("1")
        await hall.until(lambda: hall.leg.hangups)
    (order,) = hall.desk.orders.values()
    assert order.flags[-1] == "callback"
    assert order.summary == "请打回。"
    assert order.caller_contact == "13800001234"
    assert hall.kinds()[-1] is LogKind.CALLBACK
    assert LogKind.RINGCANCELED in hall.kinds()
    assert hall.store.records[0].outcome is Outcome.ORDER_FILED


async def test_an_agent_lost_at_once_puts_the_caller_first_again(hall: Hall) -> None:
    hall.reattach_s = 0.0
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        wang = hall.agent("wang")
        li.leg.end(EndCause.TRANSPORT)
        await hall.answered(wang)
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: wang.leg.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert LogKind.REQUEUE in hall.kinds()
    assert [leg.remote for leg in hall.store.records[0].legs][1:] == ["li", "wang"]


async def test_a_page_that_reloads_keeps_its_caller(hall: Hall) -> None:
    li = hall.agent()
    async with hall.call():
        await hall.answered(li)
        li.leg.end(EndCause.REMOTE_HANGUP)
        await hall.until(lambda: any(len(pcm) > 100_000 for pcm in hall.leg.played[-1:]))  # music
        again = FakeLeg("again")
        hall.talks.talks[CALL].attach(again)
        hall.leg.say(b"\x01\x00" * 320)
        assert again.spoken
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: again.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert LogKind.REATTACH in hall.kinds()
    assert LogKind.REQUEUE not in hall.kinds()


async def test_a_blind_transfer_frees_the_agent_and_rings_the_other(hall: Hall) -> None:
    li, wang = hall.agent(), hall.agent("wang")
    async with hall.call():
        await hall.answered(li)
        await hall.talks.talks[CALL].transfer("agent:wang")
        await hall.answered(wang)
        assert hall.acd.seats["li"].presence is Presence.WRAP_UP
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: wang.leg.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    kinds = hall.kinds()
    assert kinds.count(LogKind.CONNECT) == 2
    assert kinds.count(LogKind.TRANSFER) == 1


async def test_consultation_transfer_and_conference(hall: Hall) -> None:
    li, wang = hall.agent(), hall.agent("wang")
    hall.outside = FakeLeg("outside")
    async with hall.call():
        await hall.answered(li)
        talk = hall.talks.talks[CALL]
        async with anyio.create_task_group() as asking:
            asking.start_soon(talk.consult, "agent:wang")
            await hall.until(lambda: wang.offers)
            wang.answer()
        assert talk.on_hold
        hall.leg.say(b"\x01\x00" * 320)
        assert wang.leg.spoken == []
        li.leg.say(b"\x02\x00" * 320)
        assert wang.leg.spoken[-1].pcm == b"\x02\x00" * 320
        await talk.complete()
        assert talk.agent == "wang"
        assert hall.acd.seats["li"].presence is Presence.WRAP_UP
        hall.leg.say(b"\x03\x00" * 320)
        assert wang.leg.spoken[-1].pcm == b"\x03\x00" * 320
        await talk.conference("number:110")
        hall.leg.say(b"\x04\x00" * 320)
        wang.leg.say(b"\x00\x00" * 320)
        assert hall.outside.spoken[-1].pcm == b"\x04\x00" * 320
        await talk.back()
        await hall.until(lambda: hall.outside is not None and hall.outside.hangups)
        with pytest.raises(NotAllowed, match="no_such_agent"):
            await talk.transfer("agent:nobody")
        await talk.hangup()
        await hall.until(lambda: wang.leg.hangups)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    assert not [seat for seat in hall.acd.seats.values() if seat.presence is Presence.TALKING]


@pytest.mark.parametrize("steps", range(0, 40, 3))
@pytest.mark.parametrize("who", ["caller", "agent", "both", "cancel"])
async def test_whenever_somebody_vanishes_there_is_one_record_and_nobody_is_stuck(
    hall: Hall, steps: int, who: str
) -> None:
    hall.reattach_s = 0.0
    li = hall.agent()
    journal = Journal(hall.store)
    async with anyio.create_task_group() as world:
        world.start_soon(journal.run)
        async with anyio.create_task_group() as calls:
            calls.start_soon(hall.session(journal).run)
            for step in range(steps):
                hall.leg.frames(0.02)
                await anyio.lowlevel.checkpoint()
                if li.offers and step % 2:
                    li.answer()
            if who in {"agent", "both"}:
                li.leg.end(EndCause.TRANSPORT)
            if who == "cancel":
                calls.cancel_scope.cancel()
            elif who != "agent":
                hall.leg.end(EndCause.REMOTE_HANGUP)
            else:
                for _ in range(50):
                    hall.leg.frames(0.02)
                    await anyio.sleep(0.0005)
                hall.leg.end(EndCause.REMOTE_HANGUP)
        journal.close()
    assert len(hall.store.records) == 1
    assert hall.acd.waiting == ()
    assert hall.acd.seats["li"].presence is not Presence.TALKING
    assert not hall.talks.talks


def test_announcements_count_and_offer_keys_only_before_the_first_talk() -> None:
    told = Announcing("p", "m", ("keys",))
    assert announcement(told, 1, None, first=True) == ("p.1", "keys")
    assert announcement(told, 12, 130.0, first=True) == ("p.more", "m.2", "keys")
    assert announcement(told, 3, 10.0, first=False) == ("p.3", "m.1")
    assert announcement(Announcing(), 3, 10.0, first=True) == ()
