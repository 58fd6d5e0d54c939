"""Offer and answer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.sip import sdp
from hotline.gateway.sip.negotiation import MediaPolicy, Negotiation, NothingInCommon
from hotline.gateway.sip.sdp import SdpSyntaxError

pytestmark = pytest.mark.unit


def offer(*media: str, address: str = "192.0.2.1") -> bytes:
    lines = ["v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0", *media]
    return ("\r\n".join(lines) + "\r\n").encode()


def fresh() -> Negotiation:
    return Negotiation("127.0.0.1", 100)


def version(text: bytes) -> int:
    found = re.search(rb"o=- 100 (\d+) IN IP4 127\.0\.0\.1\r\n", text)
    assert found is not None
    return int(found[1])


def sections(text: bytes) -> list[bytes]:
    return re.findall(rb"m=.*(?=\r\n)", text)


def test_static_payload_types_need_no_rtpmap() -> None:
    line = fresh()
    answer = line.answer(offer("m=audio 4000 RTP/AVP 18 0 8"), 20_000)
    assert line.plan == MediaPlan(("192.0.2.1", 4000), "PCMU", 0, None, Direction.SENDRECV)
    assert sections(answer) == [b"m=audio 20000 RTP/AVP 0"]


def test_dynamic_numbers_are_the_peers() -> None:
    line = fresh()
    line.answer(
        offer(
            "m=audio 4000 RTP/AVP 97 98",
            "a=rtpmap:97 PCMA/8000",
            "a=rtpmap:98 telephone-event/8000",
            "a=ptime:40",
        ),
        20_000,
    )
    assert line.plan == MediaPlan(("192.0.2.1", 4000), "PCMA", 97, 98, Direction.SENDRECV, 40)


@pytest.mark.parametrize(
    ("said", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_directions_are_mirrored(said: str, ours: str) -> None:
    line = fresh()
    answer = line.answer(offer("m=audio 4000 RTP/AVP 8", f"a={said}"), 20_000)
    assert f"a={ours}\r\n".encode() in answer
    assert line.plan is not None
    assert line.plan.direction == ours


def test_old_hold_by_zero_address() -> None:
    line = fresh()
    answer = line.answer(offer("m=audio 4000 RTP/AVP 8", address="0.0.0.0"), 20_000)
    assert line.plan is not None
    assert (line.plan.remote, line.plan.direction) == (None, Direction.RECVONLY)
    assert b"a=recvonly" in answer


def test_other_streams_are_refused_in_their_place() -> None:
    answer = fresh().answer(
        offer(
            "m=video 4002 RTP/AVP 31",
            "m=audio 0 RTP/AVP 8",
            "m=audio 4000 RTP/AVP 8",
            "m=application 9 TCP/X y",
        ),
        20_000,
    )
    assert sections(answer) == [
        b"m=video 0 RTP/AVP 31",
        b"m=audio 0 RTP/AVP 8",
        b"m=audio 20000 RTP/AVP 8",
        b"m=application 0 TCP/X y",
    ]


@pytest.mark.parametrize(
    "media",
    [
        ["m=audio 4000 RTP/AVP 18"],
        ["m=audio 0 RTP/AVP 8"],
        ["m=audio 4000 RTP/SAVP 8"],
        ["m=video 4000 RTP/AVP 31"],
        ["m=audio 4000 RTP/AVP 8", "a=rtpmap:8 L16/8000"],
        [],
    ],
)
def test_nothing_in_common(media: list[str]) -> None:
    with pytest.raises(NothingInCommon):
        Negotiation("192.0.2.9", 1).check(offer(*media))
    line = fresh()
    with pytest.raises(NothingInCommon):
        line.answer(offer(*media), 20_000)
    assert line.plan is None


def test_version_grows_only_when_we_say_something_new() -> None:
    line = fresh()
    first = line.answer(offer("m=audio 4000 RTP/AVP 8"), 20_000)
    same = line.answer(offer("m=audio 4444 RTP/AVP 8"), 20_000)
    held = line.answer(offer("m=audio 4444 RTP/AVP 8", "a=sendonly"), 20_000)
    with pytest.raises(NothingInCommon):
        line.answer(offer("m=audio 4444 RTP/AVP 18"), 20_000)
    again = line.answer(offer("m=audio 4444 RTP/AVP 8", "a=sendonly"), 20_000)
    assert [version(text) for text in (first, same, held, again)] == [100, 100, 101, 101]


def test_late_offer() -> None:
    line = fresh()
    made = line.offer(20_000)
    assert sections(made) == [b"m=audio 20000 RTP/AVP 8 0 101"]
    plan = line.accept(offer("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"))
    assert plan == MediaPlan(("192.0.2.1", 4000), "PCMU", 0, 101, Direction.SENDRECV)


def test_an_offer_in_mid_call_keeps_codec_numbers_and_refused_streams() -> None:
    line = fresh()
    line.answer(
        offer("m=video 9 RTP/AVP 31", "m=audio 4000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000"), 20_000
    )
    made = line.offer(20_000)
    assert sections(made) == [b"m=video 0 RTP/AVP 31", b"m=audio 20000 RTP/AVP 0 8 96"]
    plan = line.accept(offer("m=video 0 RTP/AVP 31", "m=audio 4008 RTP/AVP 8"))
    assert (plan.remote, plan.codec) == (("192.0.2.1", 4008), "PCMA")


def test_an_answer_without_our_stream_is_refused() -> None:
    line = fresh()
    line.offer(20_000)
    with pytest.raises(NothingInCommon):
        line.accept(offer("m=audio 0 RTP/AVP 8"))
    with pytest.raises(SdpSyntaxError):
        line.accept(b"")


@given(st.binary(max_size=200))
def test_any_offer(data: bytes) -> None:
    line = fresh()
    try:
        line.answer(b"v=0\r\nm=audio 4000 RTP/AVP 8\r\n" + data, 20_000)
    except (SdpSyntaxError, NothingInCommon):
        assert line.plan is None


OPUS = ("m=audio 4000 RTP/AVP {speech} {event}", "a=rtpmap:{speech} opus/48000/2")


def opus_dialog(speech: int, event: int, clock: int) -> tuple[Negotiation, bytes]:
    dialog = Negotiation("127.0.0.1", 100, MediaPolicy(("PCMA", "G722", "OPUS")))
    lines = (*OPUS, "a=rtpmap:{event} telephone-event/{clock}")
    filled = [text.format(speech=speech, event=event, clock=clock) for text in lines]
    return dialog, dialog.answer(offer(*filled), 20_000)


def test_events_at_8000_beside_opus_are_taken() -> None:
    dialog, answer = opus_dialog(96, 101, 8000)
    assert dialog.plan is not None
    assert (dialog.plan.codec, dialog.plan.dtmf_payload_type, dialog.plan.dtmf_clock) == ("OPUS", 101, 8000)
    assert b"a=rtpmap:101 telephone-event/8000" in answer


def test_events_at_the_codecs_clock_come_first() -> None:
    dialog, answer = opus_dialog(96, 101, 48_000)
    assert dialog.plan is not None
    assert (dialog.plan.dtmf_payload_type, dialog.plan.dtmf_clock) == (101, None)
    assert b"a=rtpmap:101 telephone-event/48000" in answer


@given(
    st.lists(st.integers(96, 127), min_size=2, max_size=2, unique=True),
    st.sampled_from([8000, 48_000]),
)
def test_no_payload_type_means_two_things_in_a_new_offer(numbers: list[int], clock: int) -> None:
    dialog, _ = opus_dialog(numbers[0], numbers[1], clock)
    media = sdp.parse(dialog.offer(20_000)).media[0]
    assert len(set(media.payload_types)) == len(media.payload_types)
    assert media.encoding(numbers[0]) == "OPUS/48000"
    assert media.encoding(numbers[1]) == f"TELEPHONE-EVENT/{clock}"
    assert {media.encoding(number) for number in media.payload_types} >= {"PCMA/8000", "G722/8000"}


def test_an_answer_of_several_formats_may_turn_to_each() -> None:
    line = Negotiation("127.0.0.1", 100, MediaPolicy(("OPUS", "G722", "PCMA", "PCMU")))
    line.offer(20_000)
    plan = line.accept(
        offer(
            "m=audio 4000 RTP/AVP 9 97 0 18 101",
            "a=rtpmap:97 opus/48000/2",
            "a=rtpmap:101 telephone-event/8000",
        )
    )
    assert plan.codec == "G722"
    assert set(plan.choices) >= {(9, "G722"), (0, "PCMU")}
    assert all(number not in {18, 101} for number, _ in plan.choices)


def test_an_answer_of_g711_alone_needs_no_turning() -> None:
    line = Negotiation("127.0.0.1", 100, MediaPolicy(("G722", "PCMA", "PCMU")))
    line.offer(20_000)
    plan = line.accept(offer("m=audio 4000 RTP/AVP 8 0"))
    assert plan.also == ((0, "PCMU"),)
    assert plan.choices == ()
