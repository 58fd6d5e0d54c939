"""Figures of pages other than the reports, over HTTP: each opens a list of exactly its length."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, update

from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import CallId
from hotline.stats.days import day_number
from hotline.stats.figures import share
from hotline.store.acd_log import AcdLogStore
from hotline.store.engine import reading, writing
from hotline.store.quality_tables import quality_days, quality_samples
from hotline.store.stat_tables import call_facts
from hotline.store.views import LOCAL
from tests.fakes.web_line import PASSWORD, WebLine, make_line, served
from workorders.case_tables import referrals
from workorders.tables import work_orders

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

STATES = ("dispatched", "filed", "signed")


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    return make_line(tmp_path)


@pytest.fixture
async def client(line: WebLine) -> AsyncIterator[httpx.AsyncClient]:
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=20) as asking:
        answer = await asking.post("/api/v1/session", json={"name": "banzhang", "password": PASSWORD})
        asking.headers["X-CSRF-Token"] = answer.json()["csrf"]
        yield asking


async def listed(client: httpx.AsyncClient, path: str, asked: Mapping[str, Any]) -> int:
    """Calls of a topic's list to its end, each once; as many as it says."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (await client.get(path, params={**asked, "after": after})).raise_for_status().json()
        found += [each["call"] for each in page["calls"]]
        after = page["next"]
    assert len(set(found)) == len(found) == page["count"]
    return len(found)


async def walked(
    client: httpx.AsyncClient, path: str, asked: Mapping[str, Any], cursor: str = "after"
) -> list[Any]:
    """Rows of a list to its end; as many as it says."""
    found: list[Any] = []
    after: Any = ""
    while after is not None:
        params = {**asked, **({cursor: after} if after else {})}
        page = (await client.get(path, params=params)).raise_for_status().json()
        found += page["rows"]
        after = page["next"]
    assert len(found) == page["count"]
    return found


