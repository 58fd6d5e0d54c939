"""SIP over TLS and WebSocket, and streams that mean no good."""

import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from hotline.conversation import EndCause
from hotline.errors import CallAborted, ConfigError
from hotline.gateway.sip import streams
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway_settings import SipSettings, TlsSettings, WsSettings
from tests.fakes.certificates import Papers, make_authority
from tests.fakes.media_engine import FakeMediaEngine
from tests.fakes.sip_line import OFFER, QUICK, line, settled

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

SIP = [Subprotocol("sip")]


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return make_authority(tmp_path)


def tls(papers: Papers, **more: Any) -> TlsSettings:
    return TlsSettings(port=0, certificate=papers.certificate, key=papers.key, trust=papers.authority, **more)


@asynccontextmanager
async def client(**settings: Any) -> AsyncIterator[SipEndpoint]:
    sip = SipSettings(port=0, **settings)
    async with SipEndpoint.open(sip, FakeMediaEngine(10), timers=QUICK) as endpoint:
        yield endpoint


def message(method: str, transport: str, *, fields: str = "", body: str = "", call: str = "c1") -> str:
    return (
        f"{method} sip:12348@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} df7jal23ls0d.invalid;branch=z9hG4bK{method}{call}\r\n"
        f"From: <sip:me@invalid>;tag=here\r\nTo: <sip:12348@127.0.0.1>\r\nCall-ID: {call}\r\n"
        f"CSeq: 1 {method}\r\nContact: <sip:me@df7jal23ls0d.invalid;transport=ws>\r\n"
        f"{fields}Content-Length: {len(body)}\r\n\r\n{body}"
    )


async def test_call_over_tls(papers: Papers) -> None:
    async with line(tls=tls(papers)) as made, client(tls=TlsSettings(trust=papers.authority)) as caller:
        port = made.endpoint.ports["TLS"]
        leg = await caller.dial(f"sip:12348@127.0.0.1:{port}", transport="tls")
        assert made.endpoint.stats.tls == 1
        await leg.hangup()
        await settled(lambda: made.causes == [EndCause.REMOTE_HANGUP])


async def test_sips_gets_a_sips_contact_and_never_leaves_tls(papers: Papers) -> None:
    async with line(tls=tls(papers)) as made, client(tls=TlsSettings(trust=papers.authority)) as caller:
        leg = await caller.dial(f"sips:12348@127.0.0.1:{made.endpoint.ports['TLS']}")
        assert leg.dialog.target.startswith("sips:")
        await leg.hangup()
        await settled(lambda: made.causes == [EndCause.REMOTE_HANGUP])
        assert made.endpoint.stats.tcp == 0


