"""INVITE → 200 from sipp's message trace: the first of each, whatever comes between and again."""

import pytest

from scripts.bench_sip import setup_times

pytestmark = pytest.mark.unit


def traced(time: str, way: str, first: str, call: str) -> str:
    words = "message sent (300 bytes):" if way == "sent" else "message received [300] bytes :"
    rule = "-" * 47
    return f"{rule} 2026-11-23 12:46:{time}\nUDP {words}\n\n{first}\nVia: x\nCall-ID: {call}\n\nv=0\n\n"


def test_each_call_counts_once_from_its_first_invite() -> None:
    trace = "".join((
        traced("34.100000", "sent", "INVITE sip:a@b SIP/2.0", "one"),
        traced("34.101000", "sent", "INVITE sip:a@b SIP/2.0", "two"),
        traced("34.102500", "received", "SIP/2.0 100 Trying", "one"),
        traced("34.103000", "received", "SIP/2.0 200 OK", "two"),
        traced("34.600000", "sent", "INVITE sip:a@b SIP/2.0", "one"),
        traced("34.610000", "received", "SIP/2.0 200 OK", "one"),
        traced("35.610000", "sent", "BYE sip:a@b SIP/2.0", "one"),
        traced("35.620000", "received", "SIP/2.0 200 OK", "one"),
    ))  # fmt: skip
    assert setup_times(trace) == pytest.approx([2.0, 510.0])


def test_a_call_without_answer_has_no_time() -> None:
    assert setup_times(traced("34.1", "sent", "INVITE sip:a@b SIP/2.0", "one")) == []
