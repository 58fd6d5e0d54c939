"""Duplicates, incidents, other lines and referrals in Chromium, on the real web part and database."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from hotline.settings import VideoSettings
from tests.e2e.browsers import CHROMIUM, FLAGS
from tests.e2e.test_console import picture
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import PASSWORD, WebLine, served

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]


@pytest.fixture
def line(tmp_path: Path) -> WebLine:
    made = make_staffed(tmp_path)
    for number in range(3):
        made.add_call(f"c{number}", datetime.now(UTC) - timedelta(hours=3 - number))
    video = VideoSettings(url="https://meet.example/{room}", secret=SecretStr("s" * 32))
    object.__setattr__(made.deps, "settings", made.settings.model_copy(update={"video": video}))
    return made


async def begin(page: Any, base: str) -> None:
    await page.goto(base)
    await page.fill("input[name=name]", "banzhang")
    await page.fill("input[name=password]", PASSWORD)
    await page.keyboard.press("Enter")


async def test_what_stands_beside_an_order(line: WebLine) -> None:
    from playwright.async_api import async_playwright, expect

    first, second, third = (line.deps.orders.by_call(f"c{n}")[0].order.number for n in range(3))
    async with served(line) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = await browser.new_page(viewport={"width": 1380, "height": 900}, locale="zh-CN")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        await begin(page, base)
        await merging(page, expect, base, (first, second))
        await gathering(page, expect, third)
        await referring(page, expect, base, first)
        await another_line(page, expect, base, line)
        await browser.close()
    assert problems == []
    audited = {each.action for each in line.deps.audit.entries()}
    assert {
        "order.merge",
        "incident.open",
        "referral.mediation",
        "referral.video",
        "exchange.take",
    } <= audited


async def merging(page: Any, expect: Any, base: str, numbers: tuple[str, str]) -> None:
    """The older order is looked at; the newer one is merged into it with one click."""
    first, second = numbers
    await page.goto(f"{base}/#/orders/{first}/c0")
    similar = page.locator(".similar > li", has_text=second)
    await expect(similar).to_contain_text("同一来电人、同一事项")
    await picture(page, "similar")
    await similar.locator("button:has-text('并到本单')").click()
    await expect(page.locator(".inside > li")).to_contain_text(second)
    await expect(page.locator(".beside")).to_contain_text("共 2 人次")
    await page.click("nav >> text=工单")
    await expect(page.locator(".rows-title")).to_contain_text("2 件，3 人次")


async def gathering(page: Any, expect: Any, number: str) -> None:
    """An incident is opened, an order joins from its own page, the counts follow by themselves."""
    await page.click("nav >> text=事件")
    await page.click("text=新建事件")
    await page.fill(".form-dialog [name=title]", "某工地集体欠薪")
    await page.fill(".form-dialog [name=words]", "农民工 滑坡")
    await page.fill(".form-dialog [name=greeting]", "已由劳动监察受理，请留下联系方式。")
    await page.click(".form-dialog button.primary")
    await expect(page.locator(".incident-title")).to_contain_text("某工地集体欠薪")
    address = page.url
    await page.goto(address.split("#")[0] + f"#/orders/{number}/c2")
    await page.click(".beside button:has-text('归入事件')")
    await page.click(".form-dialog button.primary")
    await expect(page.locator(".beside")).to_contain_text("已由劳动监察受理")
    await page.goto(address)
    await expect(page.locator(".suggested > li")).to_have_count(1)
    await expect(page.locator(".figure", has_text="工单")).to_contain_text("1")
    await expect(page.locator(".floor-list").last).to_contain_text(number)
    await picture(page, "incident")
    for figure in ("[data-of=calls]", "[data-of=orders]", "[data-of=callers]", "[data-state]"):
        opened = page.locator(f".incidents button.open{figure}").first
        length = int(await opened.get_attribute("data-count") or 0)
        await opened.press("Enter")
        await expect(page.locator(".drawer .list-count")).to_have_attribute("data-count", str(length))
        await expect(page.locator(".drawer li")).to_have_count(length)
        if figure == "[data-of=callers]":
            await picture(page, "incident_callers")
        await page.locator(".drawer header button").click()
    await page.goto(address.split("#")[0] + "#/incidents")
    await expect(page.locator(".incident-card")).to_contain_text("1 工单")
    await picture(page, "incidents")


async def referring(page: Any, expect: Any, base: str, number: str) -> None:
    """Mediation with its switch, a seat at a notary's, a video link."""
    await page.click("nav >> text=转介")
    await page.click("text=添加时间")
    await page.fill(".form-dialog [name=institution]", "蜀都公证处")
    starts = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT09:00")
    await page.fill(".form-dialog [name=starts_at]", starts)
    await page.click(".form-dialog button.primary")
    await expect(page.locator(".slots")).to_contain_text("余 1 / 1")
    await page.goto(f"{base}/#/orders/{number}/c0")
    await page.click(".beside button:has-text('转介…')")
    await expect(page.locator(".form-dialog [name=basis] option:checked")).to_contain_text("免予核查")
    await picture(page, "refer")
    await page.select_option(".form-dialog [name=kind]", "mediation")
    await page.fill(".form-dialog [name=party]", "王大明")
    await page.click(".form-dialog button.primary")
    card = page.locator(".referral", has_text="人民调解")
    await expect(card).to_contain_text("王**")
    await card.locator("text=受理").click()
    await card.locator("text=改线上/线下").click()
    await expect(card).to_contain_text("线下")
    await card.locator("text=调解成功").click()
    for kind, told in (("notary", "带齐：身份证原件"), ("video", "有效至")):
        await page.click(".beside button:has-text('转介…')")
        await page.select_option(".form-dialog [name=kind]", kind)
        await page.click(".form-dialog button.primary")
        await expect(page.locator(".beside")).to_contain_text(told)
    await page.locator(".referral").last.scroll_into_view_if_needed()
    await picture(page, "referred")
    await page.click("nav >> text=转介")
    await expect(page.locator(".mediation-rate")).to_contain_text("成功率 100.00%")
    for figure, length in (("applied", 1), ("failed", 0), ("rate", 1)):
        await page.locator(f".mediation-rate [data-of={figure}]").press("Enter")
        await expect(page.locator(".drawer .list-count")).to_have_attribute("data-count", str(length))
        await expect(page.locator(".drawer li")).to_have_count(length)
        if figure == "rate":
            await page.click(".drawer button:has-text('申请')")
            await expect(page.locator(".drawer li")).to_have_count(1)
            await picture(page, "mediations")
        await page.locator(".drawer header button").click()
    await expect(page.locator(".slots")).to_contain_text("余 0 / 1")
    await picture(page, "referrals")


