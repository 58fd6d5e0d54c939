"""Statistics and wallboard in Chromium: last month's share of unpaid wages in Chengdu; whom the line lost."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, update

from asr.audio import LegId
from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import CallId, Speaker
from hotline.store.acd_log import AcdLogStore
from hotline.store.engine import writing
from hotline.store.tables import calls, intents
from hotline.store.views import LOCAL
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import PASSWORD, WebLine, final, served

pytestmark = [pytest.mark.e2e, pytest.mark.anyio, pytest.mark.timeout(120)]
CHROMIUM = "/usr/bin/chromium"


def last_month() -> datetime:
    first = datetime.now(LOCAL).replace(day=1, hour=10, minute=0, second=0, microsecond=0)
    return (first - timedelta(days=3)).astimezone(UTC)


def fill(line: WebLine) -> None:
    """Last month: ten calls from Chengdu, eight of them about wages."""
    engine: Engine = line.engine  # type: ignore[assignment]
    at = last_month()
    for number in range(10):
        line.add_call(f"c{number}", at + timedelta(minutes=10 * number))
    with writing(engine) as connection:
        for number in range(10):
            wanted = intents.c.call_id == f"c{number}"
            matter = "marriage" if number in (6, 7) else "labour.wages"
            connection.execute(update(intents).where(wanted).values(matter=matter, matter_label=matter))


def one_answered_call(line: WebLine) -> str:
    """A talk of yesterday in which the agent promised an outcome; its day."""
    engine: Engine = line.engine  # type: ignore[assignment]
    at = datetime.now(UTC) - timedelta(days=1)
    line.add_call("c1", at)
    spoken = final(7, "跟你说了多少遍，这个官司肯定能赢。", 30.0)
    line.deps.calls.add_final(CallId("c1"), Speaker.AGENT, replace(spoken, leg=LegId("agent")))
    lines = [(0, LogKind.ENTERQUEUE, {"position": 1}), (5, LogKind.CONNECT, {"waited_ms": 5_000})]
    lines += [(60, LogKind.COMPLETEAGENT, {"talked_ms": 55_000})]
    AcdLogStore(engine).add(
        [
            AcdLog(at + timedelta(seconds=after), kind, CallId("c1"), "li", "legal", facts)
            for after, kind, facts in lines
        ]
    )
    return at.astimezone(LOCAL).date().isoformat()


def lose(line: WebLine, call: str, remote: str, minutes: int) -> None:
    """A caller who hung up after waiting for 21 s, today."""
    engine: Engine = line.engine  # type: ignore[assignment]
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    row = {
        "id": call, "state": "closed", "channel": "phone", "remote": remote, "dialled": "12348",
        "started": at, "ended": at + timedelta(seconds=30), "flow": "12348", "outcome": "abandoned",
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(calls.insert(), [row])
    AcdLogStore(engine).add(
        [
            AcdLog(at, LogKind.ENTERQUEUE, CallId(call), None, "legal", {"position": 1}),
            AcdLog(
                at + timedelta(seconds=21),
                LogKind.ABANDON,
                CallId(call),
                None,
                "legal",
                {"waited_ms": 21_000},
            ),
        ]
    )


@asynccontextmanager
async def page_of(line: WebLine) -> AsyncIterator[tuple[Any, str, list[str]]]:
    from playwright.async_api import async_playwright

    async with served(line) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1366, "height": 850}, locale="zh-CN")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console", lambda line: problems.append(line.text) if "Content Security" in line.text else None
        )
        await page.goto(base)
        await page.fill("input[name=name]", "banzhang")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".rail")
        yield page, base, problems
        await browser.close()


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_last_months_share_of_a_matter_in_a_city_is_four_clicks_away(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    fill(line)
    async with page_of(line) as (page, _base, problems):
        await page.click("a[data-view=stats]")
        await page.get_by_role("button", name="上月", exact=True).click()
        await page.select_option("select[name=by]", "matter")
        await page.select_option("select[name=place]", "510100")
        wages = page.locator(".figures tbody tr[data-key='labour.wages']")
        await expect(wages).to_contain_text("占 80.00%")
        await expect(page.locator("figure canvas").first).to_be_visible()
        figure = wages.locator("button.open").first
        counted = int(await figure.get_attribute("data-count"))
        await figure.click()
        await expect(page.locator("dialog .list-count")).to_have_attribute("data-count", str(counted))
        await expect(page.locator("dialog tbody tr")).to_have_count(counted)
        await page.locator("dialog tbody a").first.click()
        await expect(page.locator("dialog.drawer")).to_have_count(0)
        await page.go_back()
        await page.get_by_role("tab", name="地图").click()
        await expect(page.locator(".tile[data-place='510100'] b")).to_have_text("10")
        await page.get_by_role("tab", name="时段热力").click()
        await expect(page.locator("figure canvas").first).to_be_visible()
        await page.get_by_role("tab", name="口径").click()
        await expect(page.locator("#answer_rate")).to_be_visible()
        assert problems == []


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_two_choices_made_before_the_page_draws_the_first_are_both_kept(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    fill(line)
    async with page_of(line) as (page, _base, problems):
        await page.click("a[data-view=stats]")
        await expect(page.get_by_role("button", name="上月", exact=True)).to_be_visible()
        await page.evaluate(
            """() => {
                const ranges = [...document.querySelectorAll(".segment")];
                ranges.find((each) => each.textContent === "上月").click();
                const by = document.querySelector("select[name=by]");
                by.value = "matter";
                by.dispatchEvent(new Event("change"));
            }"""
        )
        await expect(page.locator(".figures tbody tr[data-key='labour.wages']")).to_contain_text("占 80.00%")
        await expect(page.get_by_role("button", name="上月", exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )
        assert problems == []


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_the_wallboard_shows_whom_the_line_has_lost_and_calls_them_back(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    asked: list[str] = []

    async def call_back(call: CallId, agent: str, _now: datetime) -> str | None:
        asked.append(f"{call} {agent}")
        return "SC-20261129-510100-00001-1"

    assert line.deps.staffing is not None
    deps = replace(line.deps, staffing=replace(line.deps.staffing, call_back=call_back))
    line = WebLine(deps, line.engine)
    lose(line, "lost-1", "02812340001", 9)
    lose(line, "lost-2", "02812340002", 5)
    async with page_of(line) as (page, base, problems):
        await page.goto(f"{base}/#/wall")
        lost = page.locator(".wall-big", has_text="放弃未再接通").locator("b")
        await expect(lost).to_have_text("2")
        await expect(page.locator(".wall-side li")).to_have_count(2)
        assert "02812340001" not in await page.content()
        await page.locator(".wall-side li button").last.click()
        await expect(page.locator(".toast")).to_contain_text("SC-20261129-510100-00001-1")
        assert asked == ["lost-1 banzhang"]
        assert problems == []


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_a_supervisor_finds_a_topic_in_what_was_said_before_it_was_thought_of(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    for number in range(3):
        line.add_call(f"c{number}", datetime.now(UTC) - timedelta(days=number, hours=1))
    line.add_call("c3", datetime.now(UTC) - timedelta(hours=2), order=False)
    async with page_of(line) as (page, base, problems):
        await page.goto(f"{base}/#/stats/tab=topics&topic=new")
        await page.fill("input[name=name]", "拖欠工资")
        await page.fill("textarea[name=words]", "工资")
        await expect(page.locator(".topic-found mark").first).to_have_text("工资")
        await expect(page.locator(".topic-found li")).to_have_count(4)
        await page.get_by_role("button", name="保存").click()
        await expect(page.locator(".topic-list")).to_contain_text("拖欠工资")
        await page.get_by_role("button", name="今年", exact=True).click()
        counted = page.locator(".topic-count")
        await expect(counted).to_be_visible()
        number = await counted.get_attribute("data-count")
        await counted.click()
        await expect(page.locator(".topic-body .list-count")).to_have_attribute("data-count", str(number))
        for kind in ("matter", "place"):  # what the rankings count opens its list too
            figure = page.locator(f".topic-body button.open[data-{kind}]").first
            number = await figure.get_attribute("data-count")
            await figure.click()
            await expect(page.locator(".topic-body .list-count")).to_have_attribute("data-count", str(number))
            await expect(page.locator(".topic-calls li")).to_have_count(int(number or 0))
        for what in (".trend button.open:not([data-count='0'])", "button.open[data-beside=previous]"):
            figure = page.locator(f".topic-body {what}").first
            number = await figure.get_attribute("data-count")
            await figure.press("Enter")
            await expect(page.locator(".topic-body .list-count")).to_have_attribute("data-count", str(number))
            await expect(page.locator(".topic-calls li")).to_have_count(int(number or 0))
        if folder := os.environ.get("HOTLINE_PICTURES"):
            await page.screenshot(path=f"{folder}/topic.png", full_page=True)
        unknown = page.locator(".topic-body button.open[data-matter='']")
        await expect(unknown).to_have_text("1")
        await unknown.click()
        await expect(page.locator(".topic-body .list-count")).to_have_attribute("data-count", "1")
        assert "13800001234" not in await page.content()
        assert problems == []


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_an_inspector_sees_the_place_scores_and_has_it_put_right(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    day = one_answered_call(line)
    async with page_of(line) as (page, base, problems):
        await page.goto(f"{base}/#/quality")
        await page.fill(".quality-list input[type=date]", day)
        await page.locator(".quality-list button.topic").click()
        kinds = [re.compile(word) for word in ("无人说话", "忌语", "问候", "承诺")]
        await expect(page.locator(".quality-marks button")).to_have_text(kinds)
        await page.locator("[data-kind=promise]").click()
        await expect(page.locator(".lit-line mark")).to_have_text("肯定能赢")
        for name, most in (
            ("manner", 5),
            ("understanding", 20),
            ("answer", 10),
            ("order", 15),
            ("procedure", 10),
        ):
            await page.fill(f".quality-form input[name={name}]", str(most))
        await page.get_by_role("button", name="保存评分").click()
        await expect(page.locator(".quality-sheet header")).to_contain_text("60 / 100")
        await page.fill("textarea[name=issue]", "不得承诺结果")
        await page.get_by_role("button", name="要求整改").click()
        await expect(page.locator(".quality-one")).to_contain_text("待整改")
        assert line.deps.stats is not None
        [issue] = line.deps.stats.quality.issues()
        line.deps.stats.quality.answer(issue.id, "li", "已向来电人更正", datetime.now(UTC))
        await page.locator(".quality-list button.topic").click()
        await page.fill(".quality-one textarea", "属实")
        await page.get_by_role("button", name="验证通过").click()
        await expect(page.locator(".quality-one")).to_contain_text("已整改")
        await expect(page.locator(".quality-list .figures tbody td")).to_have_text(
            ["li", "1", "1", "60", "1", "1"]
        )
        await expect(page.locator(f".quality-days [data-day='{day}']")).to_contain_text("已检 1/1")
        for of in ("sampled", "inspected", "mean", "found", "fixed"):
            figure = page.locator(f".quality-list button.open[data-of={of}]")
            await figure.press("Enter")
            number = await figure.get_attribute("data-count")
            await expect(page.locator(".drawer .list-count")).to_have_attribute("data-count", str(number))
            await expect(page.locator(".drawer li")).to_have_count(int(number or 0))
            if of == "found" and (folder := os.environ.get("HOTLINE_PICTURES")):
                await page.screenshot(path=f"{folder}/quality_list.png")
            await page.locator(".drawer header button").click()
        figure = page.locator(".quality-list button.open[data-drawn=from]")
        await expect(figure).to_have_text("1")
        await figure.press("Enter")
        await expect(page.locator(".drawer .list-count")).to_have_attribute("data-count", "1")
        await expect(page.locator(".drawer li")).to_have_count(1)
        await expect(page.locator(".drawer-body > .hint")).to_contain_text("重抽，结果一致")
        if folder := os.environ.get("HOTLINE_PICTURES"):
            await page.screenshot(path=f"{folder}/quality_from.png")
        await page.locator(".drawer li [data-drawn]").click()
        await expect(page.locator("dialog")).to_have_count(0)
        await expect(page.locator(".quality-sheet header")).to_contain_text("60 / 100")
        await page.locator(".quality-list button.open[data-drawn=sample]").press("Enter")
        await expect(page.locator(".quality-list [data-sample]")).to_be_focused()
        await page.evaluate("document.querySelector('.workplace').scrollTo(0, 0)")
        assert "13800001234" not in await page.content()
        if folder := os.environ.get("HOTLINE_PICTURES"):
            await page.locator("[data-kind=promise]").click()
            await page.set_viewport_size({"width": 1600, "height": 900})
            await page.screenshot(path=f"{folder}/quality.png")
        assert problems == []


async def workbook(download: Any, folder: Path) -> Any:
    file = await download.value
    await file.save_as(folder / file.suggested_filename)
    return openpyxl.load_workbook(folder / file.suggested_filename)


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_reports_and_lists_are_taken_away_and_saved(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    fill(line)
    first = last_month().astimezone(LOCAL).replace(day=1).date().isoformat()
    async with page_of(line) as (page, base, problems):
        await page.goto(f"{base}/#/stats/from={first}&to={datetime.now(LOCAL).date()}&by=matter")
        async with page.expect_download() as download:
            await page.click(".stats-tools a >> nth=0")
        book = await workbook(download, tmp_path)
        assert "labour.wages" in [cell.value for cell in book.worksheets[0]["B"]]
        assert len(book.sheetnames) >= 2  # with the definitions
        await page.get_by_role("button", name="保存的报表…").click()
        await page.fill(".saved-form input[name=name]", "每日事项")
        await page.select_option(".saved-form select[name=every]", "day")
        await page.locator(".saved-form button[type=submit]").click()
        await expect(page.locator(".saved-list")).to_contain_text("每日 07:00 · XLSX")
        await page.locator(".saved-list .plain").click()
        await expect(page.locator("dialog")).to_have_count(0)
        await page.locator(".figures tfoot button.open").first.click()
        await page.locator(".drawer .stats-tools button").first.click()
        link = page.locator(".drawer .stats-tools a")
        await expect(link).to_contain_text("下载", timeout=20_000)
        async with page.expect_download() as download:
            await link.click()
        rows = list((await workbook(download, tmp_path)).worksheets[0].rows)
        assert len(rows) == 1 + 10
        assert "13800001234" not in str([[cell.value for cell in row] for row in rows])
        assert problems == []


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_an_hour_of_the_heat_map_is_opened_by_the_keyboard(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    fill(line)
    first = last_month().astimezone(LOCAL).replace(day=1).date()
    last = last_month().astimezone(LOCAL).date()
    async with page_of(line) as (page, base, problems):
        await page.goto(f"{base}/#/stats/tab=heat&from={first}&to={last}")
        hours = page.locator(".hours button.open")
        await expect(hours.first).to_be_visible()
        numbers = [
            int(await hours.nth(at).get_attribute("data-count") or 0) for at in range(await hours.count())
        ]
        assert sum(numbers) == 10
        for at, number in enumerate(numbers):
            await hours.nth(at).press("Enter")
            await expect(page.locator(".drawer .list-count")).to_have_attribute("data-count", str(number))
            await expect(page.locator(".drawer tbody tr")).to_have_count(number)
            await page.locator(".drawer header form button").click()
        if folder := os.environ.get("HOTLINE_PICTURES"):
            await page.screenshot(path=f"{folder}/heat.png", full_page=True)
        assert problems == []
