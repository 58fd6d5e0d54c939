"""A stranger's flood of small frames at the page's WebSockets is cut off and holds nobody up."""

import contextlib
import time
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest

from tests.fakes.web_line import make_line, served

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

FLOODS = {
    "pings": b"\x89\x80\0\0\0\0",
    "pongs": b"\x8a\x80\0\0\0\0",
    "empty messages": b"\x81\x80\0\0\0\0",
    "a message without end": b"\x00\x80\0\0\0\0",
}
"""Frames as a browser's would be, masked with zeros."""


@pytest.mark.parametrize("kind", FLOODS)
async def test_small_frames_without_end(kind: str, tmp_path: Path) -> None:
    longest = 0.0

    async def watch() -> None:
        """The most CPU time the loop has spent without a turn for us."""
        nonlocal longest
        while True:
            before = time.thread_time()
            await anyio.lowlevel.checkpoint()
            longest = max(longest, time.thread_time() - before)

    async with served(make_line(tmp_path)) as base, httpx.AsyncClient(base_url=base, timeout=20) as client:
        url = httpx.URL(base)
        stream = await anyio.connect_tcp(url.host, url.port or 80)
        opening = (
            f"GET /api/v1/live HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nOrigin: {str(url).rstrip('/')}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: long={'x' * 2_000}\r\n\r\n"
        )
        await stream.send(opening.encode())
        assert (await stream.receive()).startswith(b"HTTP/1.1 101 ")
        start = b"\x01\x81\0\0\0\0a" if kind == "a message without end" else b""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            with anyio.fail_after(10), contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                await stream.send(start + FLOODS[kind] * 30_000)
                while True:
                    await stream.receive()
            tasks.cancel_scope.cancel()
        assert longest < 0.06
        assert (await client.get("/healthz")).status_code == 200
