"""Every figure of the forecast that rests on past calls opens a list of exactly these, in Chromium."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotline.stats.forecast import like_days
from hotline.store.engine import writing
from hotline.store.stat_tables import call_facts
from hotline.store.views import LOCAL
from tests.e2e.browsers import CHROMIUM
from tests.e2e.desks import desk
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import WebLine
from tests.integration.test_forecast_lists import past_fact

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]


def fill(line: WebLine, answered: int) -> None:
    """Two days like tomorrow: so many answered calls, and as many who gave up, in three quarters."""
    today = datetime.now(UTC).astimezone(LOCAL).date()
    days: tuple[date, ...] = like_days(today + timedelta(days=1), 8, line.deps.service.calendar, today)
    rows = [past_fact(days[n % 2], 9 * 60 + n % 3 * 15, n) for n in range(answered)]
    left = {"fate": "abandoned", "outcome": "abandoned", "wait_ms": 50_000, "talk_ms": 0, "wrap_ms": 0}
    rows += [past_fact(days[n % 2], 9 * 60 + 15, n, **left) for n in range(answered, 2 * answered)]
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        connection.execute(call_facts.insert(), rows)


async def opens(page: Any, figure: Any) -> str:
    """Open the figure; its list, to the end, has as many rows as it says. What stands above the list."""
    from playwright.async_api import expect

    number = int(await figure.get_attribute("data-count"))
    await figure.press("Enter")
    drawer = page.locator("dialog.drawer").last
    await expect(drawer.locator(".list-count")).to_have_attribute("data-count", str(number))
    rows = drawer.locator("tbody tr, .floor-list li")
    await expect(rows).to_have_count(min(number, 50))
    while await drawer.locator(".drawer-body > button").is_visible():
        shown = await rows.count()
        await drawer.locator(".drawer-body > button").click()
        await expect(rows).to_have_count(min(number, shown + 50))
    await expect(rows).to_have_count(number)
    said = await drawer.locator("h2").inner_text() + await drawer.locator(".drawer-body").inner_text()
    return str(said)


async def shut(page: Any) -> None:
    await page.keyboard.press("Escape")


async def test_every_figure_of_a_forecast_opens_the_calls_it_rests_on(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    fill(line, 60)
    folder = os.environ.get("HOTLINE_PICTURES")
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/stats/tab=forecast")
        figures = page.locator(".stats-body button.open[data-count]")
        await expect(page.locator("[data-past=all]")).to_have_text("120")
        opened = []
        for at in range(await figures.count()):
            opened.append(await figures.nth(at).get_attribute("data-count"))
            said = await opens(page, figures.nth(at))
            assert "不足 20 通" not in said
            if folder:
                await page.screenshot(path=f"{folder}/forecast_{at}.png")
            await shut(page)
        # days, calls, expected, handled, waited, and three quarters of an hour
        assert opened == ["2", "120", "120", "60", "120", "20", "80", "20"]
        await page.locator("[data-past=patience]").click()
        await page.get_by_role("button", name="其中自己挂断的").click()
        await expect(page.locator(".drawer .list-count")).to_have_attribute("data-count", "60")
        await shut(page)
        await page.locator("[data-past=days]").click()
        for number in (0, 1):
            await opens(page, page.locator(".floor-list button.open").nth(number))
            await shut(page)
        await shut(page)
        title = await opens(page, page.locator("td button.open[data-quarter='09:15']"))
        assert "过去 2 天同一刻钟共 80 通，平均 40.0 通" in title
        await shut(page)
        await page.locator("[data-peak=agents]").click()
        await expect(page.locator("tr.lit-line th")).to_have_text("09:15")
        await expect(page.locator("td button.open[data-quarter='09:15']")).to_be_focused()
        if folder:
            await page.screenshot(path=f"{folder}/forecast.png")


async def test_a_usual_value_says_that_it_is_one_and_opens_the_few_there_are(tmp_path: Path) -> None:
    line = make_staffed(tmp_path)
    fill(line, 7)
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/stats/tab=forecast")
        for figure, told in (("handled", "只有 7 通，不足 20 通"), ("patience", "常见值 120 秒")):
            assert told in await opens(page, page.locator(f"[data-past={figure}]"))
            await shut(page)
