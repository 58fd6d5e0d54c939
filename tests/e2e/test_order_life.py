"""An order's way after the call, on a real line: the unit by REST, the agent in Chromium, to the file."""

import os
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest

from tests.e2e.browsers import CHROMIUM, FLAGS
from tests.e2e.conftest import StartLine
from tests.e2e.line import SCRIPTED, ended
from tests.e2e.test_console import PASSWORD, command, picture, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]


async def test_from_the_units_answer_to_the_archive(
    start_line: StartLine, brief_flows: Path, short_voice: Path, tmp_path: Path
) -> None:
    from playwright.async_api import async_playwright, expect

    line = start_line(brief_flows, asr__engine=SCRIPTED)
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    await command(line, "users", "add", "zhao", "--role", "supervisor", "--password-file", str(secret))
    call = line.call(short_voice, "--caller", "13800001234")
    await anyio.to_thread.run_sync(ended, call, 100)
    await until(lambda: [each["state"] for each in line.orders()] == ["dispatched"], 30, "it is dispatched")
    (order,) = line.orders()
    number, unit = order["number"], order["unit"]
    token = (await anyio.to_thread.run_sync(lambda: line.command("units", "token", unit))).stdout.split()[-1]
    base, headers = f"{line.web}units/v1/orders/{number}/", {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base, headers=headers) as client:
        assert (await client.post("sign", json={"by": "张三"})).status_code == 200
        asked = {"by": "张三", "action": "ask_extension", "days": 3, "text": "待鉴定结论"}
        assert (await client.post("moves", json=asked)).status_code == 200
        assert (await client.post("moves", json=asked)).status_code == 409  # one at a time
        granted = {"by": "张三", "action": "grant_extension"}
        assert (await client.post("moves", json=granted)).status_code == 422  # not a unit's to grant
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        await page.goto(line.web)
        await page.fill("input[name=name]", "zhao")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        moves = page.locator(".moves")
        await expect(moves).to_contain_text("申请延期 3 个工作日", timeout=15_000)
        await moves.locator("text=批准延期").click()
        await expect(moves).not_to_contain_text("申请延期 3 个工作日")
        await moves.locator("summary").click()
        await moves.locator("button:has-text('督办')").click()
        await page.select_option(".move-dialog [name=level]", "orange")
        await page.fill(".move-dialog [name=text]", "来电人多次来电")
        await picture(page, "move")
        await page.click(".move-dialog button.primary")
        await expect(moves).to_contain_text("橙色督办")
        async with httpx.AsyncClient(base_url=base, headers=headers) as client:
            replied = await client.post("reply", json={"by": "张三", "text": "已受理，三日内联系。"})
            assert replied.status_code == 200, replied.text
        await page.reload()
        await page.click(".moves button:has-text('审核通过')")
        await page.click(".moves button:has-text('办结')")  # nobody has asked the caller yet
        await expect(page.locator(".toast-error")).to_contain_text("工单当前状态不能这样操作")
        await page.click(".moves button:has-text('回访')")
        await page.select_option(".move-dialog [name=outcome]", "reached")
        await page.fill(".move-dialog [name=rating]", "5")
        await page.click(".move-dialog button.primary")
        await expect(moves).to_contain_text("回访 1 次，最近：联系上了")
        await page.click(".moves button:has-text('办结')")
        await page.click(".moves button:has-text('归档')")
        await expect(page.locator(".pill.state-archived").first).to_be_visible()
        await picture(page, "archived")
        await browser.close()
    assert problems == []
    assert line.orders()[0]["state"] == "archived"
    sql = "SELECT action FROM order_history WHERE action NOT IN ('file', 'dispatch') ORDER BY id"
    told = [
        "sign",
        "ask_extension",
        "grant_extension",
        "supervise",
        "reply",
        "approve",
        "visit",
        "settle",
        "archive",
    ]
    assert [row["action"] for row in line.rows(sql)] == told
    audited = line.rows("SELECT action FROM audit WHERE who = 'zhao' AND action LIKE 'order.%' ORDER BY id")
    assert [row["action"] for row in audited if row["action"] != "order.read"] == [
        f"order.{each}" for each in told if each not in {"sign", "ask_extension", "reply"}
    ]
