"""Chromium as a caller: our own page, and pages that speak SIP over WebSocket with published libraries."""

import shutil
import subprocess
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from tests.e2e.line import LineProcess

CHROMIUM = "/usr/bin/chromium"
GREETING_SECONDS = 13
"""What is said to the caller of a line with brief prompts before it is its turn, with some to spare."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
)
ANSWERS_FOR_THE_VISITOR = "--use-fake-ui-for-media-stream"
"""The question whether the page may have the microphone is answered yes."""

LIBRARIES = {
    "jssip": 'import it from "jssip"; window.JsSIP = it;',
    "sip.js": 'import * as it from "sip.js"; window.SIP = it;',
}
_PACKAGES = ("jssip@3.13.8", "sip.js@0.21.2", "esbuild@0.25.0")
_SCRIPTS = Path(__file__).parent / "web"

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
CONFIRMED, ENDED = (
    "window.events.includes('confirmed')",
    "window.events.some((event) => event.startsWith('ended'))",
)


def microphone(voice: Path, target: Path, lead_s: float = GREETING_SECONDS) -> str:
    """The flag by which Chromium plays the voice into its microphone, after so many seconds of silence."""
    with wave.open(str(voice)) as file:
        rate, sound = file.getframerate(), file.readframes(file.getnframes())
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(rate * lead_s)) + sound + bytes(2 * rate * 30))
    return f"--use-file-for-fake-audio-capture={target}%noloop"


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


def bundle_libraries(folder: Path) -> Path:
    """The published packages, each bundled into one script. Raises `OSError` or `SubprocessError` where npm
    is missing or has no registry."""
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", *_PACKAGES]
    subprocess.run(npm, cwd=folder, check=True, capture_output=True, timeout=60)
    for name, entry in LIBRARIES.items():
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
    return folder


@asynccontextmanager
async def sip_page(
    line: LineProcess, library: str, libraries: Path, address: str, *flags: str
) -> AsyncIterator[Any]:
    """A page that has begun to call the line with a published SIP library."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        allowed = [*FLAGS, ANSWERS_FOR_THE_VISITOR, "--ignore-certificate-errors", *flags]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=allowed)
        context = await browser.new_context(bypass_csp=True)
        page = await context.new_page()
        await page.goto(f"{line.web}call")  # a page of the same host, whose origin the port lets in
        await page.add_script_tag(path=libraries / f"{library}.bundle.js")
        await page.add_script_tag(path=_SCRIPTS / "meter.js")
        await page.evaluate((_SCRIPTS / f"{library}_call.js").read_text(encoding="utf-8"), address)
        yield page
        await browser.close()


async def seen(page: Any, line: LineProcess, true: str, seconds: float) -> None:
    """Wait until something is true of such a page."""
    from playwright.async_api import Error

    try:
        await page.wait_for_function(true, timeout=1_000 * seconds)
    except Error:
        raise AssertionError(await page.evaluate("window.events"), line.log.read_text()[-2_000:]) from None
