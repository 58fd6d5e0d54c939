"""The page /call in Chromium on a real line: from the button to the filed order."""

import json
import os
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import numpy as np
import pytest

from tests.e2e.conftest import StartLine, wav_seconds
from tests.e2e.line import SCRIPTED

CHROMIUM = "/usr/bin/chromium"
GREETING_SECONDS = 13
"""What is said to the caller before it is its turn, with some to spare."""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
)

LISTEN = """
() => {
  window.heard = 0;
  const audio = document.querySelector("audio");
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(audio.srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    window.heard = Math.max(window.heard, ...samples.map(Math.abs));
  }, 20);
}
"""


def microphone(voice: Path, target: Path) -> Path:
    """The voice after the greeting's time of silence, as Chromium plays it into its microphone."""
    with wave.open(str(voice)) as file:
        rate, sound = file.getframerate(), file.readframes(file.getnframes())
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(2 * rate * GREETING_SECONDS) + sound + bytes(2 * rate * 30))
    return target


async def until(page: Any, true: str, seconds: float) -> None:
    """Wait by looking from outside: the page's policy forbids it to evaluate anything itself."""
    with anyio.fail_after(seconds):
        while not await page.evaluate(true):  # noqa: ASYNC110  the page can tell nobody
            await anyio.sleep(0.05)


@asynccontextmanager
async def opened(address: str, *flags: str) -> AsyncIterator[Any]:
    """The page in a browser of a phone's size; fails when a script of it failed."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        page = await browser.new_page(viewport={"width": 412, "height": 800}, locale="zh-CN")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        await page.goto(address)
        yield page
        await browser.close()
        assert problems == []


async def test_a_browser_calls_and_its_message_becomes_an_order(
    start_line: StartLine, brief_flows: Path, demo_voice: Path, tmp_path: Path
) -> None:
    from playwright.async_api import expect

    line = start_line(brief_flows)
    voice = microphone(demo_voice, tmp_path / "microphone.wav")
    flags = ("--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={voice}%noloop")
    async with opened(f"{line.web}call", *flags) as page:
        await page.click(".call-go")
        state = page.locator(".call-state")
        await expect(state).to_have_text("通话中", timeout=10_000)
        await page.evaluate(LISTEN)
        await page.click(".call-keys button:has-text('5')")
        await until(page, "window.heard > 0.05", 10)
        speaking = "document.querySelector('.call-meter meter').value > 0.4"
        await until(page, speaking, GREETING_SECONDS + 10)
        if shot := os.environ.get("CALL_PAGE_SHOT"):
            await page.screenshot(path=shot)
        await expect(state).to_have_text("通话已结束：热线已挂断", timeout=90_000)
    (row,) = line.balanced(1, 40)
    assert (row["channel"], row["dialled"], row["outcome"]) == ("webrtc", "12348", "order_filed")
    assert row["remote"].startswith("web:")
    assert row["digits"] == "5"
    (number,) = json.loads(row["orders"])
    fields = line.fields(number)
    assert (fields["amount"], fields["people"], fields["place"]) == ("186000", "13", "510116")
    recording = line.data / "recordings" / row["recording"]
    assert wav_seconds(recording) > 25
    with wave.open(str(recording)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert (np.abs(samples).max(axis=0) > 3_000).all()
    (leg,) = line.rows("SELECT * FROM legs WHERE call_id = ?", row["id"])
    assert leg["codec"].upper().startswith("OPUS")
    assert leg["lost"] * 100 <= leg["received"]


async def test_hanging_up_muting_and_closing_the_page(start_line: StartLine, brief_flows: Path) -> None:
    from playwright.async_api import expect

    line = start_line(brief_flows, asr__engine=SCRIPTED)
    async with opened(f"{line.web}call", "--use-fake-ui-for-media-stream") as page:
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
