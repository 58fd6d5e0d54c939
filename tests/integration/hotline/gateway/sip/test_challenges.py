"""Challenges that come one after the other: a proxy's, the far end's, and for a nonce too old."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import pytest
from pydantic import SecretStr

from hotline.gateway.sip.auth import Digest, digest_response, ha1
from hotline.gateway.sip.client import CallRefused, Credentials
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.trunk import Trunk
from hotline.gateway_settings import SipSettings, TrunkServer, TrunkSettings
from tests.fakes.media_engine import FakeMediaEngine
from tests.fakes.sip_line import QUICK, settled

pytestmark = [pytest.mark.integration, pytest.mark.anyio]
PROXY = "407 Proxy Authentication Required", 'Proxy-Authenticate: Digest realm="p", nonce="1", qop="auth"'
FAR = "401 Unauthorized", 'WWW-Authenticate: Digest realm="f", nonce="2", qop="auth"'
OLD = "401 Unauthorized", 'WWW-Authenticate: Digest realm="f", nonce="3", qop="auth", stale=true'
WELL = "200 OK", "Expires: 60"
BUSY = "486 Busy Here", ""


@asynccontextmanager
async def says(*answers: tuple[str, str]) -> AsyncIterator[tuple[SipEndpoint, int, list[str]]]:
    """Our gateway and a server that gives these answers in turn, the last for ever; what it was asked."""
    asked: list[str] = []
    async with (
        await anyio.create_udp_socket(local_host="127.0.0.1") as sock,
        SipEndpoint.open(SipSettings(port=0), FakeMediaEngine(10), timers=QUICK) as ours,
        anyio.create_task_group() as tasks,
    ):

        async def attend() -> None:
            async for data, source in sock:
                text = data.decode()
                if text.startswith("ACK ") or text in asked:
                    continue
                status, field = answers[min(len(asked), len(answers) - 1)]
                asked.append(text)
                await sock.sendto(reply(text, status, field).encode(), *source[:2])

        tasks.start_soon(attend)
        yield ours, sock.extra(anyio.abc.SocketAttribute.local_port), asked
        tasks.cancel_scope.cancel()


def reply(request: str, status: str, field: str) -> str:
    kept = [
        row
        for row in request.split("\r\n")
        if row.partition(":")[0] in {"Via", "From", "To", "Call-ID", "CSeq"}
    ]
    kept = [f"{row};tag=far" if row.startswith("To:") else row for row in kept]
    extra = [field] if field else []
    return "\r\n".join([f"SIP/2.0 {status}", *kept, *extra, "Content-Length: 0", "", ""])


def registering(ours: SipEndpoint, port: int) -> Trunk:
    server = TrunkServer(uri=f"sip:127.0.0.1:{port}")
    return Trunk(TrunkSettings(name="t", servers=(server,), user="u", password=SecretStr("s")), ours)


async def test_register_meets_a_proxy_a_registrar_and_an_old_nonce() -> None:
    async with says(PROXY, FAR, OLD, WELL) as (ours, port, asked), anyio.create_task_group() as tasks:
        trunk = registering(ours, port)
        tasks.start_soon(trunk.run)
        await settled(lambda: trunk.stats.registered)
        assert "\r\nProxy-Authorization: " in asked[2]
        assert 'nonce="2"' in asked[2]
        assert 'nonce="3"' in asked[3]
        assert 'nonce="2"' not in asked[3]
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("again", [FAR, OLD])
async def test_register_does_not_try_for_ever(again: tuple[str, str]) -> None:
    async with says(again) as (ours, port, asked), anyio.create_task_group() as tasks:
        trunk = registering(ours, port)
        tasks.start_soon(trunk.run)
        await settled(lambda: trunk.stats.last_status == 401)
        await anyio.sleep(0.5)
        assert not trunk.stats.registered
        assert len(asked) == (2 if again is FAR else 6)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("answers", "count", "status"),
    [((PROXY, FAR, OLD, BUSY), 4, 486), ((FAR,), 2, 401), ((OLD,), 5, 401), ((PROXY, BUSY), 2, 486)],
)
async def test_calls_meet_them_too(answers: tuple[tuple[str, str], ...], count: int, status: int) -> None:
    async with says(*answers) as (ours, port, asked):
        with pytest.raises(CallRefused) as refused:
            await ours.dial(f"sip:1@127.0.0.1:{port}", credentials=Credentials("u", "s"))
        assert refused.value.status == status
        assert len(asked) == count
        assert [f"CSeq: {at} INVITE" in text for at, text in enumerate(asked, 1)] == [True] * count


async def test_a_call_covers_its_body_where_nothing_else_is_taken() -> None:
    """RFC 7616 §3.4.3: what is sent again is what the response was made of."""
    whole = "401 Unauthorized", 'WWW-Authenticate: Digest realm="f", nonce="2", qop="auth-int"'
    async with says(whole, BUSY) as (ours, port, asked):
        with pytest.raises(CallRefused) as refused:
            await ours.dial(f"sip:1@127.0.0.1:{port}", credentials=Credentials("u", "s"))
        assert refused.value.status == 486
    head, _, body = asked[1].partition("\r\n\r\n")
    assert body.startswith("v=0")
    (line,) = [row for row in head.split("\r\n") if row.startswith("Authorization: ")]
    digest = Digest.parse(line.partition(": ")[2])
    assert digest.get("qop") == "auth-int"
    secret = ha1("MD5", "u", "f", "s")
    assert digest.get("response") == digest_response(secret, "INVITE", digest, body.encode())
    assert digest.get("response") != digest_response(secret, "INVITE", digest, b"")
