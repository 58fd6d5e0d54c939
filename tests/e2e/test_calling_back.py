"""A caller who will not wait presses 1; an agent takes the order out of the pool and calls back."""

import json
import os
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.e2e.browsers import CHROMIUM
from tests.e2e.conftest import StartLine
from tests.e2e.ears import shares
from tests.e2e.line import SCRIPTED
from tests.e2e.test_attended import kinds
from tests.e2e.test_console import PASSWORD, command, picture, until
from tests.e2e.test_people import TONES, Room, phone

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.model,
    pytest.mark.anyio,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]
NUMBER = "13800000001"


async def test_who_would_not_wait_is_called_back(
    start_line: StartLine, brief_flows: Path, tmp_path: Path
) -> None:
    from playwright.async_api import expect

    called = phone(tmp_path, "second", f"<sip:{NUMBER}@127.0.0.1>;regint=0;answermode=auto")
    trunk = {"name": "outside", "servers": [{"uri": f"sip:127.0.0.1:{called.port}"}], "register": False}
    line = start_line(
        brief_flows,
        asr__engine=SCRIPTED,
        trunks=json.dumps([trunk]),
        outbound__rules=json.dumps([{"pattern": NUMBER}]),
    )
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    await command(line, "users", "add", "li", "--role", "agent", "--password-file", str(secret))
    async with AsyncExitStack() as stack:
        room = Room(line, tmp_path, stack)
        li = await room.staff("li", ready=False)  # on duty, and not free
        caller = phone(tmp_path, "first", f"<sip:{NUMBER}@127.0.0.1>;regint=0")
        with caller.on(line.uri):
            await room.log("enterqueue", 1)
            await anyio.sleep(0.5)
            await anyio.to_thread.run_sync(caller.tell, "sndcode", "1")
            await anyio.to_thread.run_sync(lambda: line.balanced(1, seconds=30))
        (order,) = line.orders()
        assert (order["pool"], json.loads(order["flags"])) == ("open", ["callback"])
        assert order["sign_by"] is not None
        assert order["due_at"] is not None
        await li.click("nav >> text=工单")
        await li.locator(".call-back").click()
        await expect(li.locator(".phone-bar")).to_contain_text("正在回拨", timeout=10_000)
        await anyio.sleep(1)
        await li.keyboard.press("F7")
        await expect(li.locator(".phone-bar")).not_to_contain_text("正在回拨", timeout=15_000)
        await until(lambda: [row["outcome"] for row in line.calls()][1:] == ["unreached"], 20, "its record")
        stack.enter_context(called.on())  # nobody was there; now somebody is
        await anyio.sleep(2)
        await li.locator(".call-back").click()
        await expect(li.locator(".talk .phone-hold")).to_be_visible(timeout=30_000)
        await room.ears["li"].only({"second"})
        await picture(li, "called-back")
        await li.keyboard.press("F7")
        await until(lambda: "completeagent" in kinds(line), 20, "the agent has hung up")
        await anyio.sleep(1)
        await anyio.to_thread.run_sync(called.tell, "sndcode", "5")
        await until(lambda: "survey" in kinds(line), 20, "the mark")
        rows = await anyio.to_thread.run_sync(lambda: line.balanced(3, seconds=30))
    assert [row["outcome"] for row in rows] == ["order_filed", "unreached", "answered"]
    assert {row["channel"] for row in rows[1:]} == {"callback"}
    assert rows[2]["remote"] == NUMBER
    (order,) = line.orders()
    assert (order["holder"], order["held_until"]) == ("li", None), "reached in time"
    assert [row["action"] for row in line.rows(STEPS)] == ["claim", "contact"]
    audited = line.rows("SELECT subject FROM audit WHERE action = 'order.call_back'")
    assert [row["subject"] for row in audited] == [order["number"]] * 2
    assert kinds(line).count("enterqueue") == 1
    heard = [shares(dump, TONES)[0]["li"] for dump in (tmp_path / "second").glob("dump-*-dec.wav")]
    assert max(heard) > 0.3  # the call that was given up may have reached the phone after all, for an instant
    left, right = shares(line.data / "recordings" / rows[2]["recording"], TONES)
    assert left["second"] > 0.3
    assert left["li"] < 0.1
    assert right["li"] > 0.3


STEPS = "SELECT action FROM order_history WHERE action IN ('claim', 'contact') ORDER BY id"
