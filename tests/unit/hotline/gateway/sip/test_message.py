"""Messages from bytes and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.sip.message import (
    MAX_BODY,
    MAX_HEADERS,
    MAX_LINE,
    MAX_MESSAGE,
    BadMessage,
    Request,
    Response,
    make_response,
    parse,
)

pytestmark = pytest.mark.unit

INVITE = (
    b"INVITE sip:12348@127.0.0.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP a.example;branch=z9hG4bK1, SIP/2.0/TCP b.example;branch=z9hG4bK0\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:1380@a.example>;tag=1\r\nTo: <sip:12348@127.0.0.1>\r\n"
    b"Call-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:1380@a.example>\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)


def request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def refused(data: bytes, *, stream: bool = False) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        parse(data, stream=stream)
    return caught.value


def test_request() -> None:
    invite = request(INVITE)
    assert (invite.method, invite.uri, invite.body) == ("INVITE", "sip:12348@127.0.0.1", b"body")
    head = invite.head
    assert (head.call_id, head.from_tag, head.to_tag, head.cseq) == ("c1", "1", None, 1)
    assert head.via.branch == "z9hG4bK1"


def test_several_vias_in_one_line_are_several() -> None:
    assert len(request(INVITE).headers.all("Via")) == 2


def test_compact_forms_folded_lines_odd_case_and_bare_newlines() -> None:
    message = request(
        b"\r\n\r\nOPTIONS sip:a@h SIP/2.0\nv: SIP/2.0/UDP h;\n branch=z9hG4bK1\n"
        b"F: <sip:a@h>\n\t;tag=9\nt: <sip:b@h>\n"
        b"I: x\ncSEQ: 7 OPTIONS\nl: 0\n\n"
    )
    assert message.head.from_tag == "9"
    assert message.head.via.branch == "z9hG4bK1"


def test_round_trip() -> None:
    first = request(INVITE)
    again = request(first.encode())
    assert again == Request(first.method, first.uri, again.headers, first.head, first.body)
    assert again.encode() == first.encode()


def test_bytes_beyond_the_length_are_not_the_body_of_a_datagram() -> None:
    assert request(INVITE + b"INVITE more").body == b"body"


def test_a_datagram_without_length_ends_with_itself() -> None:
    assert request(INVITE.replace(b"Content-Length: 4\r\n", b"")).body == b"body"


def test_a_stream_needs_a_length() -> None:
    assert refused(INVITE.replace(b"Content-Length: 4\r\n", b""), stream=True).status == 400


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", 505),
        (b"CSeq: 1 INVITE", b"CSeq: 1 BYE", 400),
        (b"CSeq: 1 INVITE", b"CSeq: 4294967296 INVITE", 400),
        (b"Call-ID: c1\r\n", b"", 400),
        (b"Call-ID: c1\r\n", b"Call-ID: c1\r\nCall-ID: c2\r\n", 400),
        (b"Content-Length: 4", b"Content-Length: 5", 400),
        (b"Content-Length: 4", b"Content-Length: -1", 400),
        (b"Content-Length: 4", b"Content-Length: 4\r\nContent-Length: 3", 400),
        (b"Content-Length: 4", b"Content-Length: 999999", 413),
        (b"INVITE sip:", b"INVITE  sip:", 400),
        (b"INVITE sip:12348@127.0.0.1 ", b"INVITE <sip:12348@127.0.0.1> ", 400),
        (b"Max-Forwards: 70", b"Max-Forwards: 300", 400),
        (b"<sip:1380@a.example>;tag=1", b'"open <sip:1380@a.example>;tag=1', 400),
    ],
)
def test_broken_requests_can_be_answered(old: bytes, new: bytes, status: int) -> None:
    error = refused(INVITE.replace(old, new, 1))
    assert error.status == status
    assert error.request is not None
    answer = make_response(error.request, status, "No", to_tag="t").encode()
    assert b"z9hG4bK1" in answer


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"\xff\xfe",
        b"INVITE",
        INVITE.replace(b"Via", b"Xia"),
        INVITE.replace(b"INVITE", b"ACK").replace(b"Call-ID: c1\r\n", b""),
        INVITE.replace(b"Max-Forwards: 70", b"no colon"),
        INVITE.replace(b"Max-Forwards: 70", b"Subject: \x00"),
    ],
)
def test_some_deserve_no_answer(data: bytes) -> None:
    assert refused(data).request is None


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (MAX_MESSAGE + 1),
        INVITE.replace(b"Max-Forwards: 70", b"Subject: " + b"x" * MAX_LINE),
        INVITE.replace(b"Max-Forwards: 70\r\n", b"X: y\r\n" * MAX_HEADERS),
        INVITE.replace(
            b"Max-Forwards: 70\r\n", b"Route: " + b"<sip:a@h>,<sip:b@h>," * 40 + b"<sip:c@h>\r\n" * 3
        ),
    ],
)
def test_caps(data: bytes) -> None:
    assert refused(data).status in {400, 513}


def test_body_cap() -> None:
    body = b"x" * (MAX_BODY + 1)
    assert refused(INVITE.replace(b"Content-Length: 4\r\n", b"").replace(b"body", body)).status == 413


def test_response() -> None:
    message = parse(
        b"SIP/2.0 183 \r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
        b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n"
        b"Call-ID: x\r\nCSeq: 3 INVITE\r\n\r\n"
    )
    assert isinstance(message, Response)
    assert (message.status, message.reason, message.head.to_tag) == (183, "", "2")


def test_responses_copy_all_vias_and_tag_once() -> None:
    invite = request(INVITE)
    first = make_response(invite, 180, "Ringing", to_tag="us")
    assert len(first.headers.all("Via")) == 2
    assert first.headers.get("To") == "<sip:12348@127.0.0.1>;tag=us"
    inside = request(INVITE.replace(b"To: <sip:12348@127.0.0.1>", b"To: <sip:12348@127.0.0.1>;tag=old"))
    assert make_response(inside, 200, "OK", to_tag="us").headers.get("To") == "<sip:12348@127.0.0.1>;tag=old"


def test_errors_never_quote_the_bytes() -> None:
    assert "1380" not in str(refused(INVITE.replace(b"Call-ID: c1\r\n", b"")))


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_give_a_message_or_bad_message(data: bytes, stream: bool) -> None:
    try:
        parse(data, stream=stream)
    except BadMessage:
        return


@given(st.integers(0, len(INVITE)), st.integers(0, len(INVITE)), st.binary(max_size=12))
def test_any_wound_gives_a_message_or_bad_message(start: int, end: int, data: bytes) -> None:
    wounded = INVITE[: min(start, end)] + data + INVITE[max(start, end) :]
    try:
        message = parse(wounded)
    except BadMessage as error:
        if error.request is not None:
            assert make_response(error.request, error.status, "No").encode().startswith(b"SIP/2.0 ")
        return
    parse(message.encode())
