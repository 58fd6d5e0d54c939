"""Somebody signed in at the real web part, in Chromium."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.e2e.browsers import CHROMIUM
from tests.fakes.web_line import PASSWORD, WebLine, served


async def sign_in(page: Any, name: str) -> None:
    """Fill in the form that is shown."""
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", PASSWORD)
    await page.keyboard.press("Enter")


@asynccontextmanager
async def desk(line: WebLine, name: str, *, height: int = 850) -> AsyncIterator[tuple[Any, str]]:
    """The page of somebody who has signed in, and its address; fails when a script of it failed."""
    from playwright.async_api import async_playwright

    async with served(line) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": 1366, "height": height}, locale="zh-CN")
        page = await context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(base)
        await sign_in(page, name)
        await page.wait_for_selector(".rail")
        yield page, base
        await browser.close()
        assert problems == []
