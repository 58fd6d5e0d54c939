"""A unit's workbench in Chromium: sign, send files, see the caller for a reason, answer, the desk reads."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hotline.store.users import Role
from tests.fakes.web_line import PASSWORD, PHONE, make_line, served

pytestmark = [pytest.mark.e2e, pytest.mark.anyio, pytest.mark.timeout(120)]
CHROMIUM = "/usr/bin/chromium"
UNIT = "legal_aid-510116"
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_a_unit_signs_attaches_and_answers_and_the_desk_reads_it(tmp_path: Path) -> None:
    from playwright.async_api import async_playwright, expect

    line = make_line(tmp_path)
    now = datetime.now(UTC)
    line.deps.users.add("chengban", PASSWORD, Role.UNIT, now, "张承办", UNIT)
    line.add_call("c1", now - timedelta(hours=1))
    number = line.deps.orders.by_call("c1")[0].order.number
    (tmp_path / "受理通知.pdf").write_bytes(PDF)
    (tmp_path / "程序.pdf").write_bytes(b"MZ\x90\x00 a program that calls itself a document")
    async with served(line) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(base)
        await page.fill("input[name=name]", "chengban")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.locator(".filter.on")).to_contain_text("待签收")
        await page.locator(".rows .row").first.wait_for()
        await page.keyboard.press("j")
        await expect(page.locator(".unit-number")).to_have_text(number)
        assert PHONE not in await page.content()
        await page.keyboard.press("s")
        await expect(page.locator(".unit-head .state-signed")).to_have_count(1)

        await page.get_by_role("button", name="显示来电人").click()
        await page.fill("dialog input[name=reason]", "联系来电人核对金额")
        await page.keyboard.press("Enter")
        await expect(page.locator(".facts")).to_contain_text(PHONE)

        files = page.locator("input[type=file]")
        await files.set_input_files([tmp_path / "程序.pdf"])
        await expect(page.locator(".files .problem")).to_contain_text("不收这种文件")
        await files.set_input_files([tmp_path / "受理通知.pdf"])
        await expect(page.locator(".files a")).to_have_text("受理通知.pdf")

        await page.keyboard.press("r")
        await page.keyboard.type("已受理，三日内联系来电人。")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".unit-head .state-replied")).to_have_count(1)
        await expect(page.locator(".filters")).to_contain_text("已答复 1")
        assert await page.locator("input[type=file]").count() == 0
        await page.context.clear_cookies()

        await page.goto(base)
        await page.fill("input[name=name]", "zuoxi")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        async with page.expect_download() as download:
            await page.locator(".order .files a").click()
        saved = await (await download.value).path()
        assert saved.read_bytes() == PDF
        await expect(page.locator(".history")).to_contain_text("已受理，三日内联系来电人。")
        assert problems == []
        await browser.close()
    done = [entry.action for entry in line.deps.audit.entries(subject=number)]
    assert {"order.sign", "order.unmask", "order.attach", "order.reply", "attachment.read"} <= set(done)
