"""What leaves the house: addresses, signatures, JSON, and when a failed delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.orders import NOW
from workorders.addresses import is_allowed
from workorders.departments_http import HttpDepartments
from workorders.errors import RoutingError
from workorders.messages import (
    WorkOrderDispatched,
    WorkOrderEvent,
    WorkOrderFiled,
    WorkOrderReplied,
    WorkOrderReturned,
    WorkOrderSigned,
)
from workorders.outbox import RetryPolicy
from workorders.signature import TOLERANCE_S, BadSignature, sign, verify
from workorders.wire import BadPayload, event_from_json, event_to_json

pytestmark = pytest.mark.unit

SECRET = b"0123456789abcdef"
texts = st.text()
events: st.SearchStrategy[WorkOrderEvent] = st.one_of(
    st.builds(WorkOrderFiled, texts, texts),
    st.builds(
        WorkOrderDispatched,
        texts,
        texts,
        texts,
        texts,
        st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    st.builds(WorkOrderSigned, texts, texts),
    st.builds(WorkOrderReplied, texts, texts),
    st.builds(WorkOrderReturned, texts, texts, texts),
)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://example.gov.cn/orders", True),
        ("https://example.gov.cn:8443/", True),
        ("http://127.0.0.1:9000/", True),
        ("http://[::1]:9000/", True),
        ("http://localhost/", True),
        ("http://example.gov.cn/", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://10.0.0.1/", False),
        ("https://user:secret@example.org/", False),
        ("https:///orders", False),
        ("https://example.org:port/", False),
        ("https://[::1/", False),
        ("ftp://example.org/", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_addresses(address: str, allowed: bool) -> None:
    assert is_allowed(address) is allowed


def test_the_gateway_refuses_a_forbidden_address_by_its_unit() -> None:
    with pytest.raises(RoutingError, match="b, c") as caught:
        HttpDepartments({"c": "http://x/", "a": "https://x/", "b": "ftp://x/"}, lambda *_: (b"secret",))
    assert "http://x" not in str(caught.value)
    gateway = HttpDepartments({"a": "https://x/"}, lambda *_: (b"secret",))
    assert (gateway.serves("a"), gateway.serves("b")) == (True, False)


@given(st.binary(max_size=200), st.text("0123456789abcdef", min_size=1, max_size=32))
def test_a_signature_fits_its_body_delivery_and_secret_only(body: bytes, delivery: str) -> None:
    signature = sign([SECRET], delivery, body, NOW)
    verify(SECRET, delivery, body, signature, NOW + timedelta(seconds=TOLERANCE_S - 1))
    for secret, other_delivery, other_body, at in (
        (SECRET + b"x", delivery, body, NOW),
        (SECRET, delivery + "0", body, NOW),
        (SECRET, delivery, body + b"0", NOW),
        (SECRET, delivery, body, NOW + timedelta(seconds=TOLERANCE_S + 2)),
        (SECRET, delivery, body, NOW - timedelta(seconds=TOLERANCE_S + 2)),
    ):
        with pytest.raises(BadSignature):
            verify(secret, other_delivery, other_body, signature, at)


def test_a_signature_cannot_be_moved_to_another_time() -> None:
    old = sign([SECRET], "d", b"{}", NOW - timedelta(hours=1))
    moved = f"t={int(NOW.timestamp())},{old.split(',')[1]}"
    with pytest.raises(BadSignature):
        verify(SECRET, "d", b"{}", moved, NOW)


@given(st.text())
def test_any_text_is_no_signature(text: str) -> None:
    with pytest.raises(BadSignature):
        verify(SECRET, "d", b"{}", text, NOW)


@given(events)
def test_events_come_back_from_their_rows(event: WorkOrderEvent) -> None:
    assert event_from_json(event_to_json(event)) == event


@given(
    st.dictionaries(
        st.sampled_from(["type", "number", "call_id", "unit", "unit_name", "due", "reason"]),
        st.none() | st.sampled_from(["filed", "dispatched", "returned", "yesterday", "x"]),
    )
)
def test_a_foreign_row_is_our_error_or_an_event(payload: dict[str, str | None]) -> None:
    try:
        event_from_json(payload)
    except BadPayload:
        pass
    else:
        assert payload["type"] in ("filed", "dispatched", "returned")


def test_waits_double_spread_and_end() -> None:
    policy = RetryPolicy(first_s=5, longest_s=60, attempts=7)
    means = [policy.delay(attempt, 0.5) for attempt in range(1, 8)]
    assert means == [*(timedelta(seconds=s) for s in (5, 10, 20, 40, 60, 60)), None]
    assert policy.delay(1, 0.0) == timedelta(seconds=2.5)
    assert RetryPolicy().delay(10_000, 0.5) is None
    assert RetryPolicy(attempts=10**9).delay(10**8, 0.5) == timedelta(hours=1)


def test_the_default_policy_keeps_trying_for_hours() -> None:
    policy = RetryPolicy()
    waits = [policy.delay(attempt, 0.5) for attempt in range(1, policy.attempts)]
    total = sum((wait for wait in waits if wait is not None), timedelta())
    assert timedelta(hours=5) < total < timedelta(hours=8)
    assert datetime(2026, 1, 1, tzinfo=UTC) + total
