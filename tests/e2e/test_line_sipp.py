"""sipp against the whole line: whatever a caller does, calls placed = records, and no order is doubled."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from typing import Self

import pytest

from tests.e2e.conftest import StartLine
from tests.e2e.line import PCAPS, SCENARIOS, SCRIPTED, LineProcess, Sipp, wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.model,
    pytest.mark.timeout(150),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed"),
]
needs_pcap = pytest.mark.skipif(
    os.geteuid() != 0 or not PCAPS.is_dir(), reason="sending a pcap needs root and sipp's pcap files"
)


@pytest.fixture(scope="module")
def line(session_line: StartLine) -> Iterator[LineProcess]:
    line = session_line(asr__engine=SCRIPTED, media__dead_after_s="60")
    yield line
    line.stop()
    assert "call failed" not in line.log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lost_ack(line: LineProcess) -> Sipp:
    """Takes 32 s (64 × T1), so it runs beside the other tests."""
    return line.sipp("-sf", str(SCENARIOS / "lost_ack.xml"))


class Count:
    """Calls placed so far."""

    placed = 0


@pytest.fixture(scope="module")
def count(line: LineProcess, lost_ack: Sipp) -> Count:
    wait_for(line.calls, 10, "the first call")
    count = Count()
    count.placed = 1  # the one whose ACK is lost
    return count


def others_closed(line: LineProcess, count: Count) -> list[dict[str, object]]:
    """All calls but the one that still waits for its ACK, oldest first, once they are closed."""
    deadline = time.monotonic() + 10
    while True:
        calls = line.calls()
        done = [row for row in calls[1:] if row["state"] == "closed"]
        if len(done) == count.placed - 1 and len(calls) == count.placed:
            return done
        assert time.monotonic() < deadline, [(row["state"], row["detail"]) for row in calls]
        time.sleep(0.05)


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_stock_caller(line: LineProcess, count: Count, transport: str) -> None:
    line.sipp("-sn", "uac", "-t", transport, "-d", "300", calls=5).passed()
    count.placed += 5
    assert {row["detail"] for row in others_closed(line, count)[-5:]} == {"remote_hangup"}


def test_hanging_up_at_once(line: LineProcess, count: Count) -> None:
    line.sipp("-sn", "uac", "-d", "0", calls=5).passed()
    count.placed += 5
    assert {row["outcome"] for row in others_closed(line, count)[-5:]} == {"abandoned"}


@needs_pcap
def test_stock_caller_with_audio_and_a_key(line: LineProcess, count: Count) -> None:
    line.sipp("-sn", "uac_pcap").passed()
    count.placed += 1
    assert others_closed(line, count)[-1]["digits"] == "1"


@pytest.mark.parametrize("scenario", ["early_bye", "reinvite_hold", "retransmitted_invite", "late_offer"])
def test_scenario(line: LineProcess, count: Count, scenario: str) -> None:
    # An answer that comes between two messages sent on end is no mistake; it comes again.
    line.sipp("-sf", str(SCENARIOS / f"{scenario}.xml"), "-default_behaviors", "all,-abortunexp").passed()
    count.placed += 1
    last = others_closed(line, count)[-1]
    assert (last["outcome"], last["detail"]) == ("abandoned", "remote_hangup")


def test_options_is_no_call(line: LineProcess, count: Count) -> None:
    line.sipp("-sf", str(SCENARIOS / "options.xml")).passed()
    others_closed(line, count)


def test_giving_up_while_it_rings(line: LineProcess, count: Count) -> None:
    """CANCEL on the heels of INVITE: whether it crosses the answer or not, one record says how it ended."""
    for name in range(10):
        with RawCaller(line.sip_port, f"cancel{name}") as caller:
            assert caller.invite_and_cancel() in {200, 487}
    count.placed += 10
    details = {str(row["detail"]) for row in others_closed(line, count)[-10:]}
    assert details <= {"cancelled", "remote_hangup"}


@needs_pcap
def test_fifty_callers_at_once(line: LineProcess, count: Count) -> None:
    screen = line.sipp("-sn", "uac_pcap", "-l", "50", "-r", "25", calls=50, seconds=60).passed()
    assert screen
    count.placed += 50
    calls = others_closed(line, count)[-50:]
    assert {row["detail"] for row in calls} == {"remote_hangup"}
    assert all(row["answered"] and row["digits"] == "1" for row in calls)
    legs = line.rows("SELECT received, lost FROM legs ORDER BY started")[-50:]
    assert min(row["received"] for row in legs) > 200  # 236 packets of speech
    assert all(row["consent_at"] is None and row["recording"] is None for row in calls)
    names = {path.name.split(".")[0] for path in (line.data / "recordings").iterdir()}
    assert not names & {row["id"] for row in calls}  # all hung up before the notice was over


def test_a_lost_ack_ends_in_a_record(line: LineProcess, lost_ack: Sipp, count: Count) -> None:
    lost_ack.passed()
    calls = line.balanced(count.placed)
    assert calls[0]["detail"] == "no_ack"
    assert line.orders() == []
    assert line.alive


class RawCaller:
    """A caller by hand, for what no stock tool does."""

    def __init__(self, port: int, name: str) -> None:
        self._port, self._name = port, name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self._here: int = self._socket.getsockname()[1]
        self._tag = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def invite(self) -> tuple[int, str]:
        """Call and acknowledge; returns status and the whole answer."""
        self._send("INVITE", 1)
        return self._settle()

    def invite_and_cancel(self) -> int:
        """Both in one breath; hangs up if the answer was quicker. Returns how the INVITE ended."""
        self._send("INVITE", 1)
        self._send("CANCEL", 1, branch=1)
        status, _ = self._settle()
        if status == 200:
            self.bye()
        return status

    def bye(self) -> None:
        self._send("BYE", 2)
        while "CSeq: 2 BYE" not in self._next():
            pass

    def _settle(self) -> tuple[int, str]:
        while True:
            answer = self._next()
            if (
                answer.startswith("SIP/2.0")
                and not answer.startswith("SIP/2.0 1")
                and "CSeq: 1 INVITE" in answer
            ):
                break
        self._tag = ";tag=" + answer.split("\r\nTo: ")[1].split("\r\n")[0].split(";tag=")[1]
        status = int(answer[8:11])
        self._send("ACK", 1, branch=3 if status == 200 else 1)
        return status, answer

    def _next(self) -> str:
        return self._socket.recv(65_536).decode()

    def _send(self, method: str, cseq: int, branch: int = 0) -> None:
        body = ""
        if method == "INVITE":
            body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            body += f"m=audio {self._here + 1} RTP/AVP 8\r\n"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        name = f"z9hG4bK{self._name}{self._here}x{branch or cseq}"
        text = (
            f"{method} sip:12348@127.0.0.1:{self._port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._here};branch={name}\r\n"
            f"From: <sip:13800001234@127.0.0.1>;tag=here\r\nTo: <sip:12348@127.0.0.1>{self._tag}\r\n"
            f"Call-ID: by-hand-{self._name}-{self._here}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:me@127.0.0.1:{self._here}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._socket.sendto(text.encode(), ("127.0.0.1", self._port))


def test_a_full_house_says_so_and_when_to_try_again(start_line: StartLine) -> None:
    line = start_line(asr__engine=SCRIPTED, limits__calls="2")
    with (
        RawCaller(line.sip_port, "a") as a,
        RawCaller(line.sip_port, "b") as b,
        RawCaller(line.sip_port, "c") as c,
    ):
        assert (a.invite()[0], b.invite()[0]) == (200, 200)
        status, answer = c.invite()
        assert status == 503
        assert "\r\nRetry-After: 10\r\n" in answer
        a.bye()
        with RawCaller(line.sip_port, "d") as d:
            time.sleep(0.5)
            assert d.invite()[0] == 200
            d.bye()
        b.bye()
    line.balanced(3)
