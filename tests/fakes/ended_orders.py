"""Orders with everything personal there is, ended and out of time; where it must not be found then."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, inspect, text

from hotline.audit.order_retention import OrderRetention, SweptOrders
from hotline.audit.sealer import Sealer
from hotline.audit.verify import Wanted, verify
from hotline.stats.statistics import Statistics
from hotline.store.engine import reading, writing
from hotline.store.files import FileStore
from hotline.store.retention_rules import OrderRule, OrderRules
from tests.fakes.orders import NOW, wage_claim
from workorders.attachments import Attachment
from workorders.case_messages import ReferOrder
from workorders.life import dispatch
from workorders.messages import ActOnOrder, EditWorkOrder, FieldValue
from workorders.model import Action, Actor
from workorders.queries import OrderQueries, OrderView
from workorders.service import WorkOrderService
from workorders.sql import SqlUnitOfWork

DAYS = 100
LATER = NOW + timedelta(days=DAYS + 10)
RULES = OrderRules((OrderRule(id="all", name="一般", days=DAYS),))
SECRETS = (
    "13800001234",
    "13900005678",
    "包工头拖欠三个月工资",
    "张三丰",
    "李四光",
    "秘密的答复",
    "秘密的备注",
    "秘密的证据",
    "18600009999",
    "调解的秘密",
)
"""What the story below says of people."""


@dataclass(slots=True)
class Desk:
    """One line's orders and all that happens to them."""

    engine: Engine
    files: FileStore
    folder: Path
    service: WorkOrderService
    stats: Statistics

    def act(self, number: str, action: Action, role: Actor = Actor.SUPERVISOR, **more: Any) -> None:
        unit = self.get(number).order.unit if role is Actor.UNIT else ""
        told: dict[str, Any] = {
            "by": "li",
            "at": NOW + timedelta(hours=1),
            "text": "秘密的备注",
            "unit": unit,
        }
        self.service.handle(ActOnOrder(number, action, role=role, **(told | more)))

    def get(self, number: str) -> OrderView:
        found = OrderQueries(self.engine).get(number)
        assert found is not None
        return found

    def file(self, call: str = "call-1", *, content: bytes = b"secret proof", **more: Any) -> str:
        """An order with everything there is, as far as the unit's answer."""
        claim = wage_claim(
            call,
            fields=(
                FieldValue("caller_name", "张三丰", "张三丰", 0.9),
                FieldValue("phone", "13800001234", "138 0000 1234", 0.9),
                FieldValue("employer", "李四光", "李四光", 0.9),
            ),
            **more,
        )
        number = self.service.handle(claim).number
        with SqlUnitOfWork(self.engine) as uow:
            order = uow.orders.by_number(number)
            assert order is not None
            change = dispatch(order, NOW)
            uow.orders.save(change.order, change.entry)
            uow.commit()
        version = self.get(number).order.version
        self.service.handle(EditWorkOrder(number, version, "li", "phone", "13900005678", NOW))
        self.act(number, Action.SIGN, Actor.UNIT, text="")
        sha256 = self.files.put(content)
        unit = self.get(number).order.unit
        attach = ActOnOrder(number, Action.ATTACH, "li", Actor.UNIT, NOW, unit=unit, text="秘密的证据.pdf")
        key = f"k{abs(hash((call, content)))}"[:30]
        file = Attachment(key, "秘密的证据.pdf", "pdf", len(content), sha256, unit, "li", NOW)
        self.service.attach(attach, file)
        referral = ReferOrder(
            number, "mediation", "li", Actor.SUPERVISOR, NOW, institution="调解委员会", mode="online",
            party="王五", party_contact="18600009999", text="调解的秘密",
        )  # fmt: skip
        self.service.handle(referral)
        return number

    def end(self, number: str, rating: int = 5) -> None:
        """Answered, asked about, settled, archived; the mediation is over."""
        self.act(number, Action.REPLY, Actor.UNIT, text="秘密的答复")
        self.act(number, Action.APPROVE)
        self.act(number, Action.VISIT, outcome="reached", rating=rating)
        self.act(number, Action.SETTLE)
        self.act(number, Action.ARCHIVE)
        self.quiet()
        with writing(self.engine) as connection:
            connection.execute(text("UPDATE referrals SET status = 'success'"))

    def quiet(self) -> None:
        """Everything in the outbox has been delivered."""
        with writing(self.engine) as connection:
            connection.execute(text("UPDATE order_outbox SET status = 'done'"))

    def sweep(self, now: datetime = LATER, rules: OrderRules = RULES) -> SweptOrders:
        return OrderRetention(self.engine, self.files, rules).sweep(now)

    def seal(self) -> None:
        Sealer(self.engine, lambda: NOW).seal_all()

    def problems(self) -> list[tuple[str, str, str]]:
        return [(each.kind, each.source, each.row) for each in verify(self.engine, Wanted()).broken]

    def everything(self) -> str:
        """Every row of every table, with those of the text indexes."""
        tables = inspect(self.engine).get_table_names()
        with reading(self.engine) as connection:
            rows = {name: connection.execute(text(f'SELECT * FROM "{name}"')).all() for name in tables}
        return str(rows)

    def facts(self) -> list[Any]:
        """What statistics count, counted from nothing."""
        self.stats.facts.rebuild()
        with reading(self.engine) as connection:
            return list(connection.execute(text("SELECT * FROM order_facts ORDER BY order_id")).all())


def secrets_in(text: str) -> list[str]:
    return [each for each in (*SECRETS, "王五") if each in text]
