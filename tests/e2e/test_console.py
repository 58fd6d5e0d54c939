"""Two agents in browsers on the whole line: rung, answered, held, reloaded, handed on, rated."""

import json
import os
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from hotline.conversation import CallId
from hotline.store.calls import CallStore
from hotline.store.engine import make_engine
from tests.e2e.browsers import CHROMIUM, FLAGS
from tests.e2e.conftest import StartLine
from tests.e2e.line import LineProcess
from tests.e2e.test_attended import Phone, channels, kinds, loud
from tests.fakes.web_line import intent, record

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.model,
    pytest.mark.anyio,
    pytest.mark.timeout(280),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]
PASSWORD = "a long enough passphrase"
PICTURES = os.environ.get("HOTLINE_PICTURES", "")
"""A folder for screenshots to look at; none are taken without."""


def microphone(voice: Path, target: Path) -> Path:
    """An agent who begins to speak two seconds after the microphone is opened."""
    with wave.open(str(voice)) as file:
        rate, sound = file.getframerate(), file.readframes(file.getnframes())
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(4 * rate) + sound + bytes(2 * rate * 60))
    return target


@asynccontextmanager
async def agent(line: LineProcess, name: str, voice: Path, *, ready: bool = True) -> AsyncIterator[Any]:
    """A signed-in agent's page; fails when a script of it failed."""
    from playwright.async_api import async_playwright, expect

    flags = ("--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={voice}%noloop")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(line.web)
        await page.fill("input[name=name]", name)
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.click("text=签入接听")
        await expect(page.locator(".presence").first).to_contain_text("刚签入")
        if ready:
            await page.keyboard.press("F8")
            await expect(page.locator(".presence-ready").first).to_be_visible()
        try:
            yield page
        finally:
            await browser.close()
        assert problems == []


async def command(line: LineProcess, *arguments: str) -> None:
    done = await anyio.to_thread.run_sync(lambda: line.command(*arguments))
    assert done.returncode == 0, done.stderr


async def picture(page: Any, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png")


async def until(condition: Any, seconds: float, what: str) -> None:
    with anyio.move_on_after(seconds):
        while not await anyio.to_thread.run_sync(condition):  # noqa: ASYNC110  another process
            await anyio.sleep(0.1)
        return
    raise AssertionError(f"not in {seconds} s: {what}")


def earlier_call(line: LineProcess, number: str) -> None:
    """One that is on record when the number calls again."""
    engine = make_engine(f"sqlite:///{line.data / 'hotline.sqlite3'}")
    calls, started = CallStore(engine), datetime.now(UTC) - timedelta(days=3)
    calls.start(CallId("before"), "phone", number, "12348", started)
    calls.save_intent(CallId("before"), intent(), started)
    calls.save(record(CallId("before"), started, None))
    engine.dispose()


async def by_keyboard(page: Any, key: str) -> None:
    """Go to a button by tabs and press it."""
    for _ in range(30):
        if await page.evaluate("document.activeElement?.dataset.key ?? ''") == key:
            await page.keyboard.press("Enter")
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"no way to {key} by the keyboard")


