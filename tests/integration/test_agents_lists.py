"""What an agent counts is what an agent may list, wherever the page counts something (`queue`)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from hotline.acd.model import LogKind
from hotline.store.engine import reading, writing
from hotline.store.sight import Sight
from hotline.store.tables import acd_log, calls
from hotline.store.views import CallFilter
from tests.fakes.web_line import PASSWORD, WebLine, file_command, make_line, served
from workorders.case_messages import Gather, OpenIncident, ReferOrder
from workorders.model import Actor, State
from workorders.order_filter import OrderFilter

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(120)]
NOW = datetime.now(UTC)
MINE, OTHERS = 2, 30


@dataclass(frozen=True, slots=True)
class House:
    line: WebLine
    client: httpx.AsyncClient
    mine: list[str]
    others: list[str]
    incident: int

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.client.get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


def filed(line: WebLine, call: str, agent: str, number: int) -> str:
    """An order of a call that this agent had and answers for; every caller another one."""
    command = replace(
        file_command(call, NOW - timedelta(days=1)), owner=agent, caller_contact=f"138{number:08}"
    )
    made = line.deps.service.handle(command).number
    line.put_in_tray(made)
    row = {"at": NOW, "kind": LogKind.CONNECT.value, "call_id": call, "agent": agent, "queue": "legal"}
    with writing(line.deps.users.engine) as connection:
        connection.execute(acd_log.insert().values(row | {"facts": {}}))
        connection.execute(
            text("UPDATE work_orders SET party = '510116:包工头' WHERE number = :number"), {"number": made}
        )
    for kind in ("mediation",) if agent != "zuoxi" or number == 0 else ():
        refer = ReferOrder(
            made, kind, agent, Actor.SUPERVISOR, NOW, institution="调解委员会", mode="online", party="王五"
        )
        line.deps.service.handle(refer)
    return made


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    line = make_line(tmp_path)
    assert line.settings.privacy.agents_see == "queue"
    mine = [filed(line, f"mine-{n}", "zuoxi", n) for n in range(MINE)]
    others = [filed(line, f"other-{n}", "wang", 100 + n) for n in range(OTHERS)]
    service = line.deps.service
    opening = OpenIncident(
        "group",
        "工地欠薪",
        "510000",
        "banzhang",
        Actor.SUPERVISOR,
        NOW,
        ("工资",),
        orders=(mine[0], *others[:9]),
    )
    incident = int(service.handle(opening).subject)
    service.handle(Gather(incident, "banzhang", Actor.SUPERVISOR, NOW, calls=("mine-1", "other-20")))
    async with served(line) as address, httpx.AsyncClient(base_url=address, timeout=20) as client:
        signed = await client.post("/api/v1/session", json={"name": "zuoxi", "password": PASSWORD})
        client.headers["X-CSRF-Token"] = signed.json()["csrf"]
        yield House(line, client, mine, others, incident)


async def test_orders_and_their_count(house: House) -> None:
    for asked in ({}, {"text": "工资"}, {"state": "dispatched"}, {"unit": ""}):
        found = await house.get("orders", **asked)
        assert {row["number"] for row in found["orders"]} == set(house.mine)
        assert (found["total"], found["matters"], found["more"]) == (MINE, MINE, False)


async def test_lists_of_some_are_counted_less_far(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workorders.order_search.MOST_PICKED", 1)
    for number in range(MINE):
        house.line.add_call(f"again-{number}", NOW)
    for path in ("calls", "orders"):
        found = await house.get(path)
        assert (found["total"], found["more"]) == (1, True)
        assert len(found[path]) > 1, "what is listed is not cut"


@pytest.mark.parametrize(
    ("collected", "indexes"),
    [
        (False, {"COVERING INDEX ix_acd_log_call_id_kind_queue": 2, "ix_acd_log_had": 1, "(call_id=?)": 2}),
        (True, {"ix_acd_log_had": 1, "ix_work_orders_owner_call_id": 1, "ix_work_orders_pool_holder": 1}),
    ],
)
async def test_how_a_call_came_to_whom_is_read_off_indexes(
    house: House, collected: bool, indexes: dict[str, int]
) -> None:
    engine = house.line.deps.users.engine
    sight = Sight(agent="zuoxi") if collected else Sight(agent="zuoxi", free=True, queues=("legal",))
    seen = sight.calls(calls.c.id, collected=collected)
    wanted = select(calls.c.id).where(seen).order_by(calls.c.started.desc()).limit(50)
    said = str(wanted.compile(engine, compile_kwargs={"literal_binds": True}))
    with reading(engine) as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}")]
    for index, times in indexes.items():
        assert sum(index in line for line in plan) == times, plan


def had(line: WebLine, call: str, agent: str, at: datetime) -> None:
    """A call with its order, which this agent has had and answers for."""
    line.add_call(call, at)
    row = {"at": at, "kind": LogKind.CONNECT.value, "call_id": call, "agent": agent, "queue": "legal"}
    owner = {"agent": agent, "call": call}
    with writing(line.deps.users.engine) as connection:
        connection.execute(acd_log.insert().values(row | {"facts": {}}))
        connection.execute(text("UPDATE work_orders SET owner = :agent WHERE call_id = :call"), owner)


@pytest.fixture(params=["collected", "come across"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is one's own is little, or much."""
    if request.param == "come across":
        for module in ("hotline.store.sight", "workorders.order_search"):
            monkeypatch.setattr(f"{module}.FEW", 0)
    return str(request.param)


