"""What a supervisor is told of, in which order, and who has seen to it."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from hotline.acd.model import Agent
from hotline.acd.policy import Alerts
from hotline.conversation import CallId
from hotline.store.audit import AuditEntry
from hotline.store.views import CallRow
from hotline.web.alerts import KEY, Seen, Waiter, alerts_json, find
from workorders.similar import Cluster

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
POLICY = Alerts(flags=("crisis", "group", "green_channel"), hours=12, wait_s=60, licence_days=30)
ROW = CallRow(
    CallId("c"), "sip", "13800001234", "12348", True, NOW, NOW, None, None, "", "", "", "", "", (), (), False
)  # fmt: skip


def call(name: str, *flags: str, ago_s: float = 0, open_: bool = True) -> CallRow:
    return replace(ROW, call=CallId(name), flags=flags, started=NOW - timedelta(seconds=ago_s), open=open_)


def agent(name: str, until: date | None) -> Agent:
    return Agent(name, name.title(), frozenset(), licence_until=until)


def test_the_gravest_first_and_a_call_once() -> None:
    calls = [
        call("wages", "green_channel", ago_s=5),
        call("many", "green_channel", "group", ago_s=60),
        call("older", "crisis", "group", ago_s=900, open_=False),
        call("newer", "crisis", ago_s=30),
        call("plain", "minor"),
    ]
    found = find(POLICY, calls, [Waiter("w", "138****0009", NOW - timedelta(seconds=61))], [], NOW)
    assert [each.key for each in found] == [
        "crisis:newer",
        "crisis:older",
        "group:many",
        "green_channel:wages",
        "wait:w",
    ]
    assert found[0].caller == "138****1234"
    assert [each.open for each in found[:2]] == [True, False]


def test_old_calls_and_short_waits_are_no_alert() -> None:
    calls = [call("yesterday", "crisis", ago_s=13 * 3600)]
    assert find(POLICY, calls, [Waiter("w", "", NOW - timedelta(seconds=59))], [], NOW) == []


def test_licences_that_run_out() -> None:
    agents = [
        agent("gone", date(2026, 11, 23)),
        agent("soon", date(2026, 12, 24)),
        agent("later", date(2026, 12, 25)),
        agent("none", None),
    ]
    found = find(POLICY, [], [], agents, NOW)
    assert [(each.subject, each.agent, each.until) for each in found] == [
        ("gone", "Gone", date(2026, 11, 23)),
        ("soon", "Soon", date(2026, 12, 24)),
    ]
    assert [each.key for each in found] == ["licence:gone:2026-11-23:over", "licence:soon:2026-12-24"]


def test_what_is_seen_to_goes_down_and_the_first_who_did_stays() -> None:
    seen = Seen()
    assert not seen.read
    assert seen.by("crisis:a") is None
    seen.begin([AuditEntry(1, NOW, "zhao", "alert.seen", "crisis:a", "")])
    seen.add("crisis:a", "qian", NOW + timedelta(seconds=1))
    rows = alerts_json(find(POLICY, [call("a", "crisis"), call("b", "group")], [], [], NOW), seen)
    assert [(row["key"], row["seen_by"]) for row in rows] == [("group:b", None), ("crisis:a", "zhao")]
    assert rows[0]["seen_at"] is None


@pytest.mark.parametrize(
    ("key", "good"),
    [("crisis:20261124-ab", True), ("x", False), ("a:b/c", False), (":", False), ("A:b", False)],
)
def test_keys(key: str, good: bool) -> None:
    assert bool(re.fullmatch(KEY, key)) is good


def test_a_party_that_many_call_about_is_told_of_anew_when_it_has_grown() -> None:
    seen = Seen()
    seen.begin([])

    def told(callers: int) -> dict[str, object]:
        party = Cluster("510104:宏达建筑/二分公司", callers + 1, callers, NOW)
        [row] = alerts_json(find(POLICY, [], [], [], NOW, [party]), seen)
        return row

    first = told(3)
    assert (first["kind"], first["party"], first["callers"], first["orders"]) == (
        "cluster", "宏达建筑/二分公司", 3, 4,
    )  # fmt: skip
    assert re.fullmatch(KEY, str(first["key"]))
    seen.add(str(first["key"]), "li", NOW)
    assert told(4)["seen_by"] == "li"
    assert told(10)["seen_by"] is None
