"""The endpoint over loopback sockets, its media faked: who is answered what."""

import re
import socket
from pathlib import Path

import anyio
import anyio.abc
import pytest

from hotline.conversation import EndCause
from hotline.errors import CallAborted
from hotline.gateway.media import LegEnded
from hotline.gateway.sip.auth import ha1
from hotline.gateway.sip.endpoint import CallRefused, Refusal, SipEndpoint
from hotline.gateway.sip.transport import Unroutable
from hotline.gateway_settings import SipSettings
from tests.fakes.media_engine import FakeMediaEngine
from tests.fakes.sip_line import OFFER, QUICK, SDP, Line, line, peer, settled

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


async def test_answers_go_to_the_source_and_say_so() -> None:
    async with line() as made, peer(made) as caller:
        await caller.send("OPTIONS")
        answer = await caller.next()
        assert answer.startswith("SIP/2.0 200 ")
        assert re.search(
            r"Via: SIP/2.0/UDP 192\.0\.2\.77;branch=z9hG4bKOPTIONS1;rport=\d+;received=127\.0\.0\.1", answer
        )


@pytest.mark.parametrize(
    ("method", "changes", "status"),
    [
        ("INVITE", {"uri": "sip:999@127.0.0.1"}, 404),
        ("INVITE", {"uri": "sip:999@127.0.0.1", "fields": "Max-Forwards: 0\r\n"}, 483),
        ("INVITE", {"uri": "http://127.0.0.1/"}, 416),
        ("INVITE", {"uri": "sip:12348@127.0.0.1?Subject=x"}, 400),
        ("INVITE", {"fields": "Require: 100rel, strange\r\n"}, 420),
        ("INVITE", {"fields": "Content-Type: text/plain\r\n", "body": "hello"}, 415),
        ("INVITE", {"fields": SDP + "Content-Encoding: gzip\r\n", "body": OFFER}, 415),
        ("INVITE", {"fields": SDP + "Accept: text/plain\r\n", "body": OFFER}, 406),
        ("INVITE", {"fields": SDP, "body": "nonsense"}, 400),
        ("INVITE", {"fields": SDP, "body": OFFER.replace("AVP 8", "AVP 18")}, 488),
        ("INVITE", {"fields": "Contact: <sip:second\r\n"}, 200),
        ("INVITE", {"tag": ";tag=unknown"}, 481),
        ("BYE", {"tag": ";tag=unknown"}, 481),
        ("BYE", {}, 481),
        ("CANCEL", {}, 481),
        ("REGISTER", {}, 405),
        ("UPDATE", {}, 481),
        ("FROBNICATE", {}, 501),
        ("OPTIONS", {"uri": "sip:127.0.0.1"}, 200),
        ("OPTIONS", {"fields": "Max-Forwards: 0\r\n"}, 200),
    ],
)
async def test_verdicts(method: str, changes: dict[str, str], status: int) -> None:
    async with line() as made, peer(made) as caller:
        await caller.send(method, **changes)  # type: ignore[arg-type]
        assert await caller.status() == status


async def test_a_whole_call_with_lost_ack_of_a_refusal() -> None:
    async with line("reject_all") as made, peer(made) as caller:
        await caller.send("INVITE", fields=SDP, body=OFFER)
        for _ in range(3):
            assert (await caller.until("SIP/2.0 486"))[8:11] == "486"
        await settled(lambda: made.endpoint.stats.transactions == 0)
        assert made.endpoint.stats.dialogs == 0


async def test_cancel_and_early_bye_both_end_ringing() -> None:
    async with line("let_ring") as made, peer(made) as caller:
        await caller.send("INVITE", fields=SDP, body=OFFER, branch="z9hG4bKsame")
        await caller.until("SIP/2.0 180")
        await caller.send("CANCEL", branch="z9hG4bKsame")
        assert {await caller.status(), await caller.status()} == {200, 487}
        await caller.send("ACK", branch="z9hG4bKsame")
        with pytest.raises(CallAborted):
            await made.calls[0].answer()
        await caller.send("INVITE", fields=SDP, body=OFFER, cseq=5)
        caller.learn(await caller.until("SIP/2.0 180"))
        await caller.send("BYE", cseq=6)
        assert {await caller.status(), await caller.status()} == {200, 487}
        assert made.media.sessions == []
        assert made.endpoint.stats.dialogs == 0


async def test_lost_ack_repeats_200_then_hangs_up() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        seen = 0
        while (text := await caller.next()).startswith("SIP/2.0 200"):
            seen += 1
        assert text.startswith("BYE ")
        assert seen >= 10
        await settled(lambda: made.causes == [EndCause.NO_ACK])
        assert made.media.sessions[0].closed


