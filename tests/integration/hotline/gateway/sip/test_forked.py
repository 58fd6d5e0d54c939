"""A call of ours that a proxy forks: two ring, one answers, then the other does too."""

import anyio
import anyio.abc
import pytest

from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway_settings import SipSettings
from tests.fakes.media_engine import FakeMediaEngine
from tests.fakes.sip_line import OFFER, QUICK, SDP

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


def reply(request: str, status: str, tag: str, here: int, *, fields: str = "", port: int = 0) -> bytes:
    """An answer of the phone `tag`, with sound at `port` when there is one."""
    kept = [
        row
        for row in request.split("\r\n")
        if row.partition(":")[0] in {"Via", "From", "To", "Call-ID", "CSeq"}
    ]
    kept = [f"{row};tag={tag}" if row.startswith("To:") and ";tag=" not in row else row for row in kept]
    body = OFFER.replace("4000", str(port)) if port else ""
    rows = [f"SIP/2.0 {status}", *kept, f"Contact: <sip:{tag}@127.0.0.1:{here}>"]
    head = "\r\n".join([*rows, ""]) + fields + (SDP if body else "")
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def to_tag(request: str) -> str:
    row = next(row for row in request.split("\r\n") if row.startswith("To:"))
    return row.partition(";tag=")[2]


async def test_the_first_answer_is_the_call_and_the_second_is_hung_up() -> None:
    media = FakeMediaEngine(4)
    async with (
        await anyio.create_udp_socket(local_host="127.0.0.1") as proxy,
        SipEndpoint.open(SipSettings(port=0), media, timers=QUICK) as ours,
        anyio.create_task_group() as tasks,
    ):
        here: int = proxy.extra(anyio.abc.SocketAttribute.local_port)
        heard: list[tuple[str, str]] = []

        async def play_both_phones() -> None:
            async for data, source in proxy:
                request = data.decode()
                method = request.partition(" ")[0]
                if method == "INVITE":
                    if heard:
                        continue  # sent again
                    for number, tag in enumerate(("one", "two")):
                        reliable = "Require: 100rel\r\nRSeq: 1\r\n"
                        ringing = reply(
                            request, "183 Ringing", tag, here, fields=reliable, port=5000 + 2 * number
                        )
                        await proxy.sendto(ringing, *source)
                    await proxy.sendto(reply(request, "200 OK", "two", here, port=5002), *source)
                    await proxy.sendto(reply(request, "200 OK", "one", here, port=5000), *source)
                elif method != "ACK":
                    await proxy.sendto(reply(request, "200 OK", "", here), *source)
                heard.append((method, to_tag(request)))

        tasks.start_soon(play_both_phones)
        with anyio.fail_after(10):
            leg = await ours.dial(f"sip:12348@127.0.0.1:{here}")
            while ("BYE", "one") not in heard:  # noqa: ASYNC110  the proxy has no other word for us
                await anyio.sleep(0.01)
            plan = media.sessions[0].plans[-1]
            assert plan.remote == ("127.0.0.1", 5002)
            assert ("BYE", "two") not in heard
            await leg.hangup()
            while ("BYE", "two") not in heard:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert {("PRACK", "one"), ("PRACK", "two"), ("ACK", "one"), ("ACK", "two")} <= set(heard)
        assert ours.stats.faults == 0
        tasks.cancel_scope.cancel()
