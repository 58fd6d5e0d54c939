"""A late answer never replaces what was asked for since; reading more is read once; the place is kept."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.e2e.browsers import CHROMIUM
from tests.e2e.desks import desk
from tests.e2e.test_statistics_page import one_answered_call
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import WebLine

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]
LATE_S = 1.5


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    return make_staffed(tmp_path)


def late(has: str) -> Callable[[Any], Awaitable[None]]:
    """Lets the answers to addresses with something in them come late."""

    async def pass_on(route: Any) -> None:
        if has in route.request.url:
            await asyncio.sleep(LATE_S)
        await route.continue_()

    return pass_on


async def test_the_day_that_was_chosen_last_is_the_one_that_shows(line: WebLine) -> None:
    from playwright.async_api import expect

    day = one_answered_call(line)
    other = (date.fromisoformat(day) - timedelta(days=20)).isoformat()
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/quality")
        await expect(page.locator(".quality-list button.topic")).to_have_count(1)
        await page.route("**/api/v1/quality?*", late(f"day={day}"))
        for chosen in (day, other):
            await page.locator(".quality-list input[type=date]").evaluate(
                "(input, day) => { input.value = day; input.dispatchEvent(new Event('change')); }", chosen
            )
        await anyio.sleep(LATE_S + 1)
        await expect(page.locator(".quality-list button.topic")).to_have_count(0)


async def test_the_part_of_a_list_that_was_chosen_last_is_the_one_that_shows(line: WebLine) -> None:
    from playwright.async_api import expect

    for number in range(3):
        line.add_call(f"c{number}", datetime.now(UTC) - timedelta(minutes=10 * number))
    asked: list[str] = []
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/stats/by=day&figures=orders")
        shares = page.locator(".figures tfoot button.open[data-kpi='return_rate']")
        page.on("request", lambda request: asked.append(request.url) if "part=" in request.url else None)
        await shares.first.click()
        tabs = page.locator("dialog.drawer .segments button")
        count = page.locator("dialog .list-count")
        await expect(count).to_have_attribute("data-count", "0")
        first = re.search("part=[a-z_]+", asked[-1])
        assert first
        await tabs.nth(1).click()
        await expect(tabs.nth(1)).to_have_attribute("aria-pressed", "true")
        await expect(count).to_have_attribute("data-count", "3")
        await page.route("**/stats/list*", late(first[0]))
        await tabs.nth(0).click()
        await tabs.nth(1).click()
        await anyio.sleep(LATE_S + 1)
        await expect(count).to_have_attribute("data-count", "3")


async def test_two_choices_among_topics_are_both_kept(line: WebLine) -> None:
    from playwright.async_api import expect

    line.add_call("c0", datetime.now(UTC) - timedelta(hours=1))
    assert line.deps.stats is not None
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/stats/tab=topics&topic=new")
        await page.fill("input[name=name]", "拖欠工资")
        await page.fill("textarea[name=words]", "工资")
        await page.locator(".topic-form").evaluate(
            "(form) => { form.requestSubmit(); form.requestSubmit(); }"
        )
        await expect(page.locator(".topic-list .topic", has_text="拖欠工资")).to_have_count(1)
        await anyio.sleep(0.5)
        await page.get_by_role("button", name="今年", exact=True).click()
        await expect(page.locator(".topic-list .topic", has_text="拖欠工资")).to_have_count(1)
        await expect(page.get_by_role("button", name="今年", exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )
        await page.evaluate("""() => {
            const all = (kind) => [...document.querySelectorAll(kind)];
            const named = (kind, text) => all(kind).find((each) => each.textContent === text);
            named(".segment", "上周").click();
            named(".topic", "拖欠工资").click();
        }""")
        await expect(page.get_by_role("button", name="上周", exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )


async def test_reading_more_is_read_once_and_the_log_is_of_one_search(line: WebLine) -> None:
    from playwright.async_api import expect

    for number in range(130):
        line.deps.audit.record("banzhang", "call.read", f"c{number}", datetime.now(UTC))
    async with desk(line, "shenji") as (page, base):
        await page.goto(f"{base}/#/audit")
        rows = page.locator(".table tbody tr")
        await expect(rows).to_have_count(100)
        await page.fill(".audit-filter input[name=who]", "nobody-has-searched-yet")
        more = page.get_by_role("button", name="更多")
        await more.evaluate("(button) => { button.click(); button.click(); }")
        await anyio.sleep(1)
        subjects = await rows.locator("td:nth-child(4)").all_text_contents()
        told = [each for each in subjects if each.startswith("c")]
        assert len(told) == len(set(told)) == 130


async def test_a_list_read_again_by_itself_keeps_what_was_opened_of_it(line: WebLine) -> None:
    from playwright.async_api import expect

    for number in range(60):
        line.add_call(f"c{number}", datetime.now(UTC) - timedelta(minutes=10 * number), order=False)
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/calls")
        rows = page.locator(".rows .row")
        await expect(rows).to_have_count(50)
        await page.get_by_role("button", name="更多").click()
        await expect(rows).to_have_count(60)
        await page.locator(".rows").evaluate("(rows) => rows.scrollTo(0, rows.scrollHeight)")
        before = await page.locator(".rows").evaluate("(rows) => rows.scrollTop")
        await page.locator(".order-pane").evaluate(
            "(pane) => pane.dispatchEvent(new CustomEvent('changed', { bubbles: true }))"
        )
        await anyio.sleep(1.5)
        await expect(rows).to_have_count(60)
        assert await page.locator(".rows").evaluate("(rows) => rows.scrollTop") == before


async def test_scores_are_still_there_after_an_issue_was_raised(line: WebLine) -> None:
    from playwright.async_api import expect

    at = one_answered_call(line)
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/quality")
        await page.fill(".quality-list input[type=date]", at)
        await page.locator(".quality-list button.topic").click()
        await expect(page.locator(".quality-list button.topic")).to_have_attribute("aria-current", "true")
        await page.fill(".quality-form input[name=manner]", "4")
        await page.fill(".quality-form textarea[name=remark]", "语气急")
        await page.fill("textarea[name=issue]", "不得承诺结果")
        await page.locator("form.quality-issue").evaluate(
            "(form) => { form.requestSubmit(); form.requestSubmit(); }"
        )
        await expect(page.locator(".quality-one")).to_have_count(1)
        await anyio.sleep(0.5)
        await expect(page.locator(".quality-one")).to_have_count(1)
        await expect(page.locator(".quality-form input[name=manner]")).to_have_value("4")
        await expect(page.locator(".quality-form textarea[name=remark]")).to_have_value("语气急")


async def test_the_newest_order_opens_by_itself_also_when_the_first_reading_is_overtaken(
    line: WebLine,
) -> None:
    from playwright.async_api import expect

    for number in range(2):
        line.add_call(f"c{number}", datetime.now(UTC) - timedelta(minutes=10 * number))
    asked: list[str] = []

    async def first_late(route: Any) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            await asyncio.sleep(8 * LATE_S)
        await route.continue_()

    async with desk(line, "banzhang") as (page, base):
        await page.route("**/api/v1/orders?*", first_late)
        await page.goto(f"{base}/static/icon.svg")
        await page.goto(f"{base}/#/orders")
        await expect(page.locator(".rows .row")).to_have_count(2)
        await expect(page.locator(".order .number")).to_be_visible(timeout=4_000)
        assert len(asked) >= 2


async def test_nobody_who_has_gone_elsewhere_is_thrown_back_by_a_late_list(line: WebLine) -> None:
    line.add_call("c0", datetime.now(UTC) - timedelta(hours=1))
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/calls")
        await page.locator(".order .number").wait_for()
        await page.evaluate(
            """() => {
                history.pushState(null, "", "#/incidents"); // gone there, and not yet told the page
                const told = new CustomEvent("changed", { bubbles: true });
                document.querySelector(".order-pane").dispatchEvent(told);
            }"""
        )
        await anyio.sleep(2)
        assert await page.evaluate("location.hash") == "#/incidents"