@pytest.mark.usefixtures("way")
async def test_ones_own_is_found_either_way(tmp_path: Path) -> None:
    line = make_line(tmp_path)
    deps, engine = line.deps, line.deps.users.engine
    for number in range(MINE):
        had(line, f"mine-{number}", "zuoxi", NOW - timedelta(hours=number))
    for number in range(OTHERS):
        had(line, f"other-{number}", "wang", NOW - timedelta(minutes=number))
    had(line, "open-0", "wang", NOW)
    with writing(engine) as connection:
        connection.execute(text("UPDATE work_orders SET pool = 'open' WHERE call_id = 'open-0'"))
    sight = Sight(agent="zuoxi")
    seen = OrderFilter(own="zuoxi", calls=sight.calls, collected=partial(sight.calls, collected=True))
    mine = [f"mine-{number}" for number in range(MINE)]
    for asked in ({}, {"matter": "labour"}, {"limit": 1}):
        query = CallFilter(sight=sight, **asked)
        assert [row.call for row in deps.calls.search(query)] == mine[: query.limit]
        assert deps.calls.count(query) == MINE
        after = deps.calls.search(replace(query, cursor=deps.calls.search(query)[0].cursor))
        assert [row.call for row in after] == mine[1 : 1 + query.limit]
    for wanted, found in (
        (seen, {*mine, "open-0"}),
        (replace(seen, text="工资"), {*mine, "open-0"}),
        (replace(seen, text="不存在的话"), set()),
        (replace(seen, matter="labour", states=(State.DISPATCHED, State.SIGNED)), {*mine, "open-0"}),
    ):
        rows = deps.orders.search(wanted)
        assert {row.call_id for row in rows} == found
        assert deps.orders.tally(wanted) == (len(found), len(found)), "each counted once"
        assert rows == sorted(rows, key=lambda row: row.filed_at, reverse=True)


async def test_an_incident_counts_what_its_page_lists(house: House) -> None:
    listed = (await house.get("incidents"))["incidents"][0]
    page = await house.get(f"incidents/{house.incident}")
    for each in (listed, page):
        assert (each["orders"], each["callers"], each["states"]) == (1, 1, {"dispatched": 1})
        assert each["calls"] == 2, "of the order, and the one put there"
    assert [row["number"] for row in page["members"]] == [house.mine[0]]
    assert page["called"] == ["mine-1"]
    assert [row["number"] for row in page["suggested"]] == [house.mine[1]], "not lost behind others'"


async def test_an_incident_whose_latest_members_are_others_still_lists_ones_own(house: House) -> None:
    service = house.line.deps.service
    more = [filed(house.line, f"more-{n}", "wang", 500 + n) for n in range(110)]
    service.handle(Gather(house.incident, "banzhang", Actor.SUPERVISOR, NOW, orders=tuple(more)))
    page = await house.get(f"incidents/{house.incident}")
    assert [row["number"] for row in page["members"]] == [house.mine[0]]


async def test_clusters_count_what_the_user_may_see(house: House) -> None:
    assert (await house.get("incidents"))["clusters"] == [], "two of one's own are no cluster"
    third = filed(house.line, "mine-2", "zuoxi", 2)
    (cluster,) = (await house.get("incidents"))["clusters"]
    assert (cluster["orders"], cluster["callers"]) == (3, 3)
    opening = {"kind": "group", "title": "同一包工头", "party": cluster["party"]}
    answer = await house.client.post("/api/v1/incidents", json=opening)
    assert answer.status_code == 201
    assert {row["number"] for row in answer.json()["members"]} == {*house.mine, third}


async def test_referrals_and_their_figures(house: House) -> None:
    found = await house.get("referrals")
    assert [row["order"] for row in found["referrals"]] == [house.mine[0]], "not lost behind others'"
    assert found["next"] is None
    assert found["mediation"]["applied"] == 1


async def test_suggested_duplicates_are_not_lost_behind_others(house: House) -> None:
    found = await house.get(f"orders/{house.mine[0]}/beside")
    assert [row["number"] for row in found["similar"]] == [house.mine[1]]


async def test_a_supervisor_counts_everything(house: House) -> None:
    signed = await house.client.post("/api/v1/session", json={"name": "banzhang", "password": PASSWORD})
    house.client.headers["X-CSRF-Token"] = signed.json()["csrf"]
    assert (await house.get("orders"))["total"] == MINE + OTHERS
    page = await house.get(f"incidents/{house.incident}")
    assert (page["orders"], page["calls"], len(page["members"])) == (10, 12, 10)
    assert (await house.get("referrals"))["mediation"]["applied"] == 1 + OTHERS
