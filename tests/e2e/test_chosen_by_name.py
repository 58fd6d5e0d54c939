"""Nobody has to know a code: places and units are chosen by name; empty pages say what to do."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.browsers import CHROMIUM
from tests.e2e.desks import desk
from tests.fakes.staffed_line import make_staffed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]


async def test_a_place_and_a_unit_are_chosen_by_name(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    line.add_call("c0", datetime.now(UTC) - timedelta(hours=1))
    number = line.deps.orders.by_call("c0")[0].order.number
    async with desk(line, "banzhang") as (page, base):
        await page.goto(f"{base}/#/roster")
        await expect(page.locator(".roster-table")).to_contain_text("名册还是空的")
        await page.goto(f"{base}/#/incidents")
        await page.click("text=新建事件")
        await page.fill(".form-dialog [name=title]", "双流某工地欠薪")
        await page.select_option(".form-dialog [name=district]", label="成都市双流区")
        await page.select_option(".form-dialog [name=queue]", label="农民工欠薪")
        await page.click(".form-dialog button.primary")
        await expect(page.locator(".incident-title")).to_contain_text("双流某工地欠薪")
        await page.goto(f"{base}/#/orders/{number}/c0")
        await page.click(".moves button:has-text('改派')")
        await page.fill(".move-dialog [name=to]", "成都市锦江区法律援助中心")
        await page.fill(".move-dialog [name=text]", "工地在锦江区")
        await page.click(".move-dialog button.primary")
        await expect(page.locator(".order .facts")).to_contain_text("成都市锦江区法律援助中心")
        await page.click(".moves summary")
        await page.click(".moves button:has-text('移交首问')")
        names = page.locator(".move-dialog datalist option")
        offered = [await names.nth(index).get_attribute("value") for index in range(await names.count())]
        assert "lawyer person（lawyer）" in offered
        assert not [name for name in offered if name and "admin" in name]
        await page.fill(".move-dialog [name=to]", "没有这个人")
        await page.click(".move-dialog button.primary")
        await expect(page.locator(".toast").last).to_contain_text("没有这位能接手工单的同事")
        await page.fill(".move-dialog [name=to]", "lawyer person（lawyer）")
        await page.click(".move-dialog button.primary")
        await expect(page.locator(".move-dialog")).to_have_count(0)
    incident = line.deps.cases.incidents("open", 5)[0]
    assert (incident.district, incident.queue) == ("510116", "wages")
    order = line.deps.orders.by_call("c0")[0].order
    assert (order.unit, order.life.owner) == ("legal_aid-510104", "lawyer")


async def test_an_account_s_unit_is_chosen_by_name(tmp_path: Path) -> None:
    from playwright.async_api import expect

    line = make_staffed(tmp_path)
    async with desk(line, "guanli") as (page, _base):
        await expect(page.locator("tr", has_text="unit person")).to_contain_text("成都市双流区法律援助中心")
        await page.click("text=添加账号")
        await page.fill("dialog [name=name]", "jinjiang")
        await page.select_option("dialog [name=role]", "unit")
        await page.fill("dialog [name=unit]", "成都市锦江区法律援助中心")
        await page.fill("dialog [name=password]", "first-password-1")
        await page.click("dialog button.primary")
        await expect(page.locator("tr", has_text="jinjiang")).to_contain_text("成都市锦江区法律援助中心")
        await page.locator("tr", has_text="jinjiang").locator("text=改岗位").click()
        await expect(page.locator("dialog [name=unit]")).to_have_value("成都市锦江区法律援助中心")
        await page.click("dialog button.primary")
        await expect(page.locator("dialog")).to_have_count(0)
    made = line.deps.users.get("jinjiang")
    assert made is not None
    assert made.unit == "legal_aid-510104"
