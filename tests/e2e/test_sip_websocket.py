"""JsSIP and SIP.js, unchanged, in Chromium: SIP over WebSocket in, WebRTC media both ways.

What is said over secure WebSocket becomes an order in `test_line_doors`.
"""

import os
from pathlib import Path

import pytest

from tests.e2e.browsers import CHROMIUM, CONFIRMED, ENDED, LIBRARIES, seen, sip_page
from tests.e2e.conftest import StartLine
from tests.e2e.line import SCRIPTED
from tests.e2e.ports import free_port
from tests.fakes.certificates import make_authority

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.anyio,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Chromium is not installed"),
]


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


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("library", sorted(LIBRARIES))
async def test_a_sip_page_calls_the_line(
    library: str,
    secure: bool,
    libraries: Path,
    start_line: StartLine,
    brief_flows: Path,
    tmp_path: Path,
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
