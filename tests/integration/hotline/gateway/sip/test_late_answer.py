"""A trunk's server that answers after it was given up for silence: its call is acknowledged and hung up."""

import anyio
import anyio.abc
import pytest

from hotline.errors import CallAborted
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.sip.trunk import Trunk
from hotline.gateway_settings import SipSettings, TrunkServer, TrunkSettings
from tests.fakes.media_engine import FakeMediaEngine
from tests.fakes.sip_line import OFFER, QUICK, SDP

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


def answer(request: str, status: str, here: int) -> str:
    kept = [
        row
        for row in request.split("\r\n")
        if row.partition(":")[0] in {"Via", "From", "To", "Call-ID", "CSeq"}
    ]
    kept = [f"{row};tag=far" if row.startswith("To:") and ";tag=" not in row else row for row in kept]
    body = OFFER if status == "200 OK" and request.startswith("INVITE") else ""
    rows = [f"SIP/2.0 {status}", *kept, f"Contact: <sip:far@127.0.0.1:{here}>"]
    rows += [SDP.strip()] if body else []
    return "\r\n".join([*rows, f"Content-Length: {len(body)}", "", body])


@pytest.mark.parametrize("first", ["100 Trying", "200 OK"])
async def test_a_late_answer_is_undone(first: str) -> None:
    """`first`: what it says first. 100 is followed by CANCEL, which it takes too late, and by 200."""
    async with (
        await anyio.create_udp_socket(local_host="127.0.0.1") as far,
        SipEndpoint.open(SipSettings(port=0), FakeMediaEngine(4), timers=QUICK) as ours,
    ):
        here: int = far.extra(anyio.abc.SocketAttribute.local_port)
        server = TrunkServer(uri=f"sip:127.0.0.1:{here}")
        trunk = Trunk(TrunkSettings(name="t", servers=(server,), register=False, answer_s=0.5), ours)
        with pytest.raises(CallAborted):
            await trunk.dial("12348", "anonymous")
        seen: list[str] = []

        async def heard(method: str) -> str:
            with anyio.fail_after(10):
                while True:
                    data, source = await far.receive()
                    text = data.decode()
                    seen.append(text.partition(" ")[0])
                    if seen[-1] == method:
                        sender[:] = source[:2]
                        return text

        sender: list[object] = []
        invite = await heard("INVITE")
        to = (str(sender[0]), int(str(sender[1])))
        await far.sendto(answer(invite, first, here).encode(), *to)
        if first == "100 Trying":
            cancel = await heard("CANCEL")
            await far.sendto(answer(cancel, "200 OK", here).encode(), *to)
            await far.sendto(answer(invite, "200 OK", here).encode(), *to)
        await heard("ACK")
        bye = await heard("BYE")
        await far.sendto(answer(bye, "200 OK", here).encode(), *to)
        assert ours.stats.faults == 0
        assert set(seen) <= {"INVITE", "CANCEL", "ACK", "BYE"}
        assert seen.count("ACK") >= 1
