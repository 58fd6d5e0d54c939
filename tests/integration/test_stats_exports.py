"""Reports and lists as files, over HTTP and by command: typed, masked, explained, on record."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import openpyxl
import pytest
from sqlalchemy import Engine, update
from typer.testing import CliRunner

from hotline.cli import app
from hotline.stats.jobs import Jobs, TooMany
from hotline.store.engine import make_engine, writing
from hotline.store.stat_tables import stat_labels
from hotline.store.upgrade import upgrade
from tests.fakes.history import three_days
from tests.fakes.web_line import PASSWORD, WebLine, make_line, served

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

MARCH = {"from": "2026-03-01", "to": "2026-03-03"}


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    made = make_line(tmp_path)
    assert isinstance(made.engine, Engine)
    three_days(made.engine)
    return made


@pytest.fixture
async def client(line: WebLine) -> AsyncIterator[httpx.AsyncClient]:
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=30) as asking:
        answer = await asking.post("/api/v1/session", json={"name": "banzhang", "password": PASSWORD})
        asking.headers["X-CSRF-Token"] = answer.json()["csrf"]
        yield asking


async def made(client: httpx.AsyncClient, **form: Any) -> httpx.Response:
    answer = await client.post("/api/v1/stats/exports", json=form)
    assert answer.status_code == 202, answer.text
    key = answer.json()["id"]
    for _ in range(200):
        state = (await client.get(f"/api/v1/stats/exports/{key}")).json()
        if state["state"] != "running":
            break
        await anyio.sleep(0.02)
    assert (state["state"], state["problem"]) == ("ready", "")
    assert state["done"] == state["total"]
    return await client.get(f"/api/v1/stats/exports/{key}/file")


def rows_of(data: bytes, title: str) -> list[dict[Any, Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(data))[title]
    heading, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(heading, row, strict=True)) for row in rows]


async def test_a_report_as_a_workbook(client: httpx.AsyncClient) -> None:
    query = {"by": "day", "kpi": ["calls", "answer_rate", "asa", "max_wait"], "compare": "previous", **MARCH}
    answer = await client.get("/api/v1/stats/report.xlsx", params=query)
    assert answer.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["统计", "图表", "分子分母", "口径"]
    page: Any = book["统计"]
    assert page.freeze_panes == "A2"
    drawn: Any = book["图表"]
    assert (len(page._charts), len(drawn._charts)) == (0, 1), "never over the rows"
    [bars, *_] = drawn._charts[0].series
    assert bars.val.numRef.f == "统计!$B$2:$B$4"
    assert [point.v for point in bars.val.numRef.numCache.pt] == [2, 3, 2]
    assert next(point.v for point in bars.cat.strRef.strCache.pt) == "2026-03-01"
    rows = rows_of(answer.content, "统计")
    assert [row["日"] for row in rows] == [*(datetime(2026, 3, day) for day in (1, 2, 3)), "合计"]  # noqa: DTZ001
    assert page["A2"].number_format == "yyyy-mm-dd"
    assert page.auto_filter.ref.endswith("4"), "without the total"
    assert [row["呼入量"] for row in rows] == [2, 3, 2, 7]
    assert rows[-1]["接通率（请求人工） (%)"] == 60
    assert rows[-1]["最长等待 (秒)"] == 40
    assert rows[-1]["呼入量 环比"] == 0
    assert rows[-1]["呼入量 环比增减 (%)"] is None, "nothing to compare with"
    parts = rows_of(answer.content, "分子分母")
    assert (parts[-1]["接通率（请求人工） 分子"], parts[-1]["接通率（请求人工） 分母"]) == (3, 5)
    meanings = {term: meaning for term, meaning, *_ in book["口径"].iter_rows(values_only=True, max_col=2)}
    assert "人工接通量 ÷ 请求人工量" in str(meanings["接通率（请求人工）"])
    assert "count(*) FILTER" in str(meanings["接通率（请求人工）"])
    again = await client.get("/api/v1/stats/report.xlsx", params=query)
    assert again.content == answer.content


async def test_a_report_as_text_for_excel_and_for_programs(client: httpx.AsyncClient) -> None:
    from pyarrow import parquet

    query = {"by": "matter", "kpi": ["calls", "answer_rate"], **MARCH}
    text = (await client.get("/api/v1/stats/report.csv", params=query)).content
    assert text.startswith(b"\xef\xbb\xbf")
    assert text.count(b"\r\n") == text.count(b"\n")
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    assert [row["呼入量"] for row in rows] == ["3", "2", "1", "1", "7"]
    table = parquet.read_table(
        io.BytesIO((await client.get("/api/v1/stats/report.parquet", params=query)).content)
    )
    assert [str(kind) for kind in table.schema.types] == ["string", "string", "int64", "double"]
    assert table.column("呼入量").to_pylist() == [3, 2, 1, 1, 7]


async def test_small_cells_are_not_told_where_a_place_meets_a_subject(client: httpx.AsyncClient) -> None:
    query = {"by": "county", "kpi": ["calls", "answer_rate"], "matter": "labour", **MARCH}
    rows = rows_of((await client.get("/api/v1/stats/report.xlsx", params=query)).content, "统计")
    assert {row["呼入量"] for row in rows} == {"少于 5"}
    assert {row["接通率（请求人工） (%)"] for row in rows} == {None}
    del query["matter"]
    rows = rows_of((await client.get("/api/v1/stats/report.xlsx", params=query)).content, "统计")
    assert [row["呼入量"] for row in rows] == [4, 3, 7]


async def test_a_name_that_looks_like_a_formula_stays_text(client: httpx.AsyncClient, line: WebLine) -> None:
    assert isinstance(line.engine, Engine)
    await client.get("/api/v1/stats/report", params={"by": "day", **MARCH})
    with writing(line.engine) as connection:
        connection.execute(update(stat_labels).where(stat_labels.c.kind == "matter").values(label="=1+1"))
    query = {"by": "matter", "kpi": "calls", **MARCH}
    text = (await client.get("/api/v1/stats/report.csv", params=query)).text
    assert "'=1+1" in text
    book = openpyxl.load_workbook(
        io.BytesIO((await client.get("/api/v1/stats/report.xlsx", params=query)).content)
    )
    assert {cell.data_type for row in book["统计"].iter_rows() for cell in row} <= {"s", "n", "inlineStr"}


async def test_a_list_as_a_file_is_masked_and_on_record(client: httpx.AsyncClient, line: WebLine) -> None:
    query = {"by": "day", "kpi": "answer_rate", "part": "denominator", **MARCH}
    answer = await made(client, query=query, format="xlsx")
    rows = rows_of(answer.content, "来电")
    assert len(rows) == 5
    [hidden] = [row for row in rows if row["来电号码"] is None]
    assert hidden["通话编号"] == "（对您不可见）", "a complaint about who asks came of it"
    assert {row["来电号码"] for row in rows} == {"139****0000", "138****0001", None}
    assert rows[0]["等待（秒）"] == 5
    assert rows[0]["来电时间"] == datetime(2026, 3, 1, 9)  # noqa: DTZ001 - a worksheet knows no zones
    raw = await made(client, query=query, format="csv", raw=True, reason="复核一通投诉")
    assert "13900000000" in raw.text
    [unmasked] = line.deps.audit.of_action("stats.export_raw", datetime(2026, 1, 1, tzinfo=UTC))
    assert (unmasked.who, unmasked.subject) == ("banzhang", "answer_rate.csv")
    assert "复核一通投诉" in unmasked.detail
    assert len(line.deps.audit.of_action("stats.export", datetime(2026, 1, 1, tzinfo=UTC))) == 1


async def test_orders_and_hours_as_files(client: httpx.AsyncClient) -> None:
    from pyarrow import parquet

    answer = await made(client, query={"by": "day", "kpi": "orders", **MARCH}, format="parquet")
    table = parquet.read_table(io.BytesIO(answer.content))
    assert table.num_rows == 3
    assert str(table.schema.field("立单时间").type) == "timestamp[ms, tz=Asia/Shanghai]"
    assert "（对您不可见）" in table.column("工单编号").to_pylist(), "a complaint about who asks"
    answer = await made(
        client, query={"by": "agent", "kpi": "occupancy", "part": "rows", **MARCH}, format="csv"
    )
    assert "wang" in answer.text


async def test_what_is_refused(client: httpx.AsyncClient) -> None:
    query = {"by": "day", "kpi": "calls", **MARCH}
    for form, status in (
        ({"query": query, "raw": True}, 422),
        ({"query": query, "raw": True, "reason": "  "}, 422),
        ({"query": {**query, "kpi": "nonsense"}}, 422),
        ({"query": {**query, "surprise": "1"}}, 422),
        ({"query": query, "format": "pdf"}, 422),
    ):
        assert (await client.post("/api/v1/stats/exports", json=form)).status_code == status, form
    for url in ("/api/v1/stats/exports/none", "/api/v1/stats/exports/none/file"):
        assert (await client.get(url)).status_code == 404


async def test_others_take_nothing(line: WebLine) -> None:
    async with served(line) as base, httpx.AsyncClient(base_url=base, timeout=30) as client:
        for name, report, lists in (("zuoxi", 403, 403), ("shenji", 403, 403)):
            answer = await client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
            query = {"by": "day", "kpi": "calls", **MARCH}
            assert (await client.get("/api/v1/stats/report.csv", params=query)).status_code == report
            form = {"query": query, "format": "csv"}
            assert (await client.post("/api/v1/stats/exports", json=form)).status_code == lists


def test_jobs_are_bounded_and_forgotten(tmp_path: Path) -> None:
    clock = [0.0]
    (tmp_path / "left-over").write_text("x")
    jobs = Jobs(tmp_path, lambda: clock[0])
    first = jobs.start("a", "x.csv", 1)
    assert not (tmp_path / "left-over").exists()
    jobs.run(first, lambda path, told: path.write_text("x"))
    assert (first.state, first.path.exists()) == ("ready", True)
    assert jobs.get(first.id, "b") is None
    for _ in range(4):
        last = jobs.start("a", "x.csv", 1)
    assert not first.path.exists(), "the oldest made room"
    with pytest.raises(TooMany):
        jobs.start("a", "x.csv", 1)
    jobs.drop(last)
    jobs.run(last, lambda path, told: path.write_text("x"))
    assert (last.state, last.path.exists()) == ("cancelled", False)
    clock[0] = 4_000
    assert [job.state for job in jobs.of("a")] == ["running"] * 3


async def test_the_command_writes_reports(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'hotline.sqlite3'}")
    upgrade(engine)
    three_days(engine)
    engine.dispose()
    config = tmp_path / "hotline.toml"
    config.write_text(f'[paths]\ndata = "{tmp_path}"\n', encoding="utf-8")

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["stats", *words, "--config", str(config)])

    days = ("--from", "2026-03-01", "--to", "2026-03-03")
    target = tmp_path / "report.xlsx"
    more = ("--kpi", "calls", "--kpi", "asa", "--only", "matter=labour", "--compare", "previous")
    assert run("export", str(target), *days, "--by", "month", *more).exit_code == 0
    rows = rows_of(target.read_bytes(), "统计")
    assert [row["呼入量"] for row in rows] == [3, 3]
    assert run("rebuild").exit_code == 0
    assert run("export", str(tmp_path / "calls.parquet"), *days).exit_code == 0
    for wrong in (("--by", "phase"), ("--by", "day", "--only", "x"), ("--by", "day", "--compare", "never")):
        assert run("export", str(target), *days, *wrong).exit_code == 1
    printed = CliRunner().invoke(app, ["stats", "kpis"])
    assert "接通率" in printed.output
