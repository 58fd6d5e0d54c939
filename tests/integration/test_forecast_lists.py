"""Every figure of a forecast that rests on past calls opens a list of exactly these, over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotline.stats.days import day_number
from hotline.stats.forecast import like_days
from hotline.store.engine import writing
from hotline.store.stat_tables import call_facts
from hotline.store.views import LOCAL
from tests.fakes.web_line import PASSWORD, WebLine, make_line, served
from tests.integration.test_page_lists import walked

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    return make_line(tmp_path)


@pytest.fixture
async def client(line: WebLine) -> AsyncIterator[httpx.AsyncClient]:
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=20) as asking:
        await asking.post("/api/v1/session", json={"name": "banzhang", "password": PASSWORD})
        yield asking


def past_fact(day: date, minute: int, number: int, **more: object) -> dict[str, object]:
    """A call that asked for a person that minute of the day and was answered."""
    at = datetime.combine(day, datetime.min.time(), LOCAL) + timedelta(minutes=minute)
    row: dict[str, object] = {
        "call_id": f"p{number:03}", "started": at.astimezone(UTC), "day": day_number(day),
        "hour": minute // 60, "channel": "phone", "queue": "legal", "agent": "", "matter": "", "service": "",
        "place": "", "outcome": "answered", "fate": "answered", "test": 0, "wait_ms": 6_000,
        "talk_ms": 200_000 + number * 1_000, "hold_ms": 0, "wrap_ms": 30_000, "hands": 1, "asked": 0,
        "mark": None, "orders": 0, "known": 1, "repeated": 0,
    }  # fmt: skip
    return row | more


async def test_what_a_forecast_rests_on(client: httpx.AsyncClient, line: WebLine) -> None:
    now = datetime.now(UTC).astimezone(LOCAL)
    tomorrow = now.date() + timedelta(days=1)
    asked: dict[str, Any] = {"day": tomorrow.isoformat(), "weeks": 8}
    days = like_days(tomorrow, 8, line.deps.service.calendar, now.date())
    unlike = next(day for back in range(1, 99) if (day := days[0] - timedelta(days=back)) not in days)
    rows: list[dict[str, object]] = []
    for number in range(130):
        minute = 9 * 60 + number % 40
        more: dict[str, object] = {"agent": "li", "matter": "labour.wages"}
        if number % 3 == 1:
            more |= {"fate": "abandoned", "wait_ms": 40_000, "agent": ""}
        if number % 3 == 2:
            more |= {"fate": "timed_out", "wait_ms": None if number % 2 else 50_000, "agent": ""}
        rows.append(past_fact(days[number % 2], minute, number, **more))
    rows += [past_fact(days[0], 600, 900, queue=""), past_fact(days[0], 600, 901, test=1)]
    rows += [past_fact(unlike, 600, 902)]
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        connection.execute(call_facts.insert(), rows)
    shown = (await client.get("/api/v1/stats/forecast", params=asked)).json()
    address = "/api/v1/stats/forecast/list"
    found = await walked(client, address, asked, "cursor")
    assert len({row["call"] for row in found}) == shown["calls"] == 130
    assert sum(each["calls"] for each in shown["of_days"]) == 130
    for each in shown["of_days"]:
        found = await walked(client, address, asked | {"on": each["day"]}, "cursor")
        assert len(found) == each["calls"]
    opened = 0
    for quarter in shown["quarters"]:
        found = await walked(client, address, asked | {"quarter": quarter["time"]}, "cursor")
        assert len(found) == quarter["calls"], quarter["time"]
        assert quarter["expected"] == pytest.approx(len(found) / len(shown["of_days"]), abs=0.006)
        assert bool(quarter["agents"]) == bool(found)  # each quarter with calls has its row
        opened += len(found)
    assert opened == 130
    for of, number in (("handled", 44), ("waited", 44 + 43 + 22), ("left", 43)):
        found = await walked(client, address, asked | {"of": of}, "cursor")
        assert len(found) == shown["rests_on"][of] == number, of
    handled = await walked(client, address, asked | {"of": "handled"}, "cursor")
    mean = sum(row["talk_s"] + row["wrap_s"] for row in handled) / len(handled)
    waited = await walked(client, address, asked | {"of": "waited"}, "cursor")
    assert shown["handled_s"] == pytest.approx(mean, abs=0.06)
    assert shown["patience_s"] == pytest.approx(sum(row["wait_s"] for row in waited) / 43, abs=0.06)
    assert shown["usual"] == {"handled": False, "patience": False}
    for wrong in ({"quarter": "09:07"}, {"quarter": "25:00"}, {"cursor": "?"}, {"of": "none"}):
        assert (await client.get(address, params=asked | wrong)).status_code == 422, wrong
    few = asked | {"day": (tomorrow - timedelta(days=7 * 60)).isoformat()}
    nothing = (await client.get("/api/v1/stats/forecast", params=few)).json()
    assert (nothing["calls"], nothing["usual"]) == (0, {"handled": True, "patience": True})
    assert await walked(client, address, few, "cursor") == []
    not_of_it = asked | {"on": unlike.isoformat()}
    assert await walked(client, address, not_of_it, "cursor") == []
