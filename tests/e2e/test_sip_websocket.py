"""JsSIP and SIP.js, unchanged, in Chromium: SIP over WebSocket in, WebRTC media both ways."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import StartLine, wav_seconds
from tests.e2e.line import SCRIPTED, LineProcess
from tests.e2e.ports import free_port
from tests.e2e.test_webrtc import CHROMIUM, FLAGS, microphone
from tests.fakes.certificates import make_authority

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

BUNDLES = {
    "jssip": 'import it from "jssip"; window.JsSIP = it;',
    "sip.js": 'import * as it from "sip.js"; window.SIP = it;',
}
PACKAGES = ("jssip@3.13.8", "sip.js@0.21.2", "esbuild@0.25.0")

SCRIPTS = Path(__file__).parent / "web"


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published packages, each bundled into one script."""
    folder = tmp_path_factory.mktemp("npm")
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES]
    try:
        subprocess.run(npm, cwd=folder, check=True, capture_output=True, timeout=60)
        for name, entry in BUNDLES.items():
            (folder / "entry.js").write_text(entry, encoding="utf-8")
            subprocess.run(
                [
                    "node_modules/.bin/esbuild",
                    "entry.js",
                    "--bundle",
                    "--format=iife",
                    "--define:global=window",
                    f"--outfile={name}",
                ],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=30,
            )
            shutil.move(folder / name, folder / f"{name}.bundle.js")
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"npm cannot fetch JsSIP and SIP.js: {type(error).__name__}")
    return folder


def doors(secure: bool, folder: Path) -> tuple[dict[str, str], str]:
    """Settings of a line with a WebSocket door, and the door's address."""
    port = free_port()
    if not secure:
        return {"sip__ws__port": str(port)}, f"ws://127.0.0.1:{port}/"
    papers = make_authority(folder)
    settings = {
        "sip__ws__secure_port": str(port),
        "sip__tls__certificate": str(papers.certificate),
        "sip__tls__key": str(papers.key),
    }
    return settings, f"wss://127.0.0.1:{port}/"


@asynccontextmanager
async def sip_page(
    line: LineProcess, library: str, libraries: Path, address: str, *flags: str
) -> AsyncIterator[Any]:
    """A page that has begun to call the line with a published SIP library."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        allowed = [*FLAGS, "--use-fake-ui-for-media-stream", "--ignore-certificate-errors", *flags]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=allowed)
        context = await browser.new_context(bypass_csp=True)
        page = await context.new_page()
        await page.goto(f"{line.web}call")  # a page of the same host, whose origin the port lets in
        await page.add_script_tag(path=libraries / f"{library}.bundle.js")
        await page.add_script_tag(path=SCRIPTS / "meter.js")
        await page.evaluate((SCRIPTS / f"{library}_call.js").read_text(encoding="utf-8"), address)
        yield page
        await browser.close()


async def seen(page: Any, line: LineProcess, true: str, seconds: float) -> None:
    """Wait until something is true of the page."""
    from playwright.async_api import Error

    try:
        await page.wait_for_function(true, timeout=1_000 * seconds)
    except Error:
        raise AssertionError(await page.evaluate("window.events"), line.log.read_text()[-2_000:]) from None


CONFIRMED, ENDED = (
    "window.events.includes('confirmed')",
    "window.events.some((event) => event.startsWith('ended'))",
)


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("library", sorted(BUNDLES))
async def test_a_sip_page_calls_the_line(
    library: str, secure: bool, libraries: Path, start_line: StartLine, brief_flows: Path, tmp_path: Path
) -> None:
    settings, address = doors(secure, tmp_path)
    line = start_line(brief_flows, asr__engine=SCRIPTED, **settings)
    async with sip_page(line, library, libraries, address) as page:
        await seen(page, line, CONFIRMED, 15)
        await seen(page, line, "window.heard > 0.05", 15)
        await page.evaluate("window.bye()")
        await seen(page, line, ENDED, 5)
        (row,) = line.balanced(1)
    assert (row["channel"], row["dialled"]) == ("webrtc", "12348")
    (leg,) = line.rows("SELECT * FROM legs WHERE call_id = ?", row["id"])
    assert leg["cause"] == "remote_hangup"
    assert leg["codec"].upper().startswith("OPUS")


@pytest.mark.model
async def test_what_is_said_over_secure_websocket_becomes_an_order(
    libraries: Path, start_line: StartLine, brief_flows: Path, demo_voice: Path, tmp_path: Path
) -> None:
    settings, address = doors(True, tmp_path)
    line = start_line(brief_flows, **settings)
    voice = microphone(demo_voice, tmp_path / "microphone.wav")
    sound = f"--use-file-for-fake-audio-capture={voice}%noloop"
    async with sip_page(line, "jssip", libraries, address, sound) as page:
        await seen(page, line, CONFIRMED, 15)
        await seen(page, line, ENDED, 90)  # by the line, when the message is over
        (row,) = line.balanced(1, 40)
    assert (row["channel"], row["dialled"], row["outcome"]) == ("webrtc", "12348", "order_filed")
    (number,) = json.loads(row["orders"])
    fields = line.fields(number)
    assert (fields["amount"], fields["people"], fields["place"]) == ("186000", "13", "510116")
    assert wav_seconds(line.data / "recordings" / row["recording"]) > 25