async def test_stranger_s_certificate_is_not_believed(papers: Papers, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with line(tls=tls(papers)) as made:
        port = made.endpoint.ports["TLS"]
        async with client(tls=TlsSettings(trust=make_authority(other).authority)) as caller:
            with pytest.raises(CallAborted):
                await caller.dial(f"sip:12348@127.0.0.1:{port}", transport="tls")
        async with client(tls=TlsSettings(verify_peers=False)) as caller:
            await (await caller.dial(f"sip:12348@127.0.0.1:{port}", transport="tls")).hangup()


async def test_client_certificates(papers: Papers) -> None:
    asked = tls(papers, client_ca=papers.authority, require_client=True)
    async with line(tls=asked) as made:
        uri = f"sip:12348@127.0.0.1:{made.endpoint.ports['TLS']}"
        async with client(tls=TlsSettings(trust=papers.authority)) as caller:
            with pytest.raises(CallAborted):
                await caller.dial(uri, transport="tls")
        ours = TlsSettings(trust=papers.authority, certificate=papers.client, key=papers.client_key)
        async with client(tls=ours) as caller:
            await (await caller.dial(uri, transport="tls")).hangup()


async def test_certificate_is_renewed_without_a_restart(papers: Papers, tmp_path: Path) -> None:
    async with line(tls=tls(papers)) as made:
        port, sockets = made.endpoint.ports["TLS"], made.endpoint._signalling._sockets
        before = await anyio.to_thread.run_sync(ssl.get_server_certificate, ("127.0.0.1", port))
        assert not sockets.renew_now()
        fresh = tmp_path / "fresh"
        fresh.mkdir()
        new = make_authority(fresh)
        papers.key.write_bytes(b"rubbish")
        assert not sockets.renew_now()
        assert before == await anyio.to_thread.run_sync(ssl.get_server_certificate, ("127.0.0.1", port))
        papers.key.write_bytes(new.key.read_bytes())
        papers.certificate.write_bytes(new.certificate.read_bytes())
        assert sockets.renew_now()
        after = await anyio.to_thread.run_sync(ssl.get_server_certificate, ("127.0.0.1", port))
        assert after == new.certificate.read_text()


@pytest.mark.parametrize("wrong", ["missing", "rubbish", "old", "pair"])
async def test_unusable_certificate_is_a_clear_error(papers: Papers, tmp_path: Path, wrong: str) -> None:
    if wrong == "missing":
        papers.certificate.unlink()
    elif wrong == "rubbish":
        papers.certificate.write_text("rubbish")
    elif wrong == "old":
        papers = make_authority(tmp_path, days=-1)
    else:
        papers.key.write_bytes(papers.client_key.read_bytes())
    with pytest.raises(ConfigError, match=r"sip\.tls\.certificate"):
        async with line(tls=tls(papers)):
            pass


async def test_call_over_websocket() -> None:
    async with line(ws=WsSettings(port=0)) as made:
        port = made.endpoint.ports["WS"]
        async with connect(f"ws://127.0.0.1:{port}", subprotocols=SIP) as socket:
            assert socket.subprotocol == "sip"
            sdp = "Content-Type: application/sdp\r\n"
            await socket.send(message("INVITE", "WS", fields=sdp, body=OFFER))
            answers: list[str] = []
            with anyio.fail_after(5):
                while not answers or not answers[-1].startswith("SIP/2.0 200"):
                    answers.append(str(await socket.recv()))
            assert ";transport=ws>" in answers[-1]
            assert f"Contact: <sip:hotline@127.0.0.1:{port};" in answers[-1]
            to = next(row for row in answers[-1].split("\r\n") if row.startswith("To: "))
            ack = message("ACK", "WS").replace("To: <sip:12348@127.0.0.1>", to)
            await socket.send(ack.encode())  # binary is as good
            assert made.endpoint.stats.ws == 1
            made.media.sessions[0].end(EndCause.LOCAL_HANGUP)
            with anyio.fail_after(5):
                bye = str(await socket.recv())
            # The Contact is no address: the BYE comes over the flow.
            assert bye.startswith("BYE sip:me@df7jal23ls0d.invalid;transport=ws SIP/2.0")
            assert f"Via: SIP/2.0/WS 127.0.0.1:{port};" in bye
        await settled(lambda: made.endpoint.stats.ws == 0)


async def test_call_over_secure_websocket(papers: Papers) -> None:
    trusted = ssl.create_default_context(cafile=str(papers.authority))
    settings = TlsSettings(certificate=papers.certificate, key=papers.key)
    async with line(tls=settings, ws=WsSettings(secure_port=0)) as made:
        port = made.endpoint.ports["WSS"]
        async with connect(f"wss://127.0.0.1:{port}", subprotocols=SIP, ssl=trusted) as socket:
            await socket.send(message("OPTIONS", "WSS"))
            with anyio.fail_after(5):
                assert str(await socket.recv()).startswith("SIP/2.0 200")
            await socket.send("\r\n\r\n")
            assert await socket.recv() in {"\r\n", b"\r\n"}


async def test_who_may_not_open_a_websocket() -> None:
    async with line(ws=WsSettings(port=0, origins=("https://hotline.example.cn",))) as made:
        uri = f"ws://127.0.0.1:{made.endpoint.ports['WS']}"
        for subprotocols, origin in (
            (None, None),
            ([Subprotocol("chat")], None),
            (SIP, "https://evil.example"),
        ):
            with pytest.raises(InvalidStatus):
                async with connect(uri, subprotocols=subprotocols, origin=Origin(origin) if origin else None):
                    pass
        async with connect(uri, subprotocols=SIP, origin=Origin("https://hotline.example.cn")):
            pass
        assert made.endpoint.stats.ws_refused == 3


async def test_page_of_this_host_may_connect_by_default() -> None:
    async with line(ws=WsSettings(port=0)) as made:
        uri = f"ws://127.0.0.1:{made.endpoint.ports['WS']}"
        async with connect(uri, subprotocols=SIP, origin=Origin("http://127.0.0.1:8348")):
            pass
        with pytest.raises(InvalidStatus):
            async with connect(uri, subprotocols=SIP, origin=Origin("http://evil.example")):
                pass


async def test_hostile_frames_leave_others_alone() -> None:
    async with line(ws=WsSettings(port=0)) as made:
        uri = f"ws://127.0.0.1:{made.endpoint.ports['WS']}"
        for rubbish in ("", "x", b"\xff\xfe" * 500, "INVITE\r\n" * 2_000, message("INVITE", "WS")[:50]):
            async with connect(uri, subprotocols=SIP) as socket:
                await socket.send(rubbish)
        async with connect(uri, subprotocols=SIP) as socket:
            await socket.send(b"a" * 70_000)
            with contextlib.suppress(Exception):
                await socket.recv()
            assert socket.close_code == 1009
        async with connect(uri, subprotocols=SIP) as socket:
            await socket.send(message("OPTIONS", "WS"))
            assert str(await socket.recv()).startswith("SIP/2.0 200")
        assert made.endpoint.stats.faults == 0


FLOODS = {
    "pings": b"\x89\x80\0\0\0\0",
    "keep-alives": b"\x81\x84\0\0\0\0\r\n\r\n",
    "empty messages": b"\x81\x80\0\0\0\0",
    "a message without end": b"\x00\x80\0\0\0\0",
}
"""Frames as a browser's would be, masked with zeros."""


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_small_frames_is_cut_and_holds_nobody_up(kind: str) -> None:
    """Tens of thousands of frames come with one reading, and each costs us far more than it costs to send."""
    longest = 0.0

    async def watch() -> None:
        """The most CPU time the loop has spent without a turn for us."""
        nonlocal longest
        while True:
            before = time.thread_time()
            await anyio.lowlevel.checkpoint()
            longest = max(longest, time.thread_time() - before)

    async with line(ws=WsSettings(port=0)) as made:
        port = made.endpoint.ports["WS"]
        stream = await anyio.connect_tcp("127.0.0.1", port)
        await stream.send(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: sip\r\n\r\n"
        )
        assert (await stream.receive()).startswith(b"HTTP/1.1 101 ")
        start = b"\x01\x81\0\0\0\0a" if kind == "a message without end" else b""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            with contextlib.suppress(anyio.BrokenResourceError):
                await stream.send(start + FLOODS[kind] * 30_000)
            await _closed(stream)
            tasks.cancel_scope.cancel()
        assert made.endpoint.stats.streams_cut == 1
        assert longest < 0.06
        async with connect(f"ws://127.0.0.1:{port}", subprotocols=SIP) as socket:
            await socket.send(message("OPTIONS", "WS"))
            assert str(await socket.recv()).startswith("SIP/2.0 200")
        await settled(lambda: made.endpoint.stats.ws == 0)


async def test_a_flood_of_keep_alives_is_cut() -> None:
    async with line() as made, await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as stream:
        await stream.send(b"\r\n\r\n" * 30)
        heard = b""
        while len(heard) < 60:
            heard += await stream.receive()
        with contextlib.suppress(anyio.BrokenResourceError):
            await stream.send(b"\r\n\r\n" * 60_000)
        await _closed(stream)
        assert made.endpoint.stats.streams_cut == 1


async def test_a_long_message_over_websocket_comes_whole() -> None:
    """It is read in many turns of the loop."""
    async with line(ws=WsSettings(port=0)) as made:
        uri = f"ws://127.0.0.1:{made.endpoint.ports['WS']}"
        async with connect(uri, subprotocols=SIP) as socket:
            for number in range(20):
                await socket.send(message("OPTIONS", "WS", call=f"c{number}", fields="X: y\r\n" * 150 + ""))
            for _ in range(20):
                assert str(await socket.recv()).startswith("SIP/2.0 200")


async def _closed(stream: anyio.abc.SocketStream) -> None:
    with anyio.fail_after(5), contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            await stream.receive()


async def test_a_message_that_trickles_in_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MESSAGE_SECONDS", 0.3)
    async with line() as made, await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as stream:
        text = message("OPTIONS", "TCP")
        for char in text[:8]:
            await stream.send(char.encode())
            await anyio.sleep(0.03)
        await _closed(stream)
        assert made.endpoint.stats.streams_cut == 1


async def test_many_messages_at_once_are_all_answered() -> None:
    count = 60
    async with line() as made, await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as stream:
        everything = "".join(message("OPTIONS", "TCP", call=f"c{number}") for number in range(count))
        await stream.send(everything.encode())
        heard = b""
        with anyio.fail_after(5):
            while heard.count(b"SIP/2.0 200") < count:
                heard += await stream.receive()


async def test_streams_of_one_address_are_counted() -> None:
    async with line(connections_per_source=3) as made:
        kept = [await anyio.connect_tcp("127.0.0.1", made.endpoint.port) for _ in range(3)]
        await settled(lambda: made.endpoint.stats.tcp == 3)
        async with await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as fourth:
            await _closed(fourth)
        assert made.endpoint.stats.streams_refused == 1
        await kept.pop().aclose()
        await settled(lambda: made.endpoint.stats.tcp == 2)
        async with await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as again:
            await again.send(message("OPTIONS", "TCP").encode())
            with anyio.fail_after(5):
                assert (await again.receive()).startswith(b"SIP/2.0 200")
        for stream in kept:
            await stream.aclose()


async def test_churn_leaves_nothing_behind(papers: Papers) -> None:
    import psutil

    async with line(tls=tls(papers), connections_per_source=1_000) as made:
        process, context = psutil.Process(), ssl.create_default_context(cafile=str(papers.authority))

        async def once(port: int, secure: bool) -> None:
            with contextlib.suppress(OSError, anyio.EndOfStream, anyio.BrokenResourceError):
                if secure:
                    await (await anyio.connect_tcp("127.0.0.1", port, ssl_context=context)).aclose()
                else:
                    await (await anyio.connect_tcp("127.0.0.1", port)).aclose()

        await once(made.endpoint.ports["TLS"], True)
        before = process.num_fds()
        for _ in range(10):
            async with anyio.create_task_group() as tasks:
                for number in range(20):
                    secure = bool(number % 2)
                    tasks.start_soon(once, made.endpoint.ports["TLS" if secure else "TCP"], secure)
        await settled(lambda: made.endpoint.stats.tcp == made.endpoint.stats.tls == 0)
        await settled(lambda: process.num_fds() <= before)


async def test_stun_on_the_sip_port() -> None:
    from hotline.gateway.sip.stun import COOKIE

    async with (
        line() as made,
        await anyio.create_connected_udp_socket("127.0.0.1", made.endpoint.port) as socket,
    ):
        await socket.send(b"\0\1\0\0" + COOKIE.to_bytes(4, "big") + bytes(12))
        with anyio.fail_after(5):
            assert (await socket.receive())[:2] == b"\1\1"
        assert made.endpoint.stats.stun == 1


async def test_sips_in_clear_is_refused() -> None:
    """It came over a way that others can read (RFC 3261 §26.2.2)."""
    async with (
        line(ws=WsSettings(port=0)) as made,
        await anyio.create_connected_udp_socket("127.0.0.1", made.endpoint.port) as socket,
    ):
        text = message("OPTIONS", "UDP").replace("OPTIONS sip:", "OPTIONS sips:")
        await socket.send(text.replace(";branch", ";rport;branch").encode())
        with anyio.fail_after(5):
            assert (await socket.receive()).startswith(b"SIP/2.0 403")


async def test_pings_alone_do_not_keep_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FIRST_SECONDS", 0.3)
    async with line() as made, await anyio.connect_tcp("127.0.0.1", made.endpoint.port) as stream:
        with anyio.fail_after(5), contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            while True:
                await stream.send(b"\r\n\r\n")
                await stream.receive()
                await anyio.sleep(0.05)
        assert made.endpoint.stats.streams_cut == 1
