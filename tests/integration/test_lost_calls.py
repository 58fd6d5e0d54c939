"""Whom the line has lost today: who hung up in the queue and was not spoken to since, on both databases."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from sqlalchemy import Engine

from hotline.acd.model import AcdLog, LogKind
from hotline.call.drafts import Drafts, NoDraft
from hotline.conversation import CallId, Outcome, Sentence
from hotline.stats.days import day_number
from hotline.stats.statistics import Statistics
from hotline.store.acd_log import AcdLogStore
from hotline.store.calls import CallStore
from hotline.store.engine import make_engine, writing
from hotline.store.tables import calls
from hotline.store.upgrade import upgrade
from hotline.store.views import LOCAL
from tests.fakes.orders import shipped_rules
from workorders.messages import Filed, FileWorkOrder
from workorders.model import Pool
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work

pytestmark = pytest.mark.integration

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TODAY = day_number(AT.astimezone(LOCAL).date())


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = make_engine(url)
    upgrade(made)
    yield made
    made.dispose()


def call(engine: Engine, name: str, remote: str, minute: int, ends: Sequence[LogKind]) -> None:
    at = AT + timedelta(minutes=minute)
    row = {
        "id": name, "state": "closed", "channel": "phone", "remote": remote, "dialled": "12348",
        "started": at, "ended": at + timedelta(minutes=2), "flow": "12348", "outcome": "abandoned",
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(calls.insert(), [row])
    lines = [AcdLog(at, LogKind.ENTERQUEUE, CallId(name), None, "legal")]
    for kind in ends:
        lines.append(
            AcdLog(at + timedelta(seconds=20), kind, CallId(name), None, "legal", {"waited_ms": 20_000})
        )
    AcdLogStore(engine).add(lines)


def test_who_was_spoken_to_since_is_not_lost(engine: Engine) -> None:
    gone, answered, back = [LogKind.ABANDON], [LogKind.CONNECT, LogKind.COMPLETEAGENT], [LogKind.CALLBACK]
    call(engine, "lost", "02812340001", 0, gone)
    call(engine, "later-answered", "02812340002", 1, gone)
    call(engine, "answered", "02812340002", 9, answered)
    call(engine, "later-called-back", "02812340003", 2, gone)
    call(engine, "called-back", "02812340003", 10, back)
    call(engine, "answered-before", "02812340004", 3, answered)
    call(engine, "lost-after", "02812340004", 11, gone)
    call(engine, "twice-1", "02812340005", 4, gone)
    call(engine, "twice-2", "02812340005", 12, gone)
    call(engine, "anonymous", "anonymous", 5, gone)
    call(engine, "yesterday", "02812340006", -1_440, gone)
    stats = Statistics(engine)
    stats.facts.refresh()
    lost = stats.lost(TODAY)
    assert [each.call for each in lost] == ["twice-2", "lost-after", "lost"]
    assert {each.wait_s for each in lost} == {20.0}


class Reader:
    """Knows no words."""

    categories = MappingProxyType({"other": "其他", "consult": "法律咨询"})

    def read(self, *_: object, **__: object) -> None:
        return None

    def alerts(self, *_: object, **__: object) -> tuple[()]:
        return ()

    def summary(self, *_: object) -> tuple[Sentence, ...]:
        return (Sentence("请回拨。"),)


class Clerk:
    """Files at once."""

    def __init__(self, engine: Engine) -> None:
        self.service = WorkOrderService(unit_of_work(engine), *shipped_rules())

    async def file(self, command: FileWorkOrder) -> Filed:
        return self.service.handle(command)


@pytest.mark.anyio
async def test_calling_back_makes_one_order_in_the_pool_and_takes_the_caller_off_the_list(
    engine: Engine,
) -> None:
    call(engine, "lost", "02812340001", 0, [LogKind.ABANDON])
    call(engine, "unknown", "anonymous", 1, [LogKind.ABANDON])
    drafts = Drafts(Reader(), Clerk(engine), CallStore(engine))  # type: ignore[arg-type]
    now = AT + timedelta(minutes=5)
    number = await drafts.call_back(CallId("lost"), "wang", now)
    assert number is not None
    assert await drafts.call_back(CallId("lost"), "li", now) == number
    for nobody in ("unknown", "never"):
        with pytest.raises(NoDraft):
            await drafts.call_back(CallId(nobody), "wang", now)
    with unit_of_work(engine)() as uow:
        order = uow.orders.by_number(number)
    assert order is not None
    assert (order.life.pool, order.life.owner, order.flags) == (Pool.OPEN, "wang", ("callback",))
    view = CallStore(engine).get(CallId("lost"))
    assert view is not None
    assert (view.row.outcome, view.row.orders) == (Outcome.ABANDONED, (number,))  # it still was given up
    stats = Statistics(engine)
    stats.facts.refresh()
    assert stats.lost(TODAY) == []
