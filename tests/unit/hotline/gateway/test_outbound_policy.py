"""Nobody is called whom no rule names."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.outbound_policy import OutboundPolicy, matches
from hotline.gateway_settings import OutboundRule, OutboundSettings

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 23, 12)  # noqa: DTZ001 the hour where the line is


@given(st.text(max_size=25))
def test_by_default_nobody_may_be_called(number: str) -> None:
    policy = OutboundPolicy(OutboundSettings())
    assert not policy.decide(number, 0, NOON).allowed
    assert policy.refused == 1


@pytest.mark.parametrize(
    ("pattern", "number", "fits"),
    [
        ("028XXXXXXXX", "02812345678", True),
        ("028XXXXXXXX", "0281234567", False),
        ("028XXXXXXXX", "008812345678", False),
        ("8XXX", "8110", True),
        ("1.", "13800001234", True),
        ("1.", "1", False),
        ("1.", "213800001234", False),
    ],
)
def test_patterns(pattern: str, number: str, fits: bool) -> None:
    assert matches(pattern, number) is fits


def test_hours_and_shares_of_a_rule() -> None:
    rule = OutboundRule(pattern="8XXX", per_hour=2, from_hour=8, until_hour=20)
    policy = OutboundPolicy(OutboundSettings(rules=(rule,)))
    assert policy.decide("8001", 0, NOON - timedelta(hours=5)).reason == "hours"
    assert [policy.decide("8001", at, NOON).reason for at in (0, 10, 20, 3_599)] == [
        "",
        "",
        "per_hour",
        "per_hour",
    ]
    assert policy.decide("8001", 3_600, NOON).allowed


def test_emergency_numbers_go_to_their_stand_in() -> None:
    policy = OutboundPolicy(OutboundSettings(rules=(OutboundRule(pattern="8XXX"),)))
    decision = policy.decide("110", 0, NOON)
    assert (decision.allowed, decision.number) == (True, "8110")


def test_a_rule_may_hold_over_midnight() -> None:
    rule = OutboundRule(pattern="110", from_hour=22, until_hour=6)
    policy = OutboundPolicy(OutboundSettings(rules=(rule,), emergency={}))
    for hour, allowed in ((21, False), (22, True), (23, True), (0, True), (5, True), (6, False), (12, False)):
        assert policy.decide("110", 0, NOON.replace(hour=hour)).allowed is allowed