async def test_agents_in_browsers_answer_hold_reload_and_hand_on(
    start_line: StartLine, brief_flows: Path, short_voice: Path, tmp_path: Path
) -> None:
    from playwright.async_api import expect

    line = start_line(brief_flows, acd__wrap_up_s="1", acd__ring_s="5", acd__again_s="4")
    await anyio.to_thread.run_sync(earlier_call, line, "13800001234")
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    for name, display in (("li", "李律师"), ("wang", "王律师")):
        await command(line, "users", "add", name, "--role", "agent", "--password-file", str(secret))
        await command(line, "agents", "set", name, "--display", display)
    voice = microphone(short_voice, tmp_path / "microphone.wav")
    caller = Phone(tmp_path / "caller", "<sip:13800001234@127.0.0.1>;regint=0", short_voice, 34.0)
    async with agent(line, "li", voice) as li, agent(line, "wang", voice) as wang:
        with caller.on(line.uri):
            await expect(li.locator(".offer")).to_be_visible(timeout=40_000)  # idle for longer
            await expect(li.locator(".offer")).to_contain_text("138****1234")
            await expect(wang.locator(".offer")).to_have_count(0)
            await expect(li.locator(".offer")).to_contain_text("九十天内通话 1 次")
            await expect(li.locator(".offer")).to_contain_text("拖欠工资")
            await picture(li, "offer")
            await li.keyboard.press("F4")
            await expect(wang.locator(".offer")).to_be_visible(timeout=3_000)
            await expect(li.locator(".offer")).to_have_count(0)
            await expect(wang.locator(".offer")).to_have_count(0, timeout=8_000)  # wang is not there
            await expect(li.locator(".offer")).to_be_visible(timeout=3_000)
            await li.keyboard.press("F2")
            await expect(li.locator(".talk .hang-up")).to_be_visible(timeout=15_000)
            await expect(li.locator(".line.agent.final").first).to_be_visible(timeout=60_000)
            await li.keyboard.press("F8")
            await expect(li.locator(".phone-hold.on")).to_be_visible()
            await li.keyboard.press("F8")
            await expect(li.locator(".phone-hold.on")).to_have_count(0)
            await li.reload()
            await expect(li.locator(".talk .hang-up")).to_be_visible(timeout=20_000)
            await until(lambda: "reattach" in kinds(line), 20, "the page is back in the talk")
            await expect(li.locator(".line.caller.final").first).to_be_visible(timeout=90_000)
            async with li.expect_response(lambda answer: "/clip" in answer.url) as heard:
                await li.keyboard.press("p")
            assert (await heard.value).status == 200
            await expect(li.locator(".line .now").first).to_be_visible(timeout=10_000)
            await li.keyboard.press(" ")
            await picture(li, "talk")
            await li.keyboard.press("Control+Enter")
            await expect(li.locator(".order .number").first).to_be_visible(timeout=20_000)
            await picture(li, "confirmed")
            await li.keyboard.press("t")
            await expect(li.locator(".others li", has_text="王律师")).to_contain_text("就绪")
            await picture(li, "others")
            await by_keyboard(li, "transfer agent:wang")
            await expect(wang.locator(".offer")).to_be_visible(timeout=20_000)
            await wang.keyboard.press("F2")
            await expect(wang.locator(".talk .hang-up")).to_be_visible(timeout=15_000)
            await expect(li.locator(".talk")).to_have_count(0)
            await picture(wang, "second")
            await wang.keyboard.press("F7")
            await until(lambda: "completeagent" in kinds(line), 20, "the agent has hung up")
            await anyio.sleep(1.0)
            await anyio.to_thread.run_sync(caller.tell, "sndcode", "4")
            await until(lambda: "survey" in kinds(line), 30, "the mark")
            rows = await anyio.to_thread.run_sync(lambda: line.balanced(2, seconds=60))
    row = rows[-1]
    assert row["outcome"] == "order_filed"
    (order,) = line.orders()
    assert (order["matter"], order["source"]) == ("labour.wages", "agent")
    legs = line.rows("SELECT remote FROM legs WHERE speaker = 'agent' ORDER BY started")
    assert [leg["remote"] for leg in legs] == ["li", "li", "wang"]
    (survey,) = line.rows("SELECT * FROM acd_log WHERE kind = 'survey'")
    assert (json.loads(survey["facts"])["score"], survey["agent"]) == (4, "wang")
    assert kinds(line).index("refuse") < kinds(line).index("ringnoanswer") < kinds(line).index("connect")
    assert "hold" in kinds(line)
    assert "transfer" in kinds(line)
    left, right = channels(line.data / "recordings" / row["recording"])
    assert loud(left) > 3
    assert loud(right) > 5
    assert caller.heard_seconds() > 5