async def test_bye_waits_for_the_ack() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        made.media.sessions[0].end(EndCause.MEDIA_TIMEOUT)
        await caller.until("SIP/2.0 200")
        await caller.send("ACK", branch="z9hG4bKack")
        assert (await caller.until("BYE ")).startswith("BYE sip:me@127.0.0.1")
        await settled(lambda: made.media.sessions[0].closed > 0)
        assert made.causes == [EndCause.MEDIA_TIMEOUT]


async def test_glare_and_order() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await caller.send("INVITE", cseq=2, fields=SDP, body=OFFER)
        assert "491" in await caller.until("SIP/2.0 491")
        await caller.send("ACK", branch="z9hG4bKack")
        await anyio.sleep(0.05)
        await caller.send("INFO", cseq=2, branch="z9hG4bKold")
        assert "500" in await caller.until("SIP/2.0 500")
        await caller.send("BYE", cseq=3)
        await caller.until("SIP/2.0 200")
        assert made.endpoint.stats.faults == 0


async def test_no_ports_is_503() -> None:
    async with line(ports=0) as made, peer(made) as caller:
        await caller.send("INVITE", fields=SDP, body=OFFER)
        assert "Retry-After: 5" in await caller.until("SIP/2.0 503")
        await settled(lambda: made.causes == [None])


async def test_strangers_are_not_heard() -> None:
    async with line(allow=("192.0.2.0/24",)) as made, peer(made) as caller:
        await caller.send("OPTIONS")
        with anyio.move_on_after(0.2) as scope:
            await caller.next()
        assert scope.cancelled_caught
        assert made.endpoint.stats.ignored_acl == 1
        async with await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as stream:
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_digest_both_ways(tmp_path: Path, transport: str, algorithm: str) -> None:
    users = tmp_path / "users"
    users.write_text(f"trunk:line:{ha1(algorithm, 'trunk', 'line', 'secret')}\n")
    async with line(users_file=users, realm="line") as made:
        for user, password in ((None, None), ("trunk", "wrong"), ("nobody", "secret")):
            with pytest.raises(CallRefused) as refused:
                await made.endpoint.dial(made.uri, transport=transport, username=user, password=password)
            assert refused.value.status == 401
        assert made.calls == []
        leg = await made.endpoint.dial(made.uri, transport=transport, username="trunk", password="secret")
        await leg.hangup()
        await settled(lambda: made.causes == [EndCause.REMOTE_HANGUP])
        await settled(lambda: made.endpoint.stats.dialogs == 0)


async def test_the_caller_is_named_and_the_number_too() -> None:
    async with line() as made:
        leg = await made.endpoint.dial(made.uri, caller="13800001234")
        assert (made.calls[0].remote, made.calls[0].dialled, made.calls[0].channel) == (
            "13800001234",
            "12348",
            "phone",
        )
        await leg.hangup()
        await leg.hangup()


async def test_the_called_side_hangs_up() -> None:
    async with line() as made:
        leg = await made.endpoint.dial(made.uri)
        made.media.sessions[1].end(EndCause.LOCAL_HANGUP)
        seen = [item async for item in leg.inputs()]
        assert seen == [LegEnded(EndCause.REMOTE_HANGUP)]
        await settled(lambda: all(session.closed for session in made.media.sessions))


async def test_taking_a_call_back_cancels_it() -> None:
    async with line("let_ring") as made:
        with anyio.move_on_after(0.2) as scope:
            await made.endpoint.dial(made.uri)
        assert scope.cancelled_caught
        await settled(lambda: made.endpoint.stats.dialogs == 0)
        with pytest.raises(CallAborted):
            await made.calls[0].answer()
        assert all(session.closed for session in made.media.sessions)


@pytest.mark.parametrize("uri", ["sip:a@host.example", "mailto:a@127.0.0.1", "sip:a@127.0.0.1;transport=ws"])
async def test_names_are_not_looked_up(uri: str) -> None:
    async with line() as made:
        with pytest.raises(Unroutable):
            await made.endpoint.dial(uri)
        assert made.media.sessions == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_nobody_there(transport: str) -> None:
    async with line() as made:
        with pytest.raises(CallAborted):
            await made.endpoint.dial("sip:12348@127.0.0.1:9", transport=transport)
        assert made.media.sessions[0].closed


async def test_shutdown_tells_everyone() -> None:
    async with line() as made:
        leg = await made.endpoint.dial(made.uri)
        await made.endpoint.shutdown(2)
        assert [item async for item in leg.inputs()] == [LegEnded(EndCause.SHUTDOWN)]
        assert made.endpoint.stats.dialogs == 0
        with pytest.raises(CallRefused) as refused:
            await made.endpoint.dial(made.uri)
        assert refused.value.status == 503


