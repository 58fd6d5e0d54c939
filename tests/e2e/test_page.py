"""The page in Chromium: sign in, watch a call grow, find it, correct a field."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hotline.conversation import CallId, Speaker
from hotline.events import CallStarted, IntentRecognized, TranscriptPublished
from tests.fakes.web_line import PASSWORD, PHONE, SAID, final, intent, make_line, partial, served

pytestmark = [pytest.mark.e2e, pytest.mark.anyio, pytest.mark.timeout(120)]
CHROMIUM = "/usr/bin/chromium"


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_an_agent_follows_a_call_and_corrects_its_order(tmp_path: Path) -> None:
    from playwright.async_api import async_playwright, expect

    line = make_line(tmp_path)
    line.add_call("old", datetime.now(UTC) - timedelta(hours=1))
    async with served(line) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1280, "height": 720}, locale="zh-CN")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(base)
        await page.fill("input[name=name]", "zuoxi")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        field = page.locator(".field", has_text="人数")
        await field.hover()
        await expect(page.locator(".lit")).to_have_count(len("十二个人"))

        call, bus = CallId("live"), line.deps.bus
        bus.publish(CallStarted(call, "phone", PHONE, "12348"))
        bus.publish(TranscriptPublished(call, Speaker.CALLER, partial(0, "你好", "我是在", 1)))
        await page.click(".row.live")
        await expect(page.locator(".tail")).to_have_text("我是在")
        bus.publish(TranscriptPublished(call, Speaker.CALLER, final(0, SAID[0])))
        bus.publish(IntentRecognized(call, intent()))
        await expect(page.locator(".line.final .words")).to_have_text(SAID[0])
        await expect(page.locator(".tail")).to_have_count(0)
        await expect(page.locator(".matters li").first).to_contain_text("拖欠工资")

        await page.keyboard.press("/")
        await page.keyboard.type("工资")
        await expect(page.locator(".rows-title").first).to_have_text("找到 1 通")
        await page.click(".rows .row")
        await field.dblclick()
        await page.locator(".edit input").fill("13")
        await page.keyboard.press("Enter")
        await expect(field.locator(".machine")).to_contain_text("12")
        assert PHONE not in await page.content()
        assert problems == []
        await browser.close()
