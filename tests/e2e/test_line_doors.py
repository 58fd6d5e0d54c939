"""A call by each way in (UDP, TCP, TLS with SRTP, SIP over secure WebSocket, WebRTC) goes through the whole
line, real recogniser included, to a filed and dispatched order."""

import json
import os
import wave
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest

from tests.e2e.browsers import (
    ANSWERS_FOR_THE_VISITOR,
    CHROMIUM,
    CONFIRMED,
    ENDED,
    LISTEN,
    microphone,
    opened,
    seen,
    sip_page,
    until,
)
from tests.e2e.conftest import StartLine, wav_seconds
from tests.e2e.line import LineProcess, ended, wait_for
from tests.e2e.ports import free_port
from tests.fakes.certificates import make_authority

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(400)]

PHONES = {"udp": "13811112222", "tcp": "13833334444", "tls": "13855556666"}
PAGES = {"wss": "visitor", "webrtc": "web:"}
"""Who calls, by what its record says of it."""
KEY = "5"
"""What the caller on our page presses."""


@dataclass
class Doors:
    """A line with all its doors open, at which somebody has called by each of them."""

    line: LineProcess
    missing: dict[str, str]
    """Ways that cannot be tried on this machine, and why."""

    def call(self, way: str) -> dict[str, Any]:
        """The record of the call that came this way."""
        if way in self.missing:
            pytest.skip(self.missing[way])
        who = {**PHONES, **PAGES}[way]
        (row,) = [row for row in self.line.calls() if who in row["remote"]]
        return row


@pytest.fixture(scope="module")
def doors(
    session_line: StartLine,
    brief_flows: Path,
    demo_voice: Path,
    workshop: Path,
    request: pytest.FixtureRequest,
) -> Doors:
    """Two call at a time: that is what two cores recognise without falling behind."""
    tls, wss = free_port(), free_port()
    (workshop / "doors").mkdir()
    papers = make_authority(workshop / "doors")
    line = session_line(
        brief_flows,
        sip__tls__port=str(tls),
        sip__tls__certificate=str(papers.certificate),
        sip__tls__key=str(papers.key),
        sip__ws__secure_port=str(wss),
    )
    made = Doors(line, {})
    flag = microphone(demo_voice, workshop / "doors/microphone.wav")
    secure = ("--to", f"sip:12348@127.0.0.1:{tls};transport=tls", "--srtp", "--ca", str(papers.authority))
    ways: dict[str, Callable[[], Awaitable[None]]] = {
        way: partial(phone_calls, line, demo_voice, way, *(secure if way == "tls" else ())) for way in PHONES
    }
    if os.path.exists(CHROMIUM):
        ways["webrtc"] = partial(our_page_calls, line, flag)
        try:
            libraries = request.getfixturevalue("libraries")
            ways["wss"] = partial(sip_page_calls, line, f"wss://127.0.0.1:{wss}/", libraries, flag)
        except pytest.skip.Exception as missing:
            made.missing["wss"] = str(missing)
    else:
        made.missing.update(dict.fromkeys(PAGES, "Chromium is not installed"))

    async def all_call() -> None:
        at_once = anyio.Semaphore(2)
        async with anyio.create_task_group() as tasks:
            for place in ways.values():
                tasks.start_soon(one_calls, place, at_once)

    async def one_calls(place: Callable[[], Awaitable[None]], at_once: anyio.Semaphore) -> None:
        async with at_once:
            await place()

    anyio.run(all_call)
    wait_for(lambda: all(row["state"] == "closed" for row in line.calls()), 20, "every record is closed")
    return made


async def phone_calls(line: LineProcess, voice: Path, way: str, *options: str) -> None:
    """`hotline call` over a SIP transport, until the line has hung up."""
    call = line.call(voice, "--transport", way, "--caller", PHONES[way], *options)
    await anyio.to_thread.run_sync(ended, call, 120)


async def sip_page_calls(line: LineProcess, secure: str, libraries: Path, flag: str) -> None:
    """JsSIP over secure WebSocket, until the line has hung up."""
    async with sip_page(line, "jssip", libraries, secure, flag) as page:
        await seen(page, line, CONFIRMED, 15)
        await seen(page, line, "window.heard > 0.05", 15)
        await seen(page, line, ENDED, 100)


async def our_page_calls(line: LineProcess, flag: str) -> None:
    """From the button of /call to the word that the line has hung up; it hears the line and presses a key."""
    from playwright.async_api import expect

    async with opened(f"{line.web}call", ANSWERS_FOR_THE_VISITOR, flag) as page:
        await page.click(".call-go")
        state = page.locator(".call-state")
        await expect(state).to_have_text("通话中", timeout=10_000)
        await page.evaluate(LISTEN)
        await page.click(f".call-keys button:has-text('{KEY}')")
        await until(page, "window.heard > 0.05", 10)
        await until(page, "document.querySelector('.call-meter meter').value > 0.4", 30)
        if shot := os.environ.get("CALL_PAGE_SHOT"):
            await page.screenshot(path=shot)
        await expect(state).to_have_text("通话已结束：热线已挂断", timeout=100_000)


each = pytest.mark.parametrize("way", [*PHONES, *PAGES])


@each
def test_what_is_said_becomes_a_dispatched_order(doors: Doors, way: str) -> None:
    row = doors.call(way)
    assert (row["outcome"], row["detail"], row["dialled"]) == ("order_filed", "local_hangup", "12348")
    (number,) = json.loads(row["orders"])
    fields = doors.line.fields(number)
    assert (fields["amount"], fields["people"], fields["place"]) == ("186000", "13", "510116")
    wanted = ("labour.wages", "510116", "legal_aid-510116", "dispatched")

    def filed() -> bool:
        (order,) = doors.line.rows("SELECT * FROM work_orders WHERE number = ?", number)
        return (order["matter"], order["district"], order["unit"], order["state"]) == wanted

    wait_for(filed, 10, f"{number} is dispatched")


@each
def test_both_sides_are_recorded_and_how_it_came_is_known(doors: Doors, way: str) -> None:
    row = doors.call(way)
    recording = doors.line.data / "recordings" / row["recording"]
    assert wav_seconds(recording) > 25
    with wave.open(str(recording)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert (np.abs(samples).max(axis=0) > 3_000).all()
    (leg,) = doors.line.rows("SELECT * FROM legs WHERE call_id = ?", row["id"])
    assert row["channel"] == ("phone" if way in PHONES else "webrtc")
    assert leg["codec"].upper().startswith("PCM" if way in PHONES else "OPUS")
    assert leg["received"] > 50 * wav_seconds(recording) * 0.8
    assert 1.0 < leg["mos"] <= 4.5
    assert (row["digits"] or "") == (KEY if way == "webrtc" else "")


def test_nothing_went_wrong_that_nobody_noticed(doors: Doors) -> None:
    assert "Traceback" not in doors.line.log.read_text(encoding="utf-8")
    assert len(doors.line.orders()) == len(doors.line.calls()) >= len(PHONES)
