"""Several callers name one employer: the supervisor is told, and finds it among the incidents."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.browsers import CHROMIUM
from tests.e2e.desks import desk
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import file_command
from workorders.messages import FieldValue

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]


async def test_three_callers_about_one_employer_are_an_alert(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    employer = FieldValue("employer", "宏达建筑公司", "宏达建筑公司", 0.9, ())
    for number in range(3):
        command = file_command(f"c{number}", datetime.now(UTC) - timedelta(hours=1))
        line.deps.service.handle(replace(command, caller_contact=f"1390000000{number}", fields=(employer,)))
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/floor")
        alert = page.locator(".floor-alert", has_text="群体性苗头")
        await expect(alert).to_contain_text("宏达建筑：3 名来电人，3 张工单")
        await alert.get_by_role("button", name="我来处理").click()
        await expect(alert).to_contain_text("已接手")
        await alert.get_by_role("link").click()
        await expect(page.locator(".clusters")).to_contain_text("宏达建筑")
        for of in ("callers", "orders"):
            await page.locator(f".clusters button.open[data-of={of}]").click()
            await expect(page.locator("dialog .list-count")).to_have_attribute("data-count", "3")
            await expect(page.locator("dialog .floor-list li")).to_have_count(3)
            await page.locator("dialog header button").click()
        assert "1390000000" not in await page.content()