@pytest.mark.parametrize(("days", "by"), [(6, "day"), (200, "week"), (800, "month")])
async def test_a_topics_trend_and_comparisons(
    client: httpx.AsyncClient, line: WebLine, days: int, by: str
) -> None:
    now = datetime.now(UTC)
    today = now.astimezone(LOCAL).date()
    for number in range(23):
        line.add_call(f"now{number:02}", now - timedelta(days=number % 3 and days * (number % 3) // 3))
    line.add_call("earlier", now - timedelta(days=days + 3))
    line.add_call("last-year", now - timedelta(days=366))
    # the topic's own days do not bound what its figures are compared with
    own = {"since": (today - timedelta(days=days)).isoformat()}
    form = {"name": "拖欠工资", "words": ["工资"], **own}
    topic = (await client.post("/api/v1/topics", json=form)).json()["id"]
    asked = {"from": own["since"], "to": today.isoformat()}
    report = (await client.get(f"/api/v1/topics/{topic}/report", params=asked)).json()
    address = f"/api/v1/topics/{topic}/calls"
    assert report["by"] == by
    assert await listed(client, address, asked) == report["count"] >= 23
    opened = 0
    for point in report["trend"]:
        only = {"from": point["from"], "to": point["to"]}
        assert await listed(client, address, only) == point["count"], point
        assert asked["from"] <= only["from"] <= only["to"] <= asked["to"]
        opened += point["count"]
    assert opened == report["count"]
    assert report["beside"]["previous"]["count"] > 0
    for past in report["beside"].values():
        only = {"from": past["from"], "to": past["to"], "beside": "true"}
        assert await listed(client, address, only) == past["count"]
        assert date.fromisoformat(past["to"]) < today


@pytest.mark.parametrize("who", ["banzhang", "zuoxi"])
async def test_an_incidents_counts(client: httpx.AsyncClient, line: WebLine, who: str) -> None:
    now = datetime.now(UTC)
    for number in range(55):
        line.add_call(f"c{number:02}", now - timedelta(minutes=number))
    for number in range(3):
        line.add_call(f"put{number}", now, order=False)
    orders = [line.deps.orders.by_call(f"c{number:02}")[0].order.number for number in range(55)]
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        for number, order in enumerate(orders):
            values = {"caller_contact": f"1390000{number % 52:04}", "state": STATES[number % 3]}
            connection.execute(update(work_orders).where(work_orders.c.number == order).values(**values))
    opening = {"kind": "group", "title": "集体欠薪", "orders": orders}
    incident = (await client.post("/api/v1/incidents", json=opening)).json()["id"]
    address = f"/api/v1/incidents/{incident}"
    put = {"calls": ["c00", "put0", "put1", "put2"]}  # one of them is the call of one of its orders
    await client.post(f"{address}/members", json=put)
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        complaint = update(work_orders).where(work_orders.c.number == orders[1])
        connection.execute(complaint.values(against_person="zuoxi"))
    answer = await client.post("/api/v1/session", json={"name": who, "password": PASSWORD})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    shown = (await client.get(address)).json()
    if who == "banzhang":
        assert [shown[key] for key in ("calls", "orders", "callers")] == [58, 55, 52]
        assert sum(shown["states"].values()) == 55
    else:  # a complaint does not exist for whom it is about, in no count and in no list
        assert [shown[key] for key in ("calls", "orders", "callers")] == [57, 54, 52]
    for of in ("calls", "orders", "callers"):
        rows = await walked(client, f"{address}/list", {"of": of})
        assert len(rows) == shown[of]
        assert len({row["call" if of == "calls" else "number"] for row in rows}) == len(rows)
        assert who == "banzhang" or orders[1] not in str(rows)
        assert "13900000" not in str(rows)
    for state, number in shown["states"].items():
        rows = await walked(client, f"{address}/list", {"of": "orders", "state": state})
        assert {row["state"] for row in rows} == {state}
        assert len(rows) == number
    assert (await client.get("/api/v1/incidents/99/list?of=calls")).status_code == 404


async def test_how_mediations_went(client: httpx.AsyncClient, line: WebLine) -> None:
    line.add_call("c1", datetime.now(UTC))
    order = line.deps.orders.by_call("c1")[0].order.number
    ways = (("accept", "success"), ("accept", "fail"), ("withdraw",), ("accept",))
    for number in range(57):
        side = {"kind": "mediation", "mode": "online", "party": "王大明", "party_contact": f"139{number:08}"}
        made = (await client.post(f"/api/v1/orders/{order}/referrals", json=side)).json()
        for name in ways[number % 4]:
            step = {"step": name, "text": "双方各执一词" if name == "fail" else ""}
            taken = await client.post(f"/api/v1/referrals/{made['id']}/steps", json=step)
            assert taken.status_code == 200, taken.text
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        old = update(referrals).where(referrals.c.id == made["id"])
        connection.execute(old.values(created_at=datetime(2020, 5, 1, tzinfo=UTC)))
    for days in ({}, {"since": "2020-01-01", "until": "2020-12-31"}, {"since": "2020-01-01"}):
        figures = (await client.get("/api/v1/referrals", params=days)).json()["mediation"]
        for name in ("applied", "success", "failed", "withdrawn"):
            asked = days | ({} if name == "applied" else {"status": name})
            rows = await walked(client, "/api/v1/referrals/mediations", asked, "before")
            assert len({row["id"] for row in rows}) == len(rows) == figures[name], (days, name)
            assert "139000" not in str(rows)
        above, below = figures["success"], figures["applied"]
        assert figures["rate"] == str(share(above, below))


async def test_figures_of_inspection(client: httpx.AsyncClient, line: WebLine) -> None:
    assert line.deps.stats is not None
    today = datetime.now(UTC).astimezone(LOCAL).date()
    inside, outside = day_number(today) - 2, day_number(today) - 40
    quality, now = line.deps.stats.quality, datetime.now(UTC)
    agents = {f"q{number:03}": "li" if number % 4 else "wang" for number in range(76)}
    rows = [
        {"day": outside if call == "q001" else inside - int(call[1:]) % 2, "call_id": call, "agent": agent,
         "reasons": [], "scores": {}, "remark": "", "inspector": "", "version": 1}
        for call, agent in agents.items()
    ]  # fmt: skip
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        days_drawn = [
            {"day": day, "seed": "0" * 32, "answered": 76, "drawn_at": now}
            for day in {row["day"] for row in rows}
        ]
        connection.execute(insert(quality_days), days_drawn)
        connection.execute(insert(quality_samples), rows)
    with reading(line.engine) as connection:  # type: ignore[arg-type]
        drawn = connection.execute(select(quality_samples).order_by(quality_samples.c.id)).all()
    for at, row in enumerate(drawn):
        if at % 3 == 0:
            quality.score(row.id, 1, "zhao", ({"manner": 5}, ""), now)
        for _ in range(at % 3):
            issue = quality.raise_issue(row.id, "zhao", "要先问候", now)
        if at % 3:
            quality.answer(issue, row.agent, "已改", now)
        if at % 3 == 2:
            quality.verify(issue, "zhao", "好", now)
    line.add_call("q000", now)
    about_me = line.deps.orders.by_call("q000")[0].order.number
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        complaint = update(work_orders).where(work_orders.c.number == about_me)
        connection.execute(complaint.values(against_person="banzhang"))
    span = {"from": (today - timedelta(days=10)).isoformat(), "to": today.isoformat()}
    figures = (await client.get("/api/v1/quality/figures", params=span)).json()["agents"]
    assert [each["agent"] for each in figures] == ["li", "wang"]
    for each in figures:
        for of in ("sampled", "inspected", "found", "fixed"):
            found = await walked(client, "/api/v1/quality/list", span | {"agent": each["agent"], "of": of})
            assert len(found) == each[of] > 0, (each["agent"], of)
            seen = [row for row in found if "hidden" not in row]
            assert len({row["id"] for row in seen}) == len(seen)
            hides = each["agent"] == "wang" and of in {"sampled", "inspected"}
            assert len(found) - len(seen) == hides  # the call of a complaint about who looks
            assert {row["agent"] for row in seen} == {each["agent"]}
    days = (await client.get("/api/v1/quality/days", params={"day": today.isoformat()})).json()["days"]
    assert [day["sampled"] for day in days] == [37, 37]
    for day in days:
        listed_calls = (await client.get("/api/v1/quality", params={"day": day["day"]})).json()["calls"]
        inspected = [call for call in listed_calls if call["points"] is not None]
        assert (len(listed_calls), len(inspected)) == (day["sampled"], day["inspected"])


async def test_what_a_days_sample_was_drawn_from(client: httpx.AsyncClient, line: WebLine) -> None:
    assert line.deps.stats is not None
    now = datetime.now(UTC)
    day = now.astimezone(LOCAL).date() - timedelta(days=2)
    noon = datetime.combine(day, datetime.min.time(), LOCAL).astimezone(UTC) + timedelta(hours=12)
    calls = [f"c{number:03}" for number in range(57)]
    for number, call in enumerate(calls):
        line.add_call(call, noon + timedelta(minutes=number))
        answered_by(line, call, "li", noon + timedelta(minutes=number))
    asked = {"day": day.isoformat()}
    assert (await client.get("/api/v1/quality/drawn", params=asked)).status_code == 404
    shown = (await client.get("/api/v1/quality", params=asked)).json()
    rows = await walked(client, "/api/v1/quality/drawn", asked)
    assert [row["call"] for row in rows] == calls
    assert len(rows) == shown["answered"] == 57
    taken = {row["call"]: row["sample"] for row in rows if row["sample"] is not None}
    assert taken == {each["call"]: each["id"] for each in shown["calls"]}
    assert "13800001234" not in str(rows)
    page = (await client.get("/api/v1/quality/drawn", params=asked)).json()
    assert (page["kept"], page["same"], page["seed"]) == (True, True, shown["seed"])
    [about_me] = line.deps.orders.by_call("c002")
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        complaint = update(work_orders).where(work_orders.c.number == about_me.order.number)
        connection.execute(complaint.values(against_person="banzhang"))
    rows = await walked(client, "/api/v1/quality/drawn", asked)
    assert [at for at, row in enumerate(rows) if "hidden" in row] == [2]
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        connection.execute(update(quality_days).values(drawn_from=[]))  # as before they were kept
        connection.execute(update(call_facts).where(call_facts.c.call_id == "c050").values(test=1))
    rows = await walked(client, "/api/v1/quality/drawn", asked)
    assert len(rows) == 56
    page = (await client.get("/api/v1/quality/drawn", params=asked)).json()
    assert (page["kept"], page["same"]) == (False, None)


def answered_by(line: WebLine, call: str, agent: str, at: datetime) -> None:
    """The agent took the call after five seconds and talked for one minute."""
    lines = ((0, LogKind.ENTERQUEUE, {"position": 1}), (5, LogKind.CONNECT, {"waited_ms": 5_000}),
             (65, LogKind.COMPLETEAGENT, {"talked_ms": 60_000}))  # fmt: skip
    AcdLogStore(line.engine).add(  # type: ignore[arg-type]
        [
            AcdLog(at + timedelta(seconds=after), kind, CallId(call), agent, "legal", facts)
            for after, kind, facts in lines
        ]
    )


async def test_a_clusters_counts(client: httpx.AsyncClient, line: WebLine) -> None:
    now = datetime.now(UTC)
    for number in range(57):
        line.add_call(f"c{number:02}", now - timedelta(minutes=number))
    party = "510116:某建筑公司"
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        for number in range(57):
            [view] = line.deps.orders.by_call(f"c{number:02}")
            values = {"caller_contact": f"1390000{number % 53:04}", "party": party}
            values |= {"state": "cancelled"} if number == 5 else {}
            connection.execute(
                update(work_orders).where(work_orders.c.number == view.order.number).values(**values)
            )
    [cluster] = (await client.get("/api/v1/incidents")).json()["clusters"]
    assert (cluster["orders"], cluster["callers"]) == (56, 52)
    for of in ("orders", "callers"):
        rows = await walked(client, "/api/v1/clusters/list", {"party": party, "of": of})
        assert len(rows) == cluster[of]
    assert len({row["caller"] for row in rows}) > 1
    assert not any("1390000" in row["caller"] for row in rows)


async def test_a_hot_spots_weeks_are_those_of_the_report_that_each_opens(
    client: httpx.AsyncClient, line: WebLine
) -> None:
    today = datetime.now(LOCAL).replace(hour=12, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday(), weeks=1)
    for week, calls in ((0, 14), (1, 2), (3, 1)):
        for number in range(calls):
            at = monday - timedelta(weeks=week) + timedelta(days=number % 5, minutes=number)
            line.add_call(f"w{week}-{number}", at.astimezone(UTC))
    found = (await client.get(f"/api/v1/topics/hotspots/{monday.date()}")).raise_for_status().json()
    [spot] = found["spots"]
    counts = [*spot["weeks"], spot["count"]]
    assert counts == [0, 0, 0, 0, 0, 1, 0, 2, 14]
    for back, count in enumerate(reversed(counts)):
        first, last = (date.fromisoformat(found[end]) - timedelta(weeks=back) for end in ("from", "to"))
        asked = {"by": "day", "from": str(first), "to": str(last), "kpi": "calls"}
        asked |= {"place": spot["place"], "matter": spot["matter"]}
        report = (await client.get("/api/v1/stats/report", params=asked)).raise_for_status().json()
        total = report["total"]["cells"][0] if report["columns"] else {"value": 0}
        assert int(total["value"] or 0) == count, (first, last)
