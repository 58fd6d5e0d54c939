"""What an agent confirms is filed: not before they have the call; what is asked for later is not lost."""

from pathlib import Path

import pytest

from hotline.acd.model import LogKind
from hotline.call.drafts import NoDraft
from hotline.conversation import EndCause, Outcome
from tests.fakes.call_parts import NOW
from tests.fakes.hall import CALL, Hall

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


@pytest.fixture
def hall(tmp_path: Path) -> Hall:
    return Hall(tmp_path)


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
        left = hall.leg.now
        await hall.until(lambda: hall.leg.now > left + 16_000)  # it is asked for a message
        hall.ears.transcriber.say("还有社保也没买", 320_000)
        await hall.until(lambda: "还有社保也没买" in hall.store.finals)
        hall.leg.end(EndCause.REMOTE_HANGUP)
    orders = list(hall.desk.orders.values())
    assert [order.matter_no for order in orders] == [1, 2]
    assert [order.source for order in orders] == ["agent", "speech"]
    assert hall.store.records[0].orders[0] == first
    assert len(hall.store.records[0].orders) == 2
