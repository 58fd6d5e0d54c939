"""The day's figures on the floor and on the board open lists of exactly what they count."""

import os
from pathlib import Path

import pytest

from tests.e2e.browsers import CHROMIUM
from tests.e2e.desks import desk
from tests.e2e.test_statistics_page import lose
from tests.fakes.staffed_line import make_staffed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]
LOST = 11


async def test_the_days_figures_open_their_lists_and_everybody_lost_can_be_seen(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    for number in range(LOST):
        lose(line, f"lost-{number}", f"0281234{number:04}", 0)
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/floor")
        for shown, count in (("今日请求人工", LOST), ("今日放弃", LOST)):
            figure = page.locator(".figure", has_text=shown).locator("button.open")
            await expect(figure).to_have_text(str(count))
            await figure.click()
            await expect(page.locator("dialog.drawer .list-count")).to_have_attribute(
                "data-count", str(count)
            )
            await expect(page.locator("dialog.drawer tbody tr")).to_have_count(count)
            await page.keyboard.press("Escape")
        await page.goto(f"{base}/#/stats/by=channel&compare=previous")
        await expect(page.locator(".figures tfoot td small.change").first).to_have_text("—")
        await expect(page.locator(".figure small.change").first).to_have_text("环比 —")
        await page.select_option("select[name=compare]", "own")
        today = await page.locator("input[name=to]").input_value()
        for end in ("compare_from", "compare_to"):
            await page.fill(f"input[name={end}]", today)
            await page.wait_for_function(f"location.hash.includes('{end}=')")
        await expect(page.locator(".figure small.change").first).to_contain_text("0")
        await page.goto(f"{base}/#/wall")
        calls = page.locator(".wall-figure", has_text="呼入").locator("button.open").first
        shown = await calls.text_content()
        await calls.click()
        await expect(page.locator("dialog.drawer .list-count")).to_have_attribute("data-count", str(shown))
        await page.keyboard.press("Escape")
        await expect(page.locator(".wall-side li")).to_have_count(8)
        await page.get_by_role("button", name="全部显示").click()
        await expect(page.locator(".wall-side li")).to_have_count(LOST)
        await page.wait_for_timeout(1_000)
        await expect(page.locator(".wall-side li")).to_have_count(LOST)
        assert "0281234" not in await page.content()
