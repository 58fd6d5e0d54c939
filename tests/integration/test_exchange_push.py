"""What systems outside are sent: orders, how they go on, referrals; each once, through the outbox."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.case_messages import HearOutside, ReferOrder, TakeTransfer
from workorders.messages import ActOnOrder, SignWorkOrder
from workorders.model import Action, Actor
from workorders.outbox import Outbox
from workorders.ports import Parcel
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

LINE = "outside-12345"


class Mail:
    """A gateway to every system outside that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def serves(self, unit: str) -> bool:
        return unit.startswith("outside-")

    async def deliver(self, parcel: Parcel) -> None:
        self.sent.append((parcel.unit, json.loads(parcel.body)))


@pytest.fixture
def service(engine: Engine) -> WorkOrderService:
    rules, calendar = shipped_rules()
    systems = {
        code: replace(each, address="http://127.0.0.1:1/") for code, each in rules.exchange.systems.items()
    }
    return WorkOrderService(
        unit_of_work(engine), replace(rules, exchange=replace(rules.exchange, systems=systems)), calendar
    )


@pytest.fixture
def mail() -> Mail:
    return Mail()


@pytest.fixture
def outbox(engine: Engine, mail: Mail) -> Outbox:
    return Outbox(engine, [mail], lambda _event: None, clock=lambda: NOW)


async def settle(outbox: Outbox) -> None:
    while await outbox.run_once():
        pass


async def test_the_line_an_order_came_from_is_told_what_matters_and_no_more(
    service: WorkOrderService, outbox: Outbox, mail: Mail
) -> None:
    number = service.handle(TakeTransfer(LINE, "CD-17", wage_claim())).subject
    await settle(outbox)
    assert mail.sent == []
    service.handle(ActOnOrder(number, Action.URGE, "li", Actor.AGENT, NOW, text="内部说明"))
    service.handle(SignWorkOrder(number, "legal_aid-510104", "张", NOW))
    service.handle(
        ActOnOrder(number, Action.REPLY, "张", Actor.UNIT, NOW, unit="legal_aid-510104", text="已指派律师")
    )
    await settle(outbox)
    told = [(unit, body["status"], body["text"], body["outside_number"]) for unit, body in mail.sent]
    assert told == [(LINE, "signed", None, "CD-17"), (LINE, "replied", "已指派律师", "CD-17")]
    assert all(body["schema"] == "hotline12348.exchange/1" for _, body in mail.sent)


async def test_an_order_sent_out_goes_once_and_its_recall_is_told(
    service: WorkOrderService, outbox: Outbox, mail: Mail
) -> None:
    number = service.handle(wage_claim()).number
    service.handle(ActOnOrder(number, Action.SEND_OUTSIDE, "li", Actor.AGENT, NOW, text="属其受理", to=LINE))
    await settle(outbox)
    [(unit, body)] = mail.sent
    assert (unit, body["number"], body["unit"], body["caller_contact"]) == (LINE, number, LINE, "13800001234")
    service.handle(HearOutside(LINE, "1", number, "accepted", NOW, "A-1"))
    service.handle(
        ActOnOrder(number, Action.REASSIGN, "zhao", Actor.SUPERVISOR, NOW, text="收回", to="legal_aid-510104")
    )
    await settle(outbox)
    assert [body["status"] for _, body in mail.sent[1:]] == ["recalled"]


async def test_a_referral_goes_out_with_its_order(
    service: WorkOrderService, outbox: Outbox, mail: Mail
) -> None:
    number = service.handle(wage_claim()).number
    made = service.handle(ReferOrder(number, "reconsideration", "li", Actor.AGENT, NOW, text="不服处罚决定"))
    await settle(outbox)
    [(unit, body)] = mail.sent
    assert (unit, body["type"], body["referral"]) == ("outside-reconsideration", "referral", made.subject)
    assert (body["text"], body["order"]["number"]) == ("不服处罚决定", number)
