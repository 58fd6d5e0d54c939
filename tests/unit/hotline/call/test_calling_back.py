"""Calls that agents place: answered or not, given up, and always one record and no agent left behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from hotline.acd.model import LogKind, NotAllowed, Presence
from hotline.acd.ports import Connected
from hotline.acd.tally import tally
from hotline.call.calling_back import CallingBack, DialledCall
from hotline.call.journal import Journal
from hotline.call.music import hold_music
from hotline.call.session import CallSession
from hotline.conversation import EndCause, Outcome
from hotline.errors import CallAborted
from hotline.gateway.media import MediaLeg
from hotline.ivr.flow import FlowFile
from tests.fakes.call_parts import FakeLeg
from tests.fakes.hall import CALL, Console, Hall

pytestmark = [pytest.mark.unit, pytest.mark.anyio]
FLOW = FlowFile.load(Path(__file__).parents[4] / "ivr_flows" / "callback.yaml")
ORDER, NUMBER = "SC-20261123-510116-00001-1", "13800001234"


class Desk:
    """An agent who calls back, and the one called: `hall.leg`."""

    def __init__(self, folder: Path) -> None:
        self.hall = Hall(folder)
        self.li = self.hall.agent()
        self.dialled: list[str] = []
        self.answers: MediaLeg | None = self.hall.leg
        """None: it rings for ever."""
        self.taken = True
        self.reached: list[tuple[str, str]] = []
        self.back = CallingBack(self._dial, self._reached, FLOW)

    async def _dial(self, number: str) -> MediaLeg:
        self.dialled.append(number)
        await anyio.lowlevel.checkpoint()
        if not self.taken:
            raise CallAborted
        if self.answers is None:
            await anyio.sleep_forever()
        assert self.answers is not None
        return self.answers

    async def _reached(self, order: str, agent: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.reached.append((order, agent))

    def place(self, console: Console | None = None) -> None:
        console = console or self.li
        seat = self.hall.acd.seats[console.leg.leg]
        self.back.place(ORDER, NUMBER, Connected(seat, console.leg, console))

    @asynccontextmanager
    async def placed(self) -> AsyncIterator[None]:
        """Place a call beside the test; leaving waits for its end."""
        journal = Journal(self.hall.store)
        self.place()
        async with anyio.create_task_group() as world:
            world.start_soon(journal.run)
            async with anyio.create_task_group() as calls:
                calls.start_soon(self._one, journal)
                yield
            journal.close()
        assert self.li.leg.hangups
        assert self.back.of_agent("li") is None
        assert self.hall.acd.seats["li"].presence is Presence.WRAP_UP

    async def _one(self, journal: Journal) -> None:
        async for incoming in self.back.incoming():
            assert isinstance(incoming, DialledCall)
            async with self.back.around(CALL, incoming, self.hall.line(journal)) as line:
                await CallSession(CALL, incoming, line).run()
            break


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_who_answers_hears_the_notice_and_then_the_agent_who_called(desk: Desk) -> None:
    hall = desk.hall
    wang = hall.agent("wang")
    async with desk.placed():
        assert desk.back.of_agent("li") == ORDER
        await hall.until(lambda: hall.talks.of_agent("li"))
        assert hold_music() not in hall.leg.played[:2], "who calls, and that it is recorded"
        assert desk.li.leg.played, "it rang for the agent"
        assert desk.back.of_agent("li") is None
        desk.li.leg.say(b"\x07\x00" * 320)
        assert hall.leg.spoken[-1].pcm == b"\x07\x00" * 320
        await hall.talks.talks[CALL].hangup()
        await hall.until(lambda: desk.li.leg.hangups)
        hall.leg.press("5")
        await hall.until(lambda: hall.leg.hangups)
    record = hall.store.records[0]
    assert (record.outcome, record.channel, record.dialled) == (Outcome.ANSWERED, "callback", ORDER)
    assert [leg.remote for leg in record.legs] == [NUMBER, "li"]
    assert record.consent_version is not None
    assert desk.reached == [(ORDER, "li")]
    assert hall.kinds() == [LogKind.CONNECT, LogKind.COMPLETEAGENT, LogKind.WRAPUP, LogKind.SURVEY]
    assert tally(hall.log).offered == 0, "nobody asked for a person by telephone"
    assert wang.offers == []


async def test_nobody_answers(desk: Desk) -> None:
    desk.taken = False
    async with desk.placed():
        pass
    assert desk.hall.store.records[0].outcome is Outcome.UNREACHED
    assert desk.reached == []
    assert desk.dialled == [NUMBER]


@pytest.mark.parametrize("how", ["gives up", "page gone", "shutdown"])
async def test_the_agent_does_not_wait_for_an_answer(desk: Desk, how: str) -> None:
    desk.answers = None
    async with desk.placed():
        await desk.hall.until(lambda: desk.dialled)
        if how == "gives up":
            assert await desk.back.give_up("li")
        elif how == "page gone":
            desk.li.leg.end(EndCause.TRANSPORT)
        else:
            await desk.back.shutdown(1.0)
    assert desk.hall.store.records[0].outcome is Outcome.UNREACHED
    assert not await desk.back.give_up("li")


async def test_giving_up_while_the_notice_is_read_ends_the_call(desk: Desk) -> None:
    class Listening(FakeLeg):
        async def play(self, pcm: bytes, tap: object = None) -> None:
            await anyio.sleep_forever()

    desk.answers = desk.hall.leg = called = Listening("caller")
    async with desk.placed():
        await desk.hall.until(lambda: desk.hall.store.started)
        await desk.hall.until(lambda: called.now > 16_000)
        assert await desk.back.give_up("li")
    assert called.hangups
    assert desk.hall.store.records[0].outcome is Outcome.UNREACHED


async def test_a_line_that_takes_no_calls_places_none(desk: Desk) -> None:
    desk.place()
    async for incoming in desk.back.incoming():
        await incoming.reject(503, "Service Unavailable", 5)
        break
    assert desk.li.leg.hangups
    assert desk.back.of_agent("li") is None
    assert desk.hall.acd.seats["li"].presence is Presence.READY


async def test_one_call_at_a_time_and_none_while_talking(desk: Desk) -> None:
    hall = desk.hall
    desk.place()
    with pytest.raises(NotAllowed, match="talking"):
        desk.place()
    wang = hall.agent("wang")
    hall.acd.seats["wang"].talk_began(CALL)
    with pytest.raises(NotAllowed, match="talking"):
        desk.place(wang)
    await desk.back.shutdown(1.0)
    chen = hall.agent("chen")
    with pytest.raises(NotAllowed, match="busy"):
        desk.place(chen)
