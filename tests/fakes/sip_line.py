"""A SIP endpoint on loopback whose application follows a rule, and a peer that speaks by hand."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc

from hotline.conversation import EndCause
from hotline.errors import CallAborted
from hotline.gateway.media import IncomingCall, LegEnded
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.timers import Timers
from hotline.gateway_settings import SipSettings
from tests.fakes.media_engine import FakeMediaEngine

QUICK = Timers(t1=0.05, t2=0.2, t4=0.1)
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
SDP = "Content-Type: application/sdp\r\n"


class Line:
    """An endpoint whose application answers by a rule."""

    def __init__(self, endpoint: SipEndpoint, media: FakeMediaEngine) -> None:
        self.endpoint = endpoint
        self.media = media
        self.calls: list[IncomingCall] = []
        self.causes: list[EndCause | None] = []

    @property
    def uri(self) -> str:
        return f"sip:12348@127.0.0.1:{self.endpoint.port}"

    async def answer_all(self) -> None:
        async with anyio.create_task_group() as tasks:
            async for call in self.endpoint.incoming():
                self.calls.append(call)
                tasks.start_soon(self._answer, call)

    async def reject_all(self) -> None:
        async for call in self.endpoint.incoming():
            self.calls.append(call)
            await call.reject(486, "Busy Here")

    async def nothing(self) -> None:
        """The test itself attends."""

    async def let_ring(self) -> None:
        async for call in self.endpoint.incoming():
            self.calls.append(call)

    async def _answer(self, call: IncomingCall) -> None:
        try:
            leg = await call.answer()
        except CallAborted:
            self.causes.append(None)
            return
        async for item in leg.inputs():
            if isinstance(item, LegEnded):
                self.causes.append(item.cause)


@asynccontextmanager
async def line(rule: str = "answer_all", ports: int = 100, **settings: Any) -> AsyncIterator[Line]:
    media = FakeMediaEngine(ports)
    sip = SipSettings(port=0, **settings)
    async with SipEndpoint.open(sip, media, timers=QUICK) as endpoint, anyio.create_task_group() as tasks:
        made = Line(endpoint, media)
        tasks.start_soon(getattr(made, rule))
        yield made
        tasks.cancel_scope.cancel()


async def settled(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(6):
        while not condition():  # noqa: ASYNC110 what is waited for is outside state
            await anyio.sleep(0.01)


class Peer:
    """A SIP peer by hand, on UDP."""

    def __init__(self, sock: anyio.abc.UDPSocket, port: int) -> None:
        self._socket = sock
        self.port = port
        self._here: int = sock.extra(anyio.abc.SocketAttribute.local_port)
        self.tag = ""

    async def send(
        self,
        method: str,
        *,
        cseq: int = 1,
        branch: str = "",
        fields: str = "",
        body: str = "",
        uri: str = "",
        tag: str | None = None,
    ) -> None:
        to = self.tag if tag is None else tag
        uri = uri or f"sip:12348@127.0.0.1:{self.port}"
        branch = branch or f"z9hG4bK{method}{cseq}"
        text = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.77;rport;branch={branch}\r\n"
            f"From: <sip:13800001234@127.0.0.1>;tag=here\r\nTo: <sip:12348@127.0.0.1>{to}\r\n"
            f"Call-ID: c{self._here}\r\nCSeq: {cseq} {method}\r\nContact: <sip:me@127.0.0.1:{self._here}>\r\n"
            f"{fields}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        await self.raw(text.encode())

    async def raw(self, data: bytes) -> None:
        await self._socket.sendto(data, "127.0.0.1", self.port)

    async def next(self) -> str:
        with anyio.fail_after(5):
            return (await self._socket.receive())[0].decode()

    async def until(self, start: str) -> str:
        while not (text := await self.next()).startswith(start):
            pass
        return text

    async def status(self) -> int:
        """The next final status."""
        while True:
            text = await self.next()
            if text.startswith("SIP/2.0 ") and text[8] != "1":
                return int(text[8:11])

    async def call(self) -> str:
        await self.send("INVITE", fields=SDP, body=OFFER)
        answer = await self.until("SIP/2.0 200")
        self.learn(answer)
        return answer

    def learn(self, answer: str) -> None:
        found = re.search(r"\r\nTo: [^\r]*(;tag=[^\r;]+)", answer)
        assert found is not None
        self.tag = found[1]


@asynccontextmanager
async def peer(made: Line) -> AsyncIterator[Peer]:
    async with await anyio.create_udp_socket(local_host="127.0.0.1") as sock:
        yield Peer(sock, made.endpoint.port)