async def another_line(page: Any, expect: Any, base: str, line: WebLine) -> None:
    """An order from 12345 has no call; it is shown with their number, and goes back with a reason."""
    token = line.deps.partners.create("outside-12345", datetime.now(UTC))
    headers = {"authorization": f"Bearer {token}"}
    sent = {"outside_number": "CD-2026-000017", "summary": "咨询办理公证", "caller_contact": "13900000001"}
    async with httpx.AsyncClient(base_url=base, headers=headers) as outside:
        number = (await outside.post("/exchange/v1/orders", json=sent)).json()["number"]
        await page.click("nav >> text=工单")
        await page.locator(".row", has_text=number).click()
        await expect(page.locator(".references")).to_contain_text("对方编号 CD-2026-000017")
        await expect(page.locator(".who-calls")).to_contain_text("139****0001")
        await picture(page, "from-12345")
        if await page.locator(".moves summary").count():
            await page.click(".moves summary")
        await page.click(".moves button:has-text('退回来源')")
        await page.fill(".move-dialog [name=text]", "请向公证处预约")
        await page.click(".move-dialog button.primary")
        await expect(page.locator(".references")).to_contain_text("已退回")
        asked = await outside.get("/exchange/v1/orders/by-outside-number/CD-2026-000017")
        assert (asked.json()["status"], asked.json()["text"]) == ("returned", "请向公证处预约")
