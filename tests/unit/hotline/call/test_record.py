"""The one record of a call: each call has exactly one outcome, whatever happened."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import LegId
from asr.transcript import LegFacts
from hotline.call.record import CallFacts
from hotline.conversation import AudioFacts, CallId, EndCause, Outcome, Speaker

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
ANSWERED = START + timedelta(seconds=2)
END = START + timedelta(minutes=3)


def facts(**changes: object) -> CallFacts:
    known = CallFacts(CallId("call-1"), LegId("leg"), "phone", "13800001234", "12348", START, "12348")
    for name, value in changes.items():
        setattr(known, name, value)
    return known


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.ERROR),
        ({"orders": ["SC-1"]}, Outcome.ORDER_FILED),  # filed before it broke: still filed
        ({"failed": False}, Outcome.ABANDONED),
        ({"failed": False, "spoke": True}, Outcome.MESSAGE_TAKEN),
        ({"failed": False, "spoke": True, "orders": ["SC-1"]}, Outcome.ORDER_FILED),
        ({"failed": False, "answered": ANSWERED, "cause": EndCause.REMOTE_HANGUP}, Outcome.ABANDONED),
        ({"failed": False, "answered": ANSWERED, "cause": EndCause.LOCAL_HANGUP}, Outcome.SILENT),
        ({"failed": False, "answered": None, "cause": EndCause.LOCAL_HANGUP}, Outcome.ABANDONED),
    ],
)
def test_outcomes(changes: dict[str, object], outcome: Outcome) -> None:
    assert facts(**changes).outcome() is outcome


def test_the_record_has_everything_that_was_known() -> None:
    known = facts(
        answered=ANSWERED, cause=EndCause.REMOTE_HANGUP, failed=False, spoke=True, digits="1#",
        flow_path=("greeting", "notice"), consent=("2026-11", ANSWERED), origin=4800, orders=["SC-1"],
    )  # fmt: skip
    audio = AudioFacts(received=100, lost=2, codec="PCMA")
    record = known.record(END, audio, LegFacts("whisper", 3, 1, 24_000), ("a.wav", "ab"))
    assert (record.consent_version, record.consent_at) == ("2026-11", ANSWERED)
    assert (record.recording, record.recording_sha256, record.recording_origin) == ("a.wav", "ab", 4800)
    assert (record.orders, record.outcome, record.detail) == (("SC-1",), Outcome.ORDER_FILED, "remote_hangup")
    assert (record.digits, record.flow_path) == ("1#", ("greeting", "notice"))
    (leg,) = record.legs
    assert (leg.speaker, leg.started, leg.ended, leg.audio) == (Speaker.CALLER, ANSWERED, END, audio)
    assert (leg.recognition.engine, leg.recognition.utterances, leg.recognition.degraded) == ("whisper", 3, 1)
    assert leg.recognition.dropped_ms == 1500


def test_a_call_that_was_never_answered_is_recorded_from_its_first_ring() -> None:
    record = facts().record(END, AudioFacts(), LegFacts(), (None, None))
    assert record.legs[0].started == START
    assert (record.answered, record.consent_version, record.consent_at, record.recording) == (None,) * 4


def test_later_orders_do_not_change_a_record_that_was_made() -> None:
    known = facts(orders=["SC-1"])
    record = known.record(END, AudioFacts(), LegFacts(), (None, None))
    known.orders.append("SC-2")
    assert record.orders == ("SC-1",)


@given(
    st.booleans(), st.booleans(), st.sampled_from(EndCause), st.booleans(), st.lists(st.just("o"), max_size=2)
)
def test_whatever_happened_there_is_one_outcome_and_an_order_decides_it(
    failed: bool, spoke: bool, cause: EndCause, answered: bool, orders: list[str]
) -> None:
    known = facts(
        failed=failed, spoke=spoke, cause=cause, answered=ANSWERED if answered else None, orders=orders
    )
    outcome = known.outcome()
    assert (outcome is Outcome.ORDER_FILED) == bool(orders)
    assert outcome not in {Outcome.ANSWERED, Outcome.REJECTED}  # those belong to agents and to admission
