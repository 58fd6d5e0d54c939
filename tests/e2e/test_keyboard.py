"""By keyboard nobody loses their place; messages stand over dialogs; nothing lies over anything else."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotline.store.users import Role
from tests.e2e.browsers import CHROMIUM
from tests.e2e.desks import desk
from tests.fakes.staffed_line import UNIT, make_staffed
from tests.fakes.web_line import PASSWORD, WebLine

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]
FOCUSED = (
    "document.activeElement.name || document.activeElement.dataset.key || document.activeElement.tagName"
)


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    made = make_staffed(tmp_path)
    for number in range(3):
        made.add_call(f"c{number}", datetime.now(UTC) - timedelta(days=40, hours=number))
    return made


async def test_a_report_is_chosen_by_keyboard_without_losing_the_place(line: WebLine) -> None:
    from playwright.async_api import expect

    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/stats")
        await expect(page.locator(".figures tfoot")).to_be_visible()
        await page.evaluate(
            "addEventListener('keydown', (event) => { window.taken = event.defaultPrevented; })"
        )
        for key in ("ArrowDown", " ", "ArrowRight"):
            await page.keyboard.press(key)
            assert await page.evaluate("window.taken") is False, f"{key} scrolls the page"
        names = await page.locator("select[name=by] option").evaluate_all(
            "(all) => all.map((each) => each.value)"
        )
        # Slow enough that the second choice is made while the first is still being answered.
        await page.route("**/api/v1/stats/report?*", answer_late)
        await page.focus("select[name=by]")
        for step in (1, 2):
            await page.keyboard.press("ArrowDown")
            await page.wait_for_function(f"location.hash.includes('by={names[names.index('day') + step]}')")
            assert await page.evaluate(FOCUSED) == "by"
        await expect(page.locator(".figures thead th").first).to_have_text(
            await page.locator("select[name=by] option:checked").inner_text()
        )
        assert await page.evaluate(FOCUSED) == "by"
        column = page.locator(".figures thead button").nth(2)
        name = await column.inner_text()
        await column.focus()
        key = await page.evaluate(FOCUSED)
        await page.keyboard.press("Enter")
        await expect(page.locator("figcaption").first).to_contain_text(name)
        assert await page.evaluate(FOCUSED) == key


async def answer_late(route: Any) -> None:
    await asyncio.sleep(0.5)
    await route.continue_()


async def test_a_year_that_is_being_typed_is_waited_for_and_days_never_cross(line: WebLine) -> None:
    from playwright.async_api import expect

    change = "(input, day) => { input.value = day; input.dispatchEvent(new Event('change')); }"
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/stats/from=2026-10-01&to=2026-10-31")
        await page.locator("input[name=from]").evaluate(change, "0202-10-05")
        await page.wait_for_timeout(300)
        assert "0202" not in page.url
        await page.locator("input[name=from]").evaluate(change, "2026-11-05")
        await expect(page.locator("input[name=to]")).to_have_value("2026-11-05")
        await expect(page.locator(".toast-error")).to_have_count(0)


async def test_a_message_stands_over_the_dialog_that_it_is_about(line: WebLine) -> None:
    from playwright.async_api import expect

    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/incidents")
        await page.click("text=新建事件")
        await page.fill(".form-dialog [name=title]", "某工地集体欠薪")
        await page.context.set_offline(True)
        await page.click(".form-dialog button.primary")
        toast = page.locator(".toast-error").first
        await expect(toast).to_be_visible()
        assert await toast.evaluate("(toast) => toast.parentElement.matches(':popover-open')")


async def test_nothing_lies_over_anything_else(line: WebLine) -> None:
    line.deps.users.add("chengban", PASSWORD, Role.UNIT, datetime.now(UTC), "张承办", UNIT)
    async with desk(line, "chengban", height=768) as (page, _base):
        late = page.locator(".filter.alarm")
        await late.wait_for()
        usual = await page.locator(".filter").first.bounding_box()
        box = await late.bounding_box()
        assert usual
        assert box
        assert abs(box["height"] - usual["height"]) <= 1
    async with desk(line, "banzhang", height=768) as (page, base):
        await page.goto(f"{base}/#/calls/c0")
        await page.locator(".tags .pill").first.wait_for()
        # Both at one moment, when everything has come to its place.
        await page.wait_for_function(
            "() => { const at = (part) => document.querySelector(part).getBoundingClientRect();"
            " return at('.who-calls p').right <= at('.tags').left + 1; }",
            timeout=10_000,
        )
        line.add_call("old", datetime.now(UTC) - timedelta(days=1_500))
        await page.goto(f"{base}/#/calls/old")
        await page.locator(".facts .left.over").first.wait_for()
        pane = page.locator(".order-pane")
        assert await pane.evaluate("(pane) => pane.scrollWidth <= pane.clientWidth")


async def test_the_field_that_has_the_focus_looks_different(line: WebLine) -> None:
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/incidents")
        await page.click("text=新建事件")
        await page.focus(".form-dialog [name=title]")
        look = "(input) => getComputedStyle(input).outlineStyle + getComputedStyle(input).borderColor"
        with_focus = await page.locator(".form-dialog [name=title]").evaluate(look)
        without = await page.locator(".form-dialog [name=words]").evaluate(look)
        assert with_focus != without
