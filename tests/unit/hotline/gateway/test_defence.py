"""Who is banned, who is not, and for how long."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway import defence
from hotline.gateway.defence import UNPROVED_BAN_S, Ban, Defence
from hotline.gateway.sip.guard import Deed, Verdict
from hotline.gateway_settings import DefenceSettings

pytestmark = pytest.mark.unit

STRANGER, OFFICE, TRUNK = "203.0.113.7", "198.51.100.2", "10.0.0.1"


def make(**settings: float) -> Defence:
    return Defence(DefenceSettings(trusted=("10.0.0.0/8",), **settings))


def wrong(one: Defence, source: str, times: int, *, at: float = 0.0, user: str = "8001") -> None:
    """Over a stream."""
    for _ in range(times):
        one.note(source, Deed.BAD_CREDENTIALS, at, user, proved=True)


def test_guessing_passwords_leads_to_a_ban_that_doubles() -> None:
    one, now, lengths = make(), 0.0, []
    for _ in range(3):
        wrong(one, STRANGER, 4, at=now)
        (ban,) = one.bans(now)
        lengths.append(ban.seconds)
        assert one.admits(STRANGER, now) is Verdict.DROP
        now += ban.seconds + 1
        assert one.admits(STRANGER, now) is Verdict.PASS
    assert lengths == [600, 1_200, 2_400]


def test_longest_ban() -> None:
    one = make(max_ban_minutes=30)
    for step in range(10):
        wrong(one, STRANGER, 4, at=step * 100_000.0)
    assert one.bans(900_000)[0].seconds <= 1_800


def test_forged_datagrams_ban_for_half_a_minute_only() -> None:
    one = make()
    for step in range(5):
        for _ in range(20):
            one.note(STRANGER, Deed.MALFORMED, step * 100.0)
        assert one.bans(step * 100.0)[0].seconds == UNPROVED_BAN_S


def test_an_address_that_proved_itself_is_not_banned_long_by_forged_datagrams() -> None:
    one = make()
    one.note(OFFICE, Deed.GOOD_CREDENTIALS, 0, "8002")
    for _ in range(20):
        one.note(OFFICE, Deed.SCANNER, 1)
    (ban,) = one.bans(1)
    assert (ban.seconds, ban.times) == (UNPROVED_BAN_S, 0)


def test_forged_datagrams_add_nothing_to_the_length_of_a_ban() -> None:
    one = make()
    for _ in range(11):
        one.note(STRANGER, Deed.MALFORMED, 0)
    one.note(STRANGER, Deed.MALFORMED, 0, proved=True)
    assert one.bans(0)[0].seconds == UNPROVED_BAN_S


def test_a_phone_that_keeps_guessing_never_bans_its_office() -> None:
    one = make()
    one.note(OFFICE, Deed.GOOD_CREDENTIALS, 0, "8002")
    for second in range(3_000):
        wrong(one, OFFICE, 1, at=float(second), user="8001")
        assert one.admits(OFFICE, float(second)) is Verdict.PASS
    assert one.bans(3_000) == ()


def test_user_names_are_forgotten_the_oldest_first() -> None:
    one, now = make(threshold=1_000), 0.0
    one.note(OFFICE, Deed.GOOD_CREDENTIALS, now, "8002")
    for user in range(300):
        now += 2.0
        wrong(one, OFFICE, 5, at=now, user=f"guess{user}")
    blocked = [user for user in range(300) if one.blocked(OFFICE, f"guess{user}", now)]
    assert blocked == list(range(200, 300))


def test_who_only_asks_is_never_banned() -> None:
    """A first 401 is no deed: nothing is noted for it. Slow mistakes are forgiven."""
    one = make()
    for minute in range(100):
        one.note(STRANGER, Deed.UNKNOWN_NUMBER, minute * 60.0)
        assert one.admits(STRANGER, minute * 60.0) is Verdict.PASS
    assert one.bans(6_000) == ()


def test_one_bad_phone_does_not_ban_its_office() -> None:
    one = make()
    one.note(OFFICE, Deed.GOOD_CREDENTIALS, 0, "8002")
    wrong(one, OFFICE, 5, at=1)
    assert one.blocked(OFFICE, "8001", 2)
    assert not one.blocked(OFFICE, "8002", 2)
    assert not one.blocked(STRANGER, "8001", 2)
    assert one.admits(OFFICE, 2) is Verdict.PASS
    assert one.bans(2) == ()
    assert not one.blocked(OFFICE, "8001", 601)
    for user in range(50):  # a real attack from there still ends
        wrong(one, OFFICE, 1, at=3, user=f"guess{user}")
    assert one.bans(3) != ()


def test_call_in_progress_outlives_a_ban() -> None:
    one = make()
    one.note(STRANGER, Deed.CALL_BEGUN, 0)
    for _ in range(200):
        one.note(STRANGER, Deed.SCANNER, 4_000)
    assert one.admits(STRANGER, 4_001) is Verdict.DIALOGS_ONLY
    one.note(STRANGER, Deed.CALL_ENDED, 4_002)
    assert one.admits(STRANGER, 4_003) is Verdict.DROP


def test_floods_are_slowed_trusted_ones_politely() -> None:
    one = make(messages_per_second=10, trusted_messages_per_second=10, burst=20)
    for source, beyond in ((STRANGER, Verdict.DROP), (TRUNK, Verdict.BUSY)):
        verdicts = [one.admits(source, 0.0) for _ in range(30)]
        assert verdicts == [Verdict.PASS] * 20 + [beyond] * 10
        assert one.admits(source, 0.1) is Verdict.PASS
        assert one.admits(source, 0.1) is beyond
    for _ in range(100):
        one.note(TRUNK, Deed.MALFORMED, 0.2)
    assert one.bans(0.2)[:0] == ()
    assert all(ban.source != TRUNK for ban in one.bans(0.2))


@pytest.mark.parametrize("calls", [50, 100])
def test_a_trunk_may_bring_a_hundred_calls_a_second(calls: int) -> None:
    one = make()
    moments = sorted(at / calls + late for at in range(calls * 20) for late in (0.0, 0.05, 5.0))
    assert {one.admits(TRUNK, now) for now in moments} == {Verdict.PASS}


def test_a_call_is_still_known_when_a_ban_was_lifted() -> None:
    one = make()
    one.note(STRANGER, Deed.CALL_BEGUN, 0)
    for _ in range(2):
        for _ in range(20):
            one.note(STRANGER, Deed.SCANNER, 4_000)
        assert one.admits(STRANGER, 4_001) is Verdict.DIALOGS_ONLY
        one.lift(STRANGER)


def test_a_full_table_keeps_those_in_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defence, "SOURCES", 50)
    one = make()
    for _ in range(20):
        one.note(OFFICE, Deed.CALL_BEGUN, 0)
    for address in range(1_000):
        one.note(str(IPv4Address(address)), Deed.SCANNER, 1.0)
    for _ in range(20):
        one.note(OFFICE, Deed.SCANNER, 4_000)
    assert one.admits(OFFICE, 4_000) is Verdict.DIALOGS_ONLY


def test_an_ipv6_network_is_one_source() -> None:
    one = make()
    for host in range(20):
        one.note(f"2001:db8::{host:x}", Deed.MALFORMED, 0)
    assert one.admits("2001:db8::ffff", 1) is Verdict.DROP
    assert one.admits("2001:db8:0:1::1", 1) is Verdict.PASS
    assert one.bans(1)[0].source == "2001:db8::/64"


def test_bans_can_be_lifted_and_survive_a_restart() -> None:
    one = make()
    wrong(one, STRANGER, 4)
    other = make()
    other.restore(one.bans(100), 5)
    assert other.bans(5) == (Ban(STRANGER, 500, 1),)
    assert other.lift(STRANGER)
    assert not other.lift(STRANGER)
    assert other.admits(STRANGER, 6) is Verdict.PASS
    assert other.changed


@pytest.mark.parametrize(
    ("agent", "known"),
    [("friendly-scanner", True), ("SIPVicious/0.3", True), ("baresip v1", False), ("", False)],
)
def test_scanners_names(agent: str, known: bool) -> None:
    assert make().scanner(agent) is known


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(list(Deed))), max_size=50))
def test_memory_is_bounded(deeds: list[tuple[int, Deed]]) -> None:
    one = make()
    limit, defence.SOURCES = defence.SOURCES, 10
    try:
        for at, (address, deed) in enumerate(deeds):
            one.note(str(IPv4Address(address)), deed, float(at))
            one.admits("::1", float(at))
    finally:
        defence.SOURCES = limit
    assert one.stats(100).sources <= 11


def test_off_means_off() -> None:
    one = make(enabled=False, burst=1)
    for _ in range(50):
        one.note(STRANGER, Deed.SCANNER, 0)
        assert one.admits(STRANGER, 0) is Verdict.PASS
