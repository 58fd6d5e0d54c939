"""Statistics over HTTP: every figure opens a list of exactly its length; who may see what."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from hotline.stats.kpi.registry import KPIS
from hotline.store.engine import make_engine
from tests.fakes.history import History, at, three_days
from tests.fakes.web_line import PASSWORD, make_line, served

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

MARCH = {"from": "2026-03-01", "to": "2026-03-03"}
REPORT = "/api/v1/stats/report"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    line = make_line(tmp_path)
    assert isinstance(line.engine, Engine)
    three_days(line.engine)
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=30) as asking:
        yield asking


async def sign_in(client: httpx.AsyncClient, name: str = "banzhang") -> None:
    answer = await client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200


async def ask(client: httpx.AsyncClient, url: str, **query: Any) -> Any:
    answer = await client.get(url, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def walk(client: httpx.AsyncClient, report: Any) -> int:
    """Open the list behind every figure that is not 0; how many were opened."""
    opened = 0
    for row in [*report["rows"], report["total"]]:
        for column, cell in zip(report["columns"], row["cells"], strict=True):
            for part in column["lists"]:
                if not cell[part]:
                    continue
                more = {"kpi": column["kpi"], "part": part, "limit": 500}
                if row is not report["total"]:
                    more["key"] = row["key"]
                link = httpx.URL(report["list"]).copy_merge_params(more)
                page = (await client.get(link)).json()
                where = (report["by"], row["key"], column["kpi"], part)
                assert page["count"] == len(page["rows"]) == cell[part], where
                opened += 1
    return opened


async def test_every_figure_of_a_page_opens_a_list_of_its_length(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    report = await ask(client, REPORT, by="matter", channel="phone", **MARCH)
    assert await walk(client, report) >= 50


async def test_the_same_question_has_the_same_answer(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    query = {"by": "matter", "compare": ["previous", "year"], **MARCH}
    first, second = [await client.get(REPORT, params=query) for _ in range(2)]
    assert first.status_code == 200
    assert first.content == second.content


async def test_lists_come_a_page_at_a_time(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    query = {"by": "day", "kpi": "calls", "limit": 3, **MARCH}
    seen: list[str] = []
    cursor: Any = ""
    while cursor is not None:
        page = await ask(client, "/api/v1/stats/list", cursor=cursor, **query)
        assert page["count"] == 7
        seen += [row.get("call", "hidden") for row in page["rows"]]
        cursor = page["next"]
    assert seen == ["a", "b", "hidden", "d", "e", "g", "h"], "c led to a complaint about who looks"
    remotes = {row["remote"] for row in page["rows"]}
    assert remotes == {"139****0000"}, "numbers are masked"


async def test_a_complaint_about_oneself_counts_and_stays_hidden(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    page = await ask(client, "/api/v1/stats/list", by="day", kpi="orders", **MARCH)
    assert page["count"] == 3
    assert [row for row in page["rows"] if row.get("hidden")] == [{"hidden": True}]


async def test_periods_are_compared(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    query = {"by": "day", "kpi": ["calls", "answer_rate", "asa"], "from": "2026-03-02", "to": "2026-03-02"}
    report = await ask(client, REPORT, compare=["previous", "year"], **query)
    calls, rate, asa = report["total"]["cells"]
    assert (calls["value"], calls["then"]["previous"]["value"]) == ("3", "2")
    assert calls["then"]["previous"]["change_text"] == "+50.00%"
    assert rate["then"]["previous"]["change_text"] == "-66.67 个百分点"
    assert asa["then"]["previous"]["change_text"] == "+220.00%"
    year = [cell["then"]["year"] for cell in (calls, rate, asa)]
    assert [cell["change_text"] for cell in year] == ["—", "—", "—"]
    assert [cell["text"] for cell in year] == ["0", "—", "—"]
    assert report["compare"]["year"] == {"name": "同比", "from": "2025-03-02", "to": "2025-03-02"}


async def test_definitions_name_everything(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    found = await ask(client, "/api/v1/stats/kpis")
    assert [kpi["key"] for kpi in found["kpis"]] == list(KPIS)
    for kpi in found["kpis"]:
        assert all(kpi[name] for name in ("name", "formula", "english"))
        assert kpi["parts"]["numerator"]["sql"].startswith(("count(", "sum(", "max("))
        assert kpi["lists"], kpi["key"]


async def test_a_question_without_sense_is_refused(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    for more in (
        {"by": "phase"},
        {"from": "2026-03-05"},
        {"kpi": "calls; DROP TABLE"},
        {"place": "x"},
        {"surprise": "1"},
        {"compare": "never"},
        {"by": "hour", "from": "2020-01-01"},
    ):
        answer = await client.get(REPORT, params={"by": "day", **MARCH, **more})
        assert answer.status_code == 422, more
    for more in (
        {"part": "denominator"},
        {"key": "x"},
        {"cursor": "!!"},
        {"kpi": "asa", "part": "numerator"},
    ):
        query = {"by": "day", "kpi": "calls", **MARCH, **more}
        assert (await client.get("/api/v1/stats/list", params=query)).status_code == 422, more


async def test_others_see_no_statistics(client: httpx.AsyncClient) -> None:
    for name in ("", "zuoxi", "shenji", "guanli"):
        if name:
            await sign_in(client, name)
        for url in (REPORT, "/api/v1/stats/list", "/api/v1/stats/kpis"):
            answer = await client.get(url, params={"by": "day", "kpi": "calls", **MARCH})
            assert answer.status_code == (403 if name else 401)


async def test_news_is_in_the_next_answer(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await sign_in(client)
    query = {"by": "day", "kpi": "calls", **MARCH}
    before = await ask(client, REPORT, **query)
    engine = make_engine(f"sqlite:///{tmp_path / 'hotline.sqlite3'}")
    History(engine).abandoned("late", at(0, 1) - timedelta(seconds=5), 9)
    engine.dispose()
    after = await ask(client, REPORT, **query)
    assert int(after["rows"][0]["cells"][0]["value"]) == int(before["rows"][0]["cells"][0]["value"]) + 1
    assert json.dumps(after["rows"][1:]) == json.dumps(before["rows"][1:]).replace(
        '"28.57"', '"25.00"'
    ).replace('"42.86"', '"37.50"')
