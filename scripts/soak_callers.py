"""The callers of the soak: many at once, coming and going, some of them rude."""

import random
import secrets
import socket
from multiprocessing.connection import Connection

import anyio
import anyio.abc

from hotline.errors import HotlineError
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import CallRefused, SipEndpoint
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway_settings import MediaSettings, SipSettings
from scripts.bench_gateway import listen, talk
from scripts.bench_parts import HOST, received

CALL_S = (5.0, 25.0)
"""How long a caller stays, at least and at most."""
GIVES_UP, PRESSES = 0.1, 0.2
"""Shares of callers who cancel while it rings, and who press keys."""
VANISH_EVERY_S = 6.0
"""Each so often one caller vanishes: its host is gone, after its ACK or before."""

_INVITE = """INVITE sip:12348@{far} SIP/2.0\r
Via: SIP/2.0/UDP {here};branch=z9hG4bK{name}\r
From: <sip:gone@{here}>;tag={name}\r
To: <sip:12348@{far}>\r
Call-ID: {name}\r
CSeq: 1 INVITE\r
Contact: <sip:gone@{here}>\r
Max-Forwards: 70\r
Content-Type: application/sdp\r
Content-Length: {length}\r
\r
"""
_ACK = """ACK sip:12348@{far} SIP/2.0\r
Via: SIP/2.0/UDP {here};branch=z9hG4bK{name}a\r
From: <sip:gone@{here}>;tag={name}\r
To: {to}\r
Call-ID: {name}\r
CSeq: 1 ACK\r
Max-Forwards: 70\r
Content-Length: 0\r
\r
"""
_SDP = f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"


class Callers:
    """Keeps that many calls to the gateway's port going."""

    def __init__(self, endpoint: SipEndpoint, port: int) -> None:
        self._endpoint = endpoint
        self._port = port
        self.counts = {"placed": 0, "answered": 0, "given_up": 0, "refused": 0, "vanished": 0}

    async def one(self, after_s: float) -> None:
        """One caller who calls again and again."""
        await anyio.sleep(after_s)
        while True:
            self.counts["placed"] += 1
            patience = random.uniform(0.0, 0.2) if random.random() < GIVES_UP else 30.0
            leg = None
            try:
                with anyio.move_on_after(patience):
                    leg = await self._endpoint.dial(f"sip:12348@{HOST}:{self._port}")
            except CallRefused as error:
                # Our own CANCEL comes back as 487.
                self.counts["given_up" if error.status == 487 else "refused"] += 1
            except HotlineError:
                self.counts["refused"] += 1
            else:
                self.counts["given_up" if leg is None else "answered"] += 1
            if leg is not None:
                await self._converse(leg)
            await anyio.sleep(random.uniform(0.05, 0.3))

    async def _converse(self, leg: SipLeg) -> None:
        with anyio.move_on_after(random.uniform(*CALL_S)):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(talk, leg)
                if random.random() < PRESSES:
                    for key in "159#":
                        leg.send_digit(key)
                await listen(leg)  # until the gateway hangs up, or our time is over
                tasks.cancel_scope.cancel()
        await leg.hangup()

    async def vanish(self) -> None:
        """Callers of whom nothing is heard any more, without their ACK or after it."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((HOST, 0))
        far, here = f"{HOST}:{self._port}", f"{HOST}:{sock.getsockname()[1]}"
        with sock:
            while True:
                name = secrets.token_hex(8)
                said = _INVITE.format(far=far, here=here, name=name, length=len(_SDP)) + _SDP
                sock.sendto(said.encode(), (HOST, self._port))
                self.counts["vanished"] += 1
                await anyio.sleep(VANISH_EVERY_S)
                to = _answered(sock, name)
                if to and self.counts["vanished"] % 2:
                    ack = _ACK.format(far=far, here=here, name=name, to=to)
                    sock.sendto(ack.encode(), (HOST, self._port))


def _answered(sock: socket.socket, name: str) -> str:
    """The To value of the 200 that has come for this call; what else has come is thrown away."""
    found = ""
    while True:
        try:
            text = sock.recv(4096).decode("ascii", "replace")
        except OSError:
            return found
        if text.startswith("SIP/2.0 200") and f"\r\nCall-ID: {name}\r\n" in text:
            found = next(line[4:] for line in text.split("\r\n") if line.startswith("To: "))


async def call(pipe: Connection, port: int, calls: int, ramp_s: float) -> None:
    """The callers' process: calls until it is told anything, then hangs up and gives its counts."""
    sip = SipSettings(port=0, codecs=("PCMA",))
    async with (
        MediaEngine.open(HOST, MediaSettings(port_min=10_000, port_max=19_998)) as media,
        SipEndpoint.open(sip, media) as endpoint,
        anyio.create_task_group() as tasks,
    ):
        callers = Callers(endpoint, port)
        tasks.start_soon(callers.vanish)
        for number in range(calls):
            tasks.start_soon(callers.one, ramp_s * number / calls)
        await received(pipe)
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await endpoint.shutdown(10.0)
            # A late clock here is the callers' (or the machine's) fault, not the gateway's.
            pipe.send({**callers.counts, "lag_p99_ms": round(media.stats.lag_p99_ms)})