async def test_a_call_survives_its_lost_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with line() as made:
            await call_and_drop(made, listener)
            assert made.causes == []
            made.media.sessions[0].end(EndCause.LOCAL_HANGUP)
            assert (await anyio.to_thread.run_sync(first_words, listener)).startswith(b"BYE ")


def first_words(listener: socket.socket) -> bytes:
    listener.settimeout(5)
    stream, _ = listener.accept()
    with stream:
        return stream.recv(4_096)


async def call_and_drop(made: Line, listener: socket.socket) -> None:
    """Call over TCP, acknowledge, and lose the connection; Contact names the listener."""
    port = listener.getsockname()[1]
    head = (
        f"Via: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bK%s\r\nFrom: <sip:a@127.0.0.1>;tag=here\r\n"
        f"To: <sip:12348@127.0.0.1>%s\r\nCall-ID: tcp\r\nCSeq: 1 %s\r\n"
        f"Contact: <sip:a@127.0.0.1:{port};transport=tcp>\r\n"
    )
    async with await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as stream:
        text = f"INVITE {made.uri} SIP/2.0\r\n" + head % ("1", "", "INVITE")
        await stream.send(f"{text}{SDP}Content-Length: {len(OFFER)}\r\n\r\n{OFFER}".encode())
        received = ""
        while "SIP/2.0 200" not in received or "a=sendrecv" not in received:
            received += (await stream.receive()).decode()
        found = re.search(r"\r\nTo: [^\r]*(;tag=[^\r;]+)", received.split("SIP/2.0 200")[1])
        assert found is not None
        text = f"ACK {made.uri} SIP/2.0\r\n" + head % ("2", found[1], "ACK")
        await stream.send(f"{text}Content-Length: 0\r\n\r\n".encode())
        await anyio.sleep(0.1)
    await anyio.sleep(0.1)


async def test_streams_are_pinged_and_closed_on_nonsense() -> None:
    async with line() as made, await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as stream:
        await stream.send(b"\r\n\r\n")
        assert await stream.receive() == b"\r\n"
        await stream.send(b"x" * 70_000)
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await stream.receive()


@pytest.mark.parametrize(
    ("method", "fields", "body", "status"),
    [
        ("INFO", "", "", 200),
        ("INFO", "Content-Type: application/dtmf\r\n", "11", 200),
        ("INFO", "Content-Type: application/dtmf-relay\r\n", "signal = d\r\nDuration=90\r\n", 200),
        ("INFO", "Content-Type: application/dtmf\r\n", "twelve", 400),
        ("INFO", "Content-Type: text/plain\r\n", "5", 415),
        ("INFO", "Require: strange\r\n", "", 420),
        ("INFO", 'Require: "open\r\n', "", 400),
        ("OPTIONS", "", "", 200),
        ("PUBLISH", "", "", 405),
        ("FROBNICATE", "", "", 501),
        ("INVITE", SDP, "nonsense", 400),
        ("INVITE", SDP, OFFER.replace("AVP 8", "AVP 18"), 488),
        ("INVITE", "Content-Type: text/plain\r\n", "hello", 415),
        ("INVITE", SDP, OFFER.replace("t=0 0", "t=0 0\r\na=inactive"), 200),
    ],
)
async def test_requests_inside_a_call(method: str, fields: str, body: str, status: int) -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await caller.send("ACK", branch="z9hG4bKack")
        await anyio.sleep(0.02)
        await caller.send(method, cseq=2, fields=fields, body=body)
        while f"CSeq: 2 {method}" not in (answer := await caller.next()) or answer.startswith("SIP/2.0 100"):
            pass
        assert int(answer[8:11]) == status
        assert made.causes == []
        assert made.endpoint.stats.dialogs == 1
        pressed = made.media.sessions[0].pressed
        assert pressed == ({"11": ["#"], "signal = d\r\nDuration=90\r\n": ["D"]}.get(body, []))


async def test_a_fault_of_ours_harms_one_message() -> None:
    media = FakeMediaEngine()

    def broken() -> Refusal | None:
        raise ZeroDivisionError

    async with SipEndpoint.open(SipSettings(port=0), media, admission=broken, timers=QUICK) as endpoint:
        made = Line(endpoint, media)
        with pytest.raises(CallRefused) as refused:
            await endpoint.dial(made.uri)
        assert refused.value.status == 500
        assert endpoint.stats.faults == 1
        async with peer(made) as caller:
            await caller.send("OPTIONS")
            assert await caller.status() == 200
