"""Connections that begin a TLS or WebSocket handshake and then say nothing, beside a call that is meant."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from hotline.conversation import EndCause
from hotline.gateway.sip import threshold, websocket
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway_settings import SipSettings, TlsSettings, WsSettings
from tests.fakes.certificates import Papers, make_authority
from tests.fakes.media_engine import FakeMediaEngine
from tests.fakes.sip_line import QUICK, Line, line, settled

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
SIP = [Subprotocol("sip")]
OPTIONS = (
    "OPTIONS sip:12348@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\n"
    "From: <sip:me@invalid>;tag=here\r\nTo: <sip:12348@127.0.0.1>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


@pytest.fixture(params=[True, False], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: each has a TLS of its own."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return make_authority(tmp_path)


@asynccontextmanager
async def secure_line(papers: Papers, *, most: int, most_of_one: int) -> AsyncIterator[Line]:
    assured = TlsSettings(port=0, certificate=papers.certificate, key=papers.key)
    async with line(
        tls=assured,
        ws=WsSettings(port=0, secure_port=0),
        handshakes=most,
        handshakes_per_source=most_of_one,
    ) as made:
        yield made


@asynccontextmanager
async def idle(port: int, count: int, says: bytes = b"") -> AsyncIterator[list[anyio.abc.SocketStream]]:
    """So many connections that say this and then nothing."""
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", port)))
            if says:
                await opened[-1].send(says)
        yield opened


async def calls(papers: Papers, port: int) -> None:
    """A call over TLS, from dialling to hanging up."""
    settings = SipSettings(port=0, tls=TlsSettings(trust=papers.authority))
    async with SipEndpoint.open(settings, FakeMediaEngine(10), timers=QUICK) as caller:
        leg = await caller.dial(f"sip:12348@127.0.0.1:{port}", transport="tls")
        await leg.hangup()


async def asks(papers: Papers, port: int) -> None:
    """A question over a secure WebSocket, answered."""
    trusted = ssl.create_default_context(cafile=str(papers.authority))
    async with connect(f"wss://127.0.0.1:{port}", subprotocols=SIP, ssl=trusted) as socket:
        await socket.send(OPTIONS)
        with anyio.fail_after(5):
            assert str(await socket.recv()).startswith("SIP/2.0 200")


async def closed(stream: anyio.abc.SocketStream) -> None:
    with anyio.fail_after(5), contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            await stream.receive()


HALF_A_HELLO = bytes.fromhex("16030100c8010000c40303")
HALF_AN_UPGRADE = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.parametrize("says", [b"", HALF_A_HELLO], ids=["silent", "half a hello"])
async def test_idle_tls_beside_a_good_call(papers: Papers, says: bytes) -> None:
    """The half-open ones hold most of the places, and a call is made through what is left."""
    async with secure_line(papers, most=20, most_of_one=10) as made:
        stats, ports = made.endpoint, made.endpoint.ports
        async with idle(ports["TLS"], 5, says), idle(ports["WSS"], 4, says):
            await settled(lambda: stats.stats.handshakes == 9)
            await calls(papers, ports["TLS"])
            await asks(papers, ports["WSS"])
            await settled(lambda: made.causes == [EndCause.REMOTE_HANGUP])
            assert stats.stats.handshakes == 9
            assert stats.stats.handshakes_refused == 0
        await settled(lambda: stats.stats.handshakes == 0)
        assert stats.stats.tls_failures == 9
        assert stats.stats.ws_failures == 0
        assert stats.stats.faults == 0


async def test_one_source_gets_only_so_many(papers: Papers) -> None:
    async with secure_line(papers, most=20, most_of_one=3) as made:
        port = made.endpoint.ports["TLS"]
        async with idle(port, 3):
            await settled(lambda: made.endpoint.stats.handshakes == 3)
            async with await anyio.connect_tcp("127.0.0.1", port) as fourth:
                await closed(fourth)
            assert made.endpoint.stats.handshakes_refused == 1
        await settled(lambda: made.endpoint.stats.handshakes == 0)
        await calls(papers, port)


async def test_a_full_threshold_is_cleared_for_who_means_it(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threshold, "STANDING_S", 0.1)
    async with secure_line(papers, most=5, most_of_one=10) as made:
        ports = made.endpoint.ports
        async with idle(ports["TLS"], 5) as opened:
            await settled(lambda: made.endpoint.stats.handshakes == 5)
            await anyio.sleep(0.15)
            await calls(papers, ports["TLS"])
            await closed(opened[0])
            await asks(papers, ports["WSS"])
            assert made.endpoint.stats.handshakes <= 4
            assert made.endpoint.stats.handshakes_refused == 0


@pytest.mark.parametrize("kind", ["WS", "WSS"])
async def test_an_upgrade_that_is_never_finished(
    papers: Papers, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(websocket, "OPEN_SECONDS", 0.5)
    async with secure_line(papers, most=20, most_of_one=3) as made:
        endpoint, port = made.endpoint, made.endpoint.ports[kind]  # type: ignore[index]
        trusted = ssl.create_default_context(cafile=str(papers.authority)) if kind == "WSS" else None
        stream: anyio.abc.ByteStream
        if trusted is None:
            stream = await anyio.connect_tcp("127.0.0.1", port)
        else:
            stream = await anyio.connect_tcp("127.0.0.1", port, ssl_context=trusted)
        await stream.send(HALF_AN_UPGRADE)
        await settled(lambda: endpoint.stats.handshakes == 1)
        await settled(lambda: endpoint.stats.handshakes == 0)
        assert endpoint.stats.ws_failures == 1
        assert endpoint.stats.tls_failures == 0
        await anyio.aclose_forcefully(stream)


async def test_rubbish_is_a_failure_at_once(papers: Papers) -> None:
    async with secure_line(papers, most=20, most_of_one=3) as made:
        for port in (made.endpoint.ports["TLS"], made.endpoint.ports["WSS"]):
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(b"OPTIONS sip:12348@127.0.0.1 SIP/2.0\r\n\r\n")
                await closed(stream)
        await settled(lambda: made.endpoint.stats.tls_failures == 2)
        assert made.endpoint.stats.handshakes == 0


async def test_the_line_goes_down_with_handshakes_going_on(papers: Papers) -> None:
    with anyio.fail_after(10):
        async with secure_line(papers, most=20, most_of_one=10) as made:
            tls = await anyio.connect_tcp("127.0.0.1", made.endpoint.ports["TLS"])
            wss = await anyio.connect_tcp("127.0.0.1", made.endpoint.ports["WSS"])
            await settled(lambda: made.endpoint.stats.handshakes == 2)
        for stream in (tls, wss):
            await closed(stream)
            await stream.aclose()
