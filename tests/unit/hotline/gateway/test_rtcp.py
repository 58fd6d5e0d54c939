"""RTCP: what we send can be read, and no bytes do harm."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway import rtcp

pytestmark = pytest.mark.unit

BLOCK = rtcp.Received(
    ssrc=7, fraction_lost=64, lost=-2, highest=70_000, jitter=12, last_report=99, delay=65_536
)


def test_a_sender_reports_both_ways() -> None:
    data = rtcp.report(1, "name", 1_000_000.5, rtcp.Sent(160, 10, 1600), BLOCK)
    heard = rtcp.parse(data)
    assert (heard.ssrc, heard.bye) == (1, False)
    seconds = (1_000_000 + 2_208_988_800) & 0xFFFF
    assert heard.report == seconds << 16 | 0x8000
    assert struct.unpack_from("!II", data, 28) == (7, 64 << 24 | 0xFFFFFE)
    assert b"name" in data
    assert len(data) % 4 == 0


def test_a_receiver_that_sent_nothing_makes_no_sender_report() -> None:
    heard = rtcp.parse(rtcp.report(1, "name", 0.0, None, BLOCK))
    assert heard.report is None


def test_goodbye() -> None:
    assert rtcp.parse(rtcp.report(1, "n", 0.0, None, None, bye=True)).bye


@given(st.text("abcdefgh", max_size=16))
def test_every_length_of_name_is_padded(name: str) -> None:
    rtcp.parse(rtcp.report(1, name, 0.0, None, None, bye=True))


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data: bytes) -> None:
    with contextlib.suppress(rtcp.RtcpSyntaxError):
        rtcp.parse(data)


@given(st.data())
def test_no_cut_or_changed_compound_does_harm(data: st.DataObject) -> None:
    good = bytearray(rtcp.report(1, "name", 5.0, rtcp.Sent(1, 2, 3), BLOCK, bye=True))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(good[: data.draw(st.integers(0, len(good)))])
    with contextlib.suppress(rtcp.RtcpSyntaxError):
        rtcp.parse(cut)


def test_names_are_random() -> None:
    assert rtcp.make_cname() != rtcp.make_cname()


@given(st.binary(max_size=300))
def test_what_follows_a_report_may_be_anything(rest: bytes) -> None:
    try:
        rtcp.parse(rtcp.report(7, "c", 1e9, None, None) + rest)
    except rtcp.RtcpSyntaxError:
        return


def test_report_blocks_come_back() -> None:
    block = rtcp.Received(77, 12, -3, 65_537, 40, 0x1234_5678, 65_536)
    for sent in (None, rtcp.Sent(1, 2, 3)):
        heard = rtcp.parse(rtcp.report(7, "c", 1e9, sent, block))
        assert heard.blocks == (block,)


def test_voip_metrics_come_back() -> None:
    said = rtcp.Voip(77, 0.125, 0.25, 0.5, 0.0, 30, 80, 82, 4.1, 60)
    compound = rtcp.report(7, "c", 1e9, None, None) + rtcp.voip_report(7, said)
    assert rtcp.parse(compound).voip == (said,)
    unknown = rtcp.Voip(77, 0.0, 0.0, 0.0, 0.0, 0, 0, None, None, 0)
    heard = rtcp.parse(rtcp.report(7, "c", 1e9, None, None) + rtcp.voip_report(7, unknown))
    assert heard.voip == (unknown,)
