"""The page in Chromium: sign in, watch a call grow, find it, correct a field."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from hotline.conversation import CallId, EndCause, Speaker
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


@pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed")
async def test_grave_words_are_on_the_supervisors_page_within_two_seconds_of_the_partial(
    tmp_path: Path,
) -> None:
    """The live path: session, watch, bus, feed, socket, page; the shipped reader, the words still growing."""
    from playwright.async_api import async_playwright, expect

    from hotline.call.journal import Journal
    from hotline.call.line import Line
    from hotline.call.session import CallSession
    from hotline.intent.router import Router
    from hotline.ivr.flow import FlowFile
    from hotline.settings import LimitSettings
    from tests.fakes.call_parts import FakeCall, FakeDesk, FakeLeg, FakePrompts, FakeStore, FakeTranscribers
    from tests.fakes.web_line import FLOWS

    web, leg, ears, store = make_line(tmp_path), FakeLeg(), FakeTranscribers(), FakeStore()
    journal = Journal(store)
    bus = web.deps.bus
    flow, router = FlowFile.load(FLOWS / "12348.yaml"), Router.load(FLOWS)
    line = Line(bus, journal, ears, router, FakeDesk(), FakePrompts(), flow, tmp_path, LimitSettings())
    async with served(web) as base, async_playwright() as playwright, anyio.create_task_group() as group:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1280, "height": 720}, locale="zh-CN")
        await page.goto(base)
        await page.fill("input[name=name]", "banzhang")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.locator(".live-state.on")).to_be_visible()
        await page.goto(f"{base}/#/floor")
        group.start_soon(journal.run)
        group.start_soon(CallSession(CallId("c1"), FakeCall(leg), line).run)
        leg.frames(0.5)
        bar = page.locator(".alarm")
        await expect(bar).to_have_count(0)
        ears.transcriber.say("老板不给钱，我都不想活了", leg.now, "partial")
        said = time.monotonic()
        await expect(bar).to_contain_text("自伤自杀", timeout=10_000)
        assert time.monotonic() - said < 2.0
        await expect(bar).to_contain_text("不想活")
        await expect(bar).to_contain_text("12356")
        await expect(bar).to_contain_text("138****1234")
        if folder := os.environ.get("SCREENSHOTS"):
            await page.screenshot(path=f"{folder}/alarm.png")
        await bar.get_by_role("button", name="知道了").click()
        await expect(bar).to_have_count(0)
        leg.end(EndCause.REMOTE_HANGUP)
        journal.close()
        await browser.close()