async def test_a_browser_that_dies_gives_its_caller_back_and_a_line_that_stops_ends_the_talk(
    start_line: StartLine, brief_flows: Path, short_voice: Path, tmp_path: Path
) -> None:
    from playwright.async_api import expect

    line = start_line(brief_flows, acd__reattach_s="2")
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    for name in ("li", "wang"):
        await command(line, "users", "add", name, "--role", "agent", "--password-file", str(secret))
    voice = microphone(short_voice, tmp_path / "microphone.wav")
    caller = Phone(tmp_path / "caller", "<sip:13800001234@127.0.0.1>;regint=0", short_voice, 5.0)
    async with AsyncExitStack() as stack:
        wang = await stack.enter_async_context(agent(line, "wang", voice, ready=False))
        async with agent(line, "li", voice) as li:
            stack.enter_context(caller.on(line.uri))
            await expect(li.locator(".offer")).to_be_visible(timeout=40_000)
            await li.keyboard.press("F2")
            await expect(li.locator(".talk .hang-up")).to_be_visible(timeout=15_000)
            await wang.keyboard.press("F8")
        await expect(wang.locator(".offer")).to_be_visible(timeout=20_000)
        await wang.keyboard.press("F2")
        await expect(wang.locator(".talk .hang-up")).to_be_visible(timeout=15_000)
        await anyio.sleep(2)
        await anyio.to_thread.run_sync(line.stop)
        (row,) = await anyio.to_thread.run_sync(line.balanced, 1)
    assert (row["outcome"], row["state"]) == ("answered", "closed")
    assert [path.name for path in (line.data / "recordings").iterdir()] == [row["recording"]]
    steps = ["enterqueue", "connect", "completeagent", "requeue", "connect", "completecaller"]
    assert [kind for kind in kinds(line) if kind in {*steps, "abandon"}] == steps
    log = line.rows("SELECT kind, agent, facts FROM acd_log WHERE kind = 'agentlogoff' ORDER BY id")
    assert {each["agent"] for each in log} == {"li", "wang"}
    legs = line.rows("SELECT remote FROM legs WHERE speaker = 'agent' ORDER BY started")
    assert [leg["remote"] for leg in legs] == ["li", "wang"]


async def test_a_supervisor_listens_whispers_and_takes_over(
    start_line: StartLine, brief_flows: Path, short_voice: Path, tmp_path: Path
) -> None:
    from playwright.async_api import expect

    line = start_line(brief_flows, acd__wrap_up_s="1")
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    for name, role in (("li", "agent"), ("zhao", "supervisor")):
        await command(line, "users", "add", name, "--role", role, "--password-file", str(secret))
        await command(line, "agents", "set", name, "--display", name)
    voice = microphone(short_voice, tmp_path / "microphone.wav")
    caller = Phone(tmp_path / "caller", "<sip:13800001234@127.0.0.1>;regint=0", short_voice, 20.0)
    async with agent(line, "li", voice) as li, agent(line, "zhao", voice, ready=False) as zhao:
        await zhao.click("text=现场")
        with caller.on(line.uri):
            await expect(li.locator(".offer")).to_be_visible(timeout=40_000)
            await li.keyboard.press("F2")
            row = zhao.locator(".floor-agent", has_text="li")
            await expect(row.locator("text=监听")).to_be_visible(timeout=15_000)
            await expect(row).to_contain_text("138****1234")
            await row.locator("text=监听").click()
            await expect(zhao.locator(".watching")).to_contain_text("正在监听", timeout=15_000)
            await expect(zhao.locator(".figure-answered b")).to_have_text("1")
            await picture(zhao, "floor")
            await row.locator("text=密语").click()
            await expect(zhao.locator(".watching")).to_contain_text("正在密语")
            await row.locator("text=插话").click()
            await expect(zhao.locator(".watching")).to_contain_text("正在插话")
            zhao.on("dialog", lambda dialog: dialog.accept())
            await row.locator("text=接管").click()
            await expect(zhao.locator(".talk .hang-up")).to_be_visible(timeout=15_000)
            await expect(li.locator(".talk")).to_have_count(0)
            await zhao.keyboard.press("F7")
            await until(lambda: "completeagent" in kinds(line), 20, "the supervisor has hung up")
        await anyio.to_thread.run_sync(lambda: line.balanced(1, seconds=60))
    steps = ["listen", "whisper", "barge", "takeover"]
    assert [kind for kind in kinds(line) if kind in steps] == steps
    audited = line.rows("SELECT action FROM audit WHERE who = 'zhao' AND action LIKE 'call.%' ORDER BY id")
    assert [each["action"] for each in audited] == [f"call.{step}" for step in steps]
