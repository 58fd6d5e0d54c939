"""JsSIP and SIP.js, unchanged, in Chromium: SIP over WebSocket in, WebRTC media both ways."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import StartLine
from tests.e2e.line import SCRIPTED, free_port
from tests.e2e.test_webrtc import CHROMIUM, FLAGS
from tests.fakes.certificates import make_authority

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(150),
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


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("library", sorted(BUNDLES))
async def test_a_sip_page_calls_the_line(
    library: str, secure: bool, libraries: Path, start_line: StartLine, brief_flows: Path, tmp_path: Path
) -> None:
    from playwright.async_api import Error, async_playwright

    port = free_port(socket.SOCK_STREAM)
    settings = {"sip__ws__port": str(port)}
    if secure:
        papers = make_authority(tmp_path)
        settings = {
            "sip__ws__secure_port": str(port),
            "sip__tls__certificate": str(papers.certificate),
            "sip__tls__key": str(papers.key),
        }
    line = start_line(brief_flows, asr__engine=SCRIPTED, **settings)
    async with async_playwright() as playwright:
        flags = [*FLAGS, "--use-fake-ui-for-media-stream", "--ignore-certificate-errors"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = await browser.new_context(bypass_csp=True)
        page = await context.new_page()
        await page.goto(f"{line.web}call")  # a page of the same host, whose origin the port lets in
        await page.add_script_tag(path=libraries / f"{library}.bundle.js")
        await page.add_script_tag(path=SCRIPTS / "meter.js")
        await page.evaluate(
            (SCRIPTS / f"{library}_call.js").read_text(encoding="utf-8"),
            f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/",
        )
        try:
            await page.wait_for_function("window.events.includes('confirmed')", timeout=15_000)
            await page.wait_for_function("window.heard > 0.05", timeout=15_000)
            await page.evaluate("window.bye()")
            await page.wait_for_function(
                "window.events.some((event) => event.startsWith('ended'))", timeout=5_000
            )
        except Error:
            raise AssertionError(
                await page.evaluate("window.events"), line.log.read_text()[-2_000:]
            ) from None
        (row,) = line.balanced(1)
        await browser.close()
    assert (row["channel"], row["dialled"]) == ("webrtc", "12348")
    (leg,) = line.rows("SELECT * FROM legs WHERE call_id = ?", row["id"])
    assert leg["cause"] == "remote_hangup"
    assert leg["codec"].upper().startswith("OPUS")
