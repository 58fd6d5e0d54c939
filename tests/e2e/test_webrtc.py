"""The page /call in Chromium on a real line. From its button to the filed order: `test_line_doors`."""

import os
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest

from tests.e2e.browsers import ANSWERS_FOR_THE_VISITOR, CHROMIUM, opened
from tests.e2e.conftest import StartLine
from tests.e2e.line import SCRIPTED

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]


async def test_hanging_up_muting_and_closing_the_page(start_line: StartLine, brief_flows: Path) -> None:
    from playwright.async_api import expect

    line = start_line(brief_flows, asr__engine=SCRIPTED)
    async with opened(f"{line.web}call", ANSWERS_FOR_THE_VISITOR) as page:
        state = page.locator(".call-state")
        await page.click(".call-go")
        await expect(state).to_have_text("通话中", timeout=10_000)
        await page.click(".call-mute")
        await expect(page.locator(".call-mute")).to_have_text("取消静音")
        await page.click(".call-end")
        await expect(state).to_have_text("通话已结束：您已挂断")
        line.balanced(1)
        await page.click(".call-go")
        await expect(state).to_have_text("通话中", timeout=10_000)
    await anyio.to_thread.run_sync(line.balanced, 2)
    assert {row["cause"] for row in line.rows("SELECT cause FROM legs")} == {"remote_hangup"}


async def test_a_refused_microphone_is_said_and_begins_no_call(
    start_line: StartLine, brief_flows: Path
) -> None:
    from playwright.async_api import expect

    line = start_line(brief_flows, asr__engine=SCRIPTED)
    async with opened(f"{line.web}call", "--deny-permission-prompts") as page:
        await page.click(".call-go")
        await expect(page.locator(".call-state")).to_contain_text("没有麦克风权限")
        await expect(page.locator(".call-go")).to_be_visible()
    assert line.calls() == []
    async with httpx.AsyncClient() as client:
        dressed = await client.get(f"{line.web}call")
        assert "microphone=(self)" in dressed.headers["permissions-policy"]
        assert (
            await client.get(f"{line.web}call", headers={"x-forwarded-for": "192.0.2.1"})
        ).status_code == 404
