"""A gateway out of file descriptors: the call in progress goes on, and later ones are taken again."""

import contextlib
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

LIMIT = 48


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, str(Path(__file__).with_name("gateway_child.py")), str(LIMIT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def said(process: "subprocess.Popen[str]", seconds: float = 20) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    assert ready, "the gateway says nothing"
    return process.stdout.readline().strip()


class Caller:
    """One call by hand over UDP."""

    def __init__(self, port: int, name: str) -> None:
        self._name, self._port, self._tag = name, port, ""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self._here = int(self._socket.getsockname()[1])

    def send(self, method: str, cseq: int, body: str = "") -> None:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._socket.sendto(
            (
                f"{method} sip:12348@127.0.0.1:{self._port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{self._here};branch=z9hG4bK{self._name}{method}{cseq}\r\n"
                f"From: <sip:me@127.0.0.1>;tag={self._name}\r\nTo: <sip:12348@127.0.0.1>{self._tag}\r\n"
                f"Call-ID: {self._name}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
                f"Contact: <sip:me@127.0.0.1:{self._here}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
            ("127.0.0.1", self._port),
        )

    def final(self) -> int:
        """The next final status."""
        while True:
            answer = self._socket.recv(4_096).decode()
            if answer.startswith("SIP/2.0 ") and answer[8] != "1":
                if not self._tag:
                    self._tag = ";tag=" + answer.split("\r\nTo: ")[1].split("\r\n")[0].split(";tag=")[1]
                return int(answer[8:11])

    def invite(self) -> int:
        body = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {(self._here | 1) + 1} RTP/AVP 8\r\n"
        )
        self.send("INVITE", 1, body)
        status = self.final()
        self.send("ACK", 1)
        return status

    def close(self) -> None:
        self._socket.close()


def test_out_of_descriptors_and_back(child: "subprocess.Popen[str]") -> None:
    port = int(said(child))
    first, second, third = (Caller(port, name) for name in ("first", "second", "third"))
    assert first.invite() == 200
    assert said(child) == "answered"
    crowd = []
    for _ in range(2 * LIMIT):
        stream = socket.socket()
        stream.settimeout(1)
        with contextlib.suppress(OSError):  # when the listener's own queue is full too
            stream.connect(("127.0.0.1", port))
        crowd.append(stream)
    time.sleep(0.5)
    assert second.invite() == 503  # there is no socket for its sound
    assert said(child) == "refused"
    first.send("OPTIONS", 2)
    assert first.final() == 200
    for stream in crowd:
        stream.close()
    assert third.invite() == 200
    assert said(child) == "answered"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        stream.sendall(
            f"OPTIONS sip:12348@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKt\r\n"
            "From: <sip:me@127.0.0.1>;tag=t\r\nTo: <sip:12348@127.0.0.1>\r\nCall-ID: t\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert stream.recv(4_096).startswith(b"SIP/2.0 200")
    first.send("BYE", 3)
    assert first.final() == 200
    assert said(child) == "ended"
    assert child.poll() is None
    for caller in (first, second, third):
        caller.close()
