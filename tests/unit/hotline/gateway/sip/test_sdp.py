"""Session descriptions from text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.media import Direction
from hotline.gateway.sip.sdp import MAX_LINES, MAX_SDP, SdpSyntaxError, build, parse, usable_address

pytestmark = pytest.mark.unit

OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\n"
    b"m=audio 4000 RTP/AVP 8 0 96\r\na=rtpmap:8 pcma/8000/1\r\na=rtpmap:96 telephone-event/8000\r\n"
    b"a=fmtp:96 0-16\r\na=ptime:30\r\nm=video 4002/2 RTP/AVP 31\r\nc=IN IP4 192.0.2.9/127\r\na=inactive\r\n"
)


def test_session_lines_hold_for_all_media_unless_they_say_otherwise() -> None:
    audio, video = parse(OFFER).media
    assert (audio.address, audio.direction, audio.ptime) == ("192.0.2.1", Direction.SENDONLY, 30)
    assert (video.address, video.direction, video.port) == ("192.0.2.9", Direction.INACTIVE, 4002)


def test_payload_types() -> None:
    audio = parse(OFFER).media[0]
    assert audio.payload_types == (8, 0, 96)
    assert [audio.encoding(number) for number in (8, 0, 96, 97)] == [
        "PCMA/8000",
        "PCMU/8000",
        "TELEPHONE-EVENT/8000",
        "",
    ]
    assert audio.fmtp == {96: "0-16"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"v=1\r\n",
        b"hello",
        b"v=0\r\nm=audio\r\n",
        b"v=0\r\nm=audio x RTP/AVP 0\r\n",
        b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n",
        b"v=0\r\nm=audio -1 RTP/AVP 0\r\n",
        b"v=0\r\nc=IN IP4\r\n",
        b"v=0\r\na=rtpmap:999 X/8000\r\n",
        b"v=0\r\nnonsense\r\n",
        b"v=0\r\n" + b"a=x\r\n" * MAX_LINES,
        b"v=0\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * 17,
        b"v=0\r\n" + b"x" * MAX_SDP,
    ],
)
def test_broken(text: bytes) -> None:
    with pytest.raises(SdpSyntaxError):
        parse(text)


@pytest.mark.parametrize("ptime", [b"20.0", b"abc", b"", b"99999"])
def test_odd_ptime_refuses_nothing(ptime: bytes) -> None:
    assert parse(b"v=0\r\nm=audio 1 RTP/AVP 0\r\na=ptime:" + ptime + b"\r\n").media[0].ptime in {20, None}


@pytest.mark.parametrize(
    ("host", "usable"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("localhost", "127.0.0.1"),
        ("0.0.0.0", None),
        ("::", None),
        ("224.0.0.1", None),
        ("host.example", None),
        (None, None),
    ],
)
def test_usable_address(host: str | None, usable: str | None) -> None:
    assert usable_address(host) == usable


def test_what_is_built_can_be_read() -> None:
    made = build("::1", (7, 8), ["m=audio 4000 RTP/AVP 8\r\na=recvonly"])
    assert b"o=- 7 8 IN IP6 ::1\r\n" in made
    media = parse(made).media[0]
    assert (media.address, media.port, media.direction) == ("::1", 4000, Direction.RECVONLY)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for text in (data, b"v=0\r\n" + data):
        try:
            parse(text)
        except SdpSyntaxError:
            continue


@given(st.integers(0, len(OFFER)), st.integers(0, len(OFFER)), st.binary(max_size=8))
def test_any_wound(start: int, end: int, data: bytes) -> None:
    try:
        parse(OFFER[: min(start, end)] + data + OFFER[max(start, end) :])
    except SdpSyntaxError:
        return


@pytest.mark.parametrize(
    "line", ["m=audio 4000 RTP/AVP 8 \u4e00", "m=\ufffd 4000 RTP/AVP 8", "m=audio 4000 RTP/A\x00VP 8"]
)
def test_a_media_line_that_could_not_be_said_back_is_refused(line: str) -> None:
    """Found by fuzzing: a refused stream is repeated in the answer."""
    with pytest.raises(SdpSyntaxError):
        parse(f"v=0\r\n{line}\r\n".encode())
