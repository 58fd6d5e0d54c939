"""What an agent counts is what an agent may list, wherever the page counts something (`queue`)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from hotline.acd.model import LogKind
from hotline.store.engine import reading, writing
from hotline.store.sight import Sight
from hotline.store.tables import acd_log, calls
from tests.fakes.web_line import PASSWORD, WebLine, file_command, make_line, served
from workorders.case_messages import Gather, OpenIncident, ReferOrder
from workorders.model import Actor

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
    for module in ("hotline.store.views", "workorders.order_search"):
        monkeypatch.setattr(f"{module}.MOST_PICKED", 1)
    for number in range(MINE):
        house.line.add_call(f"again-{number}", NOW)
    for path in ("calls", "orders"):
        found = await house.get(path)
        assert (found["total"], found["more"]) == (1, True)
        assert len(found[path]) > 1, "what is listed is not cut"


async def test_how_a_call_came_to_whom_is_read_off_indexes(house: House) -> None:
    engine = house.line.deps.users.engine
    sight = Sight(agent="zuoxi", free=True, queues=("legal",))
    wanted = select(calls.c.id).where(sight.calls(calls.c.id)).order_by(calls.c.started.desc()).limit(50)
    said = str(wanted.compile(engine, compile_kwargs={"literal_binds": True}))
    with reading(engine) as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}")]
    assert sum("COVERING INDEX ix_acd_log_call_id_kind_queue" in line for line in plan) == 2, plan
    assert sum("COVERING INDEX ix_acd_log_had" in line for line in plan) == 1, plan
    assert sum("COVERING INDEX ix_work_orders_owner_call_id" in line for line in plan) == 1, plan


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
