"""Accounts, roles and the audit chain in Chromium: what is set up, offered and found."""

import asyncio
import os
import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hotline.audit.sealer import Sealer
from hotline.store.second_factor import code_at, step_of
from tests.fakes.staffed_line import make_staffed
from tests.fakes.web_line import PASSWORD, WebLine, served

pytestmark = [pytest.mark.e2e, pytest.mark.anyio, pytest.mark.timeout(120)]
CHROMIUM = "/usr/bin/chromium"


def demanding(line: WebLine) -> WebLine:
    web = line.settings.web.model_copy(update={"second_factor": ("supervisor",)})
    return WebLine(replace(line.deps, settings=line.settings.model_copy(update={"web": web})), line.engine)


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_people_keep_their_accounts_and_auditors_find_what_was_altered(tmp_path: Path) -> None:
    from playwright.async_api import Page, async_playwright, expect

    line = demanding(make_staffed(tmp_path))
    line.add_call("c1", datetime.now(UTC))
    async with served(line) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        problems: list[str] = []

        async def opened(name: str, password: str = PASSWORD) -> Page:
            context = await browser.new_context(viewport={"width": 1280, "height": 860}, locale="zh-CN")
            page = await context.new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            await page.goto(base)
            await page.fill("input[name=name]", name)
            await page.fill("input[name=password]", password)
            await page.keyboard.press("Enter")
            return page

        # a supervisor may do nothing before the second factor is set up, and needs it from then on
        page = await opened("banzhang")
        await expect(page.locator(".rail-link[data-view]")).to_have_count(0)
        await page.click("text=开始设置")
        secret = (await page.locator("code.secret").inner_text()).replace(" ", "")
        await page.fill(".qr ~ label input[name=code]", code_at(secret, step_of(datetime.now(UTC)) - 1))
        await page.fill(".qr ~ label input[name=password]", PASSWORD)
        await page.click("button:has-text('启用')")
        await expect(page.locator("pre.secret")).to_have_text(re.compile(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}"))
        await page.click("text=已经抄好")
        await expect(page.locator("nav >> text=现场")).to_be_visible()
        page = await opened("banzhang")
        await page.fill("input[name=code]", "000000")
        await page.keyboard.press("Enter")
        await expect(page.locator(".problem")).to_contain_text("验证码不对")
        await page.fill("input[name=code]", code_at(secret, step_of(datetime.now(UTC))))
        await page.keyboard.press("Enter")
        await page.click("text=保全")
        await page.fill("dialog input", "投诉调查")
        await page.click("dialog button.primary")
        await expect(page.locator(".pill", has_text="保全中")).to_be_visible()

        # an administrator adds somebody, who has to choose a password
        page = await opened("guanli")
        await expect(page.locator("nav >> text=通话")).to_have_count(0)
        await page.click("text=添加账号")
        await page.fill("dialog [name=name]", "tongji")
        await page.select_option("dialog [name=role]", "statistician")
        await page.fill("dialog [name=password]", "first-password-1")
        await page.click("dialog button.primary")
        await expect(page.locator("tr", has_text="tongji")).to_contain_text("待改密码")
        page = await opened("tongji", "first-password-1")
        await expect(page.locator(".problem").first).to_contain_text("请先设置新密码")
        for field, text in (("old", "first-password-1"), ("new", PASSWORD), ("again", PASSWORD)):
            await page.fill(f"input[name={field}]", text)
        await page.click("button:has-text('修改密码')")
        await expect(page.locator("nav >> text=统计")).to_be_visible()
        await expect(page.locator("nav >> text=通话")).to_have_count(0)

        # an auditor filters, verifies, and is told what somebody altered
        sealer = Sealer(line.deps.users.engine, lambda: datetime.now(UTC))
        await asyncio.to_thread(sealer.seal_all)
        page = await opened("shenji")
        await page.fill(".audit-filter [name=action]", "user")
        await page.click("text=查询")
        await expect(page.locator(".table tbody tr")).to_have_count(1)
        await page.click("text=验证整条链")
        await expect(page.locator(".audit-sound")).to_contain_text("完好")
        with sqlite3.connect(tmp_path / "hotline.sqlite3") as database:
            database.execute("DROP TRIGGER audit_no_update")
            database.execute("UPDATE audit SET who = 'nobody' WHERE action = 'user.add'")
        await page.click("text=验证整条链")
        await expect(page.locator(".audit-chain .problem")).to_contain_text("有 1 处")
        await expect(page.locator(".audit-chain tr")).to_contain_text("被改动")
        async with page.expect_download() as saved:
            await page.click("text=导出链")
        assert (await (await saved.value).path()).read_text().count("\n") == sealer.state().seq
        if folder := os.environ.get("HOTLINE_PICTURES"):
            await page.screenshot(path=f"{folder}/audit.png")
        assert problems == []
        await browser.close()
