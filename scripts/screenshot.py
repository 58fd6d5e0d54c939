"""Photographs the page for the README: a call with its order, one field and its words lit.

    HOTLINE_SCREENSHOT_PASSWORD=... python scripts/screenshot.py ADDRESS --user NAME --output page.png

The password comes from the environment, so that it stands in no list of processes.
"""

import argparse
import os
import sys
from pathlib import Path

from playwright.sync_api import Error, Page, ViewportSize, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars")
SIZE: ViewportSize = {"width": 1440, "height": 900}
FIELDS_LIT = 4
"""The field to light: one with words behind it, if there are that many."""


def main() -> int:
    """Take the picture; 1 with a message when there is nothing to photograph."""
    parser = argparse.ArgumentParser(description="Photograph the page.")
    parser.add_argument("address")
    parser.add_argument("--user", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to wait for an order")
    asked = parser.parse_args()
    password = os.environ.get("HOTLINE_SCREENSHOT_PASSWORD", "")
    if not password:
        print("HOTLINE_SCREENSHOT_PASSWORD is not set", file=sys.stderr)
        return 1
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            page = browser.new_page(viewport=SIZE, locale="zh-CN", timezone_id="Asia/Shanghai")
            page.set_default_timeout(asked.seconds * 1000)
            photograph(page, asked.address, asked.user, password, asked.output)
            browser.close()
    except Error as error:
        print(f"no picture: {error.message.splitlines()[0]}", file=sys.stderr)
        return 1
    print(asked.output)
    return 0


def photograph(page: Page, address: str, user: str, password: str, output: Path) -> None:
    """Sign in, wait for the order and take the picture."""
    page.goto(address)
    page.fill("input[name=name]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_selector(".order .number")
    page.wait_for_selector(".line.final")
    linked = page.locator(".field.linked")
    if linked.count():
        linked.nth(min(FIELDS_LIT, linked.count()) - 1).click()
    page.wait_for_timeout(600)  # the transcript scrolls to the words
    page.locator(".order-pane").evaluate("(pane) => { pane.scrollTop = 0; }")  # back to the order's number
    output.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(output))


if __name__ == "__main__":
    sys.exit(main())
