"""The demonstration unit takes an order once by signed webhook, and works through an in-tray over the API."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest

from workorders.departments_http import HttpDepartments
from workorders.errors import DeliveryFailed
from workorders.ports import Parcel

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef-secret"


def secrets(*_: object) -> tuple[bytes, ...]:
    return (SECRET.encode(),)


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "scripts/demo_unit.py", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"HOTLINE_UNIT_SECRET": SECRET, "PYTHONPATH": str(ROOT)},
    )


def test_a_signed_order_is_taken_once() -> None:
    with start("webhook", "--port", "0") as unit:
        assert unit.stderr is not None
        assert unit.stdout is not None
        try:
            url = unit.stderr.readline().split()[-1]
            parcel = Parcel("u", "d1", json.dumps({"number": "N1"}).encode())
            anyio.run(HttpDepartments({"u": url}, secrets).deliver, parcel)
            anyio.run(HttpDepartments({"u": url}, secrets).deliver, parcel)
            with pytest.raises(DeliveryFailed, match="401"):
                anyio.run(HttpDepartments({"u": url}, lambda *_: (b"another secret",)).deliver, parcel)
            anyio.run(
                HttpDepartments({"u": url}, secrets).deliver,
                Parcel("u", "d2", b'{"number": "N2"}'),
            )
            assert [json.loads(unit.stdout.readline())["number"] for _ in range(2)] == ["N1", "N2"]
        finally:
            unit.terminate()


class Line(BaseHTTPRequestHandler):
    """The API as `hotline.web.units` serves it, with one order in one in-tray."""

    order: ClassVar[dict[str, str]] = {}
    done: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer token-1":
            return self._send(401, {})
        parts = urlsplit(self.path)
        if parts.path.endswith("/orders"):
            wanted = parse_qs(parts.query)["state"][0]
            orders = [self.order] if self.order["state"] == wanted else []
            return self._send(200, {"orders": orders, "next": None})
        return self._send(200, self.order)

    def do_POST(self) -> None:
        form = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        action = self.path.rsplit("/", 1)[1]
        self.order["state"] = {"sign": "signed", "reply": "replied"}[action]
        self.done.append(f"{action}:{form.get('text', '')}")
        self._send(200, {"number": self.order["number"], "state": self.order["state"], "version": 3})

    def log_message(self, *arguments: object) -> None:
        pass

    def _send(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def line() -> Iterator[str]:
    Line.order = {"number": "N1", "state": "dispatched"}
    Line.done = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Line) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_an_in_tray_is_signed_and_answered(line: str) -> None:
    with start("poll", "--url", line, "--token", "token-1", "--answer", "已指派", "--pause", "0.05") as unit:
        assert unit.stderr is not None
        assert unit.stdout is not None
        try:
            assert json.loads(unit.stdout.readline())["number"] == "N1"
            assert [unit.stderr.readline() for _ in range(2)] == ["sign N1: 200\n", "reply N1: 200\n"]
            assert Line.done == ["sign:", "reply:已指派"]
        finally:
            unit.terminate()


def test_a_wrong_token_ends_it_with_the_reason(line: str) -> None:
    with start("poll", "--url", line, "--token", "wrong") as unit:
        _, complaint = unit.communicate(timeout=20)
    assert (unit.returncode, complaint) == (1, "the line refused with 401\n")
