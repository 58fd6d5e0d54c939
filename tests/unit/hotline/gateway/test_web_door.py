"""The page's door: who is let in, and how a call that was not answered ends."""

from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from asr.audio import LegId
from hotline.errors import CallAborted, HotlineError
from hotline.gateway.sip.media_session import WebSession
from hotline.gateway.web_door import MAX_OFFER, WAITING_CALLS, WebCall, WebCallRefused, WebDoor, source_of
from hotline.gateway.webrtc_sdp import WebCodec
from hotline.gateway_settings import WebRtcSettings

pytestmark = pytest.mark.unit

OFFER = "\r\n".join(
    (
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789abcdef0123456789",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:0 PCMU/8000",
        "",
    )
).encode()


class Full(HotlineError):
    """No session is free."""

    code = "test.full"


class NoPorts:
    async def web_session(self, leg: LegId, codecs: Sequence[WebCodec] | None = None) -> WebSession:
        raise Full(leg)


def door(**settings: int) -> WebDoor:
    return WebDoor(WebRtcSettings.model_validate(settings), NoPorts(), "12348")


def refusal(where: WebDoor, offer: bytes = OFFER, host: str = "192.0.2.1", now: float = 0) -> WebCallRefused:
    with pytest.raises(WebCallRefused) as refused:
        where.ring(offer, host, now)
    return refused.value


async def shut(where: WebDoor) -> list[WebCall]:
    """Shut it and read what waited."""
    await where.shutdown(0)
    return [call async for call in where.incoming()]  # type: ignore[misc]


def test_an_offer_rings_with_a_name_that_says_nothing() -> None:
    where = door()
    call = where.ring(OFFER, "192.0.2.1", 0)
    assert (call.channel, call.dialled) == ("webrtc", "12348")
    assert call.remote.startswith("web:")
    assert "192" not in call.remote[:4]
    assert where.stats.calls == 1
    where.leave(call)
    where.leave(call)
    assert where.stats.calls == 0
    assert anyio.run(shut, where) == [call]


def test_all_calls_and_those_of_one_address_are_limited() -> None:
    where = door(calls=3, calls_per_source=2, calls_per_minute=50)
    first = where.ring(OFFER, "192.0.2.1", 0)
    where.ring(OFFER, "192.0.2.1", 0)
    assert refusal(where).reason == "source"
    where.ring(OFFER, "192.0.2.2", 0)
    assert refusal(where, host="192.0.2.3").reason == "busy"
    where.leave(first)
    assert where.ring(OFFER, "192.0.2.1", 0).source == "192.0.2.1"
    assert (where.stats.calls, where.stats.limited, where.stats.refused) == (3, 1, 1)
    anyio.run(shut, where)


def test_one_address_begins_so_many_in_a_minute_and_broken_offers_count() -> None:
    where = door(calls_per_minute=2)
    where.leave(where.ring(OFFER, "192.0.2.1", 100.0))
    assert refusal(where, b"v=0\r\n", now=110.0).reason == "offer"
    refused = refusal(where, now=120.0)
    assert (refused.reason, refused.retry_after) == ("often", 40)
    assert where.ring(OFFER, "192.0.2.2", 120.0).source == "192.0.2.2"
    assert where.ring(OFFER, "192.0.2.1", 160.5).source == "192.0.2.1"
    anyio.run(shut, where)


def test_calls_wait_in_a_bounded_queue() -> None:
    where = door(calls=5_000, calls_per_source=5_000, calls_per_minute=600)
    for _ in range(WAITING_CALLS):
        where.leave(where.ring(OFFER, "192.0.2.1", 0))
    assert refusal(where).reason == "busy"
    assert where.stats.calls == 0
    assert len(anyio.run(shut, where)) == WAITING_CALLS


@given(st.binary(max_size=300) | st.just(OFFER + b"a=x\r\n" * MAX_OFFER))
def test_no_offer_does_more_than_be_refused(offer: bytes) -> None:
    where = door()
    assert refusal(where, offer).reason == "offer"
    assert where.stats.malformed == 1
    anyio.run(shut, where)


def test_a_call_given_up_or_without_media_is_not_answered() -> None:
    async def run() -> None:
        where = door()
        gone = where.ring(OFFER, "192.0.2.1", 0)
        where.leave(gone)
        with pytest.raises(CallAborted):
            await gone.answer()
        poor = where.ring(OFFER, "192.0.2.1", 0)
        with pytest.raises(CallAborted):
            await poor.answer()
        assert poor.refusal is not None
        assert (poor.refusal.reason, poor.settled.is_set()) == ("busy", True)
        await shut(where)

    anyio.run(run)


def test_after_shutdown_nobody_is_let_in() -> None:
    where = door()
    call = where.ring(OFFER, "192.0.2.1", 0)
    anyio.run(shut, where)
    assert call.settled.is_set()
    assert call.refusal is not None
    assert refusal(where, host="192.0.2.9").reason == "busy"


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_subscriber_is_one_source(host: str, source: str) -> None:
    assert source_of(host) == source


@pytest.mark.parametrize(
    "settings",
    [
        {"ice_servers": ["http://example.cn"]},
        {"ice_servers": ["turn:turn.example.cn"]},
        {"ice_servers": ["turn:turn.example.cn"], "ice_username": "a"},
    ],
)
def test_ice_servers_no_browser_would_take_are_refused_at_start(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WebRtcSettings.model_validate(settings)
