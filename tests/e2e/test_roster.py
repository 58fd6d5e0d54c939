"""The roster page in Chromium: somebody is put on it, in words as people write them, and taken off."""

import os
from pathlib import Path

import httpx
import pytest

from tests.e2e.browsers import CHROMIUM, FLAGS
from tests.e2e.conftest import StartLine
from tests.e2e.line import SCRIPTED
from tests.e2e.test_console import PASSWORD, command, picture

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]


async def test_a_supervisor_keeps_the_roster(
    start_line: StartLine, brief_flows: Path, tmp_path: Path
) -> None:
    from playwright.async_api import async_playwright, expect

    line = start_line(brief_flows, asr__engine=SCRIPTED)
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    await command(line, "users", "add", "zhao", "--role", "supervisor", "--password-file", str(secret))
    await command(line, "users", "add", "li", "--role", "agent", "--password-file", str(secret))
    await command(line, "agents", "set", "qian", "--licence", "1510120201", "--licence-until", "2020-01-31")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        page.on("dialog", lambda dialog: dialog.accept())
        await page.goto(line.web)
        await page.fill("input[name=name]", "zhao")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.click("nav >> text=名册")
        await expect(page.locator("tr", has_text="qian")).to_contain_text("已过期")
        await page.click("text=添加坐席")
        for name, text in {
            "name": "li",
            "display": "李律师",
            "skills": "劳动争议与欠薪、自贡话",
            "shifts": "有空就来",
        }.items():
            await page.fill(f".roster-dialog [name={name}]", text)
        await page.click("text=保存")
        await expect(page.locator(".toast-error")).to_contain_text("值班时间看不懂")
        await page.fill(".roster-dialog [name=shifts]", "周一至周五 09:00-17:30；周六 22:00-06:00")
        await picture(page, "roster-dialog")
        await page.click("text=保存")
        row = page.locator("tr", has_text="李律师")
        await expect(row).to_contain_text("周一至周五 09:00至17:30；周六 22:00至06:00")
        await picture(page, "roster")
        await page.locator("tr", has_text="qian").locator("text=移出").click()
        await expect(page.locator("tr", has_text="qian")).to_have_count(0)
        await browser.close()
    (kept,) = line.rows("SELECT * FROM agents")
    assert (kept["name"], kept["skills"]) == ("li", '["dialect.zigong", "labour"]')
    did = line.rows("SELECT who, action, subject FROM audit WHERE action LIKE 'roster.%' ORDER BY id")
    assert [" ".join(row.values()) for row in map(dict, did)] == [
        "cli roster.set qian",
        "zhao roster.set li",
        "zhao roster.remove qian",
    ]
    async with httpx.AsyncClient(base_url=line.web) as client:
        assert (await client.get("/api/v1/roster")).status_code == 401
        signed = await client.post("/api/v1/session", json={"name": "li", "password": PASSWORD})
        assert signed.status_code == 200, signed.text
        assert (await client.get("/api/v1/roster")).status_code == 403
        csrf = {"x-csrf-token": signed.json()["csrf"]}
        changed = await client.put("/api/v1/roster/li", json={"cells": {}}, headers=csrf)
        assert changed.status_code == 403
