"""A seat's presence: what may follow what, wrap-up, reloads, duty hours, and leaving."""

from datetime import date
from typing import Any

import pytest

from hotline.acd.model import LogKind, NotAllowed, Presence, Shift
from hotline.acd.ports import Left
from hotline.conversation import CallId
from hotline.settings import AcdSettings
from tests.fakes.acd_parts import Hall, NotingDevice

pytestmark = pytest.mark.unit


def test_signing_in_is_busy_until_ready_and_twice_is_the_same_seat() -> None:
    hall = Hall()
    seat = hall.seat("li", ready=False)
    assert (seat.presence, seat.reason) == (Presence.BUSY, "signed_in")
    assert hall.acd.sign_in(seat.agent) is seat
    hall.after(4)
    seat.ready()
    seat.ready()
    assert hall.kinds() == [LogKind.AGENTLOGIN, LogKind.READY]
    assert hall.last(LogKind.READY).facts == {"after": "busy", "paused_ms": 4000}


def test_busy_refuses_what_rings_and_a_reason_is_a_code() -> None:
    hall = Hall()
    seat = hall.seat("li")
    hall.call()
    seat.busy("meeting")
    assert (seat.presence, seat.reason, seat.offer) == (Presence.BUSY, "meeting", None)
    assert hall.kinds()[-2:] == [LogKind.REFUSE, LogKind.PAUSE]
    assert hall.last(LogKind.REFUSE).facts["reason"] == "meeting"
    with pytest.raises(NotAllowed, match="bad_reason"):
        seat.busy("Lunch with 13800001111")


def test_busy_while_talking_begins_after_the_wrap_up_and_ready_takes_it_back() -> None:
    hall = Hall(AcdSettings(wrap_up_s=10))
    seat = hall.seat("li")
    hall.call("a")
    hall.take("li")
    seat.busy("rest")
    assert seat.presence is Presence.TALKING
    hall.after(60)
    seat.talk_over(CallId("other"))
    assert seat.presence is Presence.TALKING
    seat.talk_over(CallId("a"))
    assert (seat.presence, seat.call) == (Presence.WRAP_UP, "a")
    assert hall.last(LogKind.WRAPUP).facts == {"talked_ms": 60000}
    hall.after(10)
    assert (seat.presence, seat.reason, seat.call) == (Presence.BUSY, "rest", None)

    seat.talk_began(CallId("b"))
    seat.busy("rest")
    with pytest.raises(NotAllowed, match="talking"):
        seat.ready()
    seat.talk_over(CallId("b"))
    hall.after(10)
    assert hall.kinds()[-1] is LogKind.READY


def test_wrap_up_ends_by_itself_or_by_the_agent() -> None:
    hall = Hall(AcdSettings(wrap_up_s=30))
    seat = hall.seat("li")
    hall.call("a")
    hall.take("li")
    seat.talk_over(CallId("a"))
    hall.call("b")
    hall.after(29)
    assert hall.ringing() == {}
    hall.after(1)
    assert hall.ringing() == {"li": "b"}
    hall.take("li")
    seat.talk_over(CallId("b"))
    hall.call("c")
    seat.ready()
    assert hall.ringing() == {"li": "c"}


def test_a_reload_keeps_the_seat_and_the_offer_comes_back() -> None:
    hall = Hall(AcdSettings(grace_s=15))
    seat = hall.seat("li")
    hall.call()
    first = hall.offer("li")
    seat.unplug(hall.devices["li"])
    assert (seat.presence, seat.offer) == (Presence.READY, None)
    assert hall.last(LogKind.RINGCANCELED).facts["reason"] == "device_gone"
    hall.after(14.9)
    assert "li" in hall.acd.seats
    page = hall.devices["li"] = NotingDevice()
    seat.plug(page)
    assert hall.offer("li").id != first.id
    hall.after(15)
    assert "li" in hall.acd.seats


def test_one_whose_page_does_not_come_back_is_offline() -> None:
    hall = Hall(AcdSettings(grace_s=15))
    seat = hall.seat("li")
    seat.unplug(hall.devices["li"])
    hall.after(15)
    assert hall.acd.seats == {}
    assert seat.presence is Presence.OFFLINE
    off = hall.last(LogKind.AGENTLOGOFF)
    assert off.facts == {"reason": "gone", "signed_in_ms": 15000}
    for refused in (seat.ready, lambda: seat.busy("rest"), lambda: seat.talk_began(CallId("x"))):
        with pytest.raises(NotAllowed, match="offline"):
            refused()
    seat.plug(NotingDevice())
    seat.talk_over(CallId("x"))
    assert hall.acd.sign_in(seat.agent) is not seat


def test_a_sign_in_that_never_opens_a_page_ends_too() -> None:
    hall = Hall(AcdSettings(grace_s=15))
    hall.acd.sign_in(hall.seat("li").agent)
    hall.acd.sign_in(hall.seat("wu").agent.__class__("chen", "Chen", frozenset()))
    hall.after(15)
    assert set(hall.acd.seats) == {"li", "wu"}


def test_a_talk_outlives_the_page_and_the_grace_time() -> None:
    hall = Hall(AcdSettings(grace_s=15, wrap_up_s=30))
    seat = hall.seat("li")
    hall.call("a")
    hall.take("li")
    seat.unplug(hall.devices["li"])
    hall.after(100)
    assert seat.presence is Presence.TALKING
    seat.talk_over(CallId("a"))
    hall.after(0)
    assert hall.kinds()[-1] is LogKind.AGENTLOGOFF


def test_other_devices_keep_ringing_when_one_goes() -> None:
    hall = Hall()
    seat = hall.seat("li")
    phone = NotingDevice("phone")
    seat.plug(phone)
    hall.call()
    seat.unplug(hall.devices["li"])
    assert len(phone.ringing) == 1
    assert seat.presence is Presence.RINGING
    seat.plug(phone)
    assert [kind for kind, _ in phone.heard] == ["ring"]


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ({"licence": "15101", "licence_until": date(2026, 3, 1)}, "licence_expired"),
        ({"shifts": (Shift(frozenset({0}), 10 * 60, 12 * 60),)}, "off_duty"),
    ],
)
def test_who_may_not_take_calls_cannot_go_ready(profile: dict[str, Any], why: str) -> None:
    hall = Hall()
    seat = hall.seat("li", ready=False, **profile)
    with pytest.raises(NotAllowed, match=why):
        seat.ready()
    assert not hall.acd.on_duty("legal")


def test_at_the_end_of_duty_a_ready_agent_is_set_busy_and_waiting_calls_are_told() -> None:
    hall = Hall()
    shift = Shift(frozenset({0}), 9 * 60, 10 * 60)
    seat = hall.seat("li", shifts=(shift,))
    other = hall.seat("wu", shifts=(shift,))
    hall.call("a")
    hall.take("li")
    other.busy("rest")
    waits = hall.call("b")
    hall.after(3599)
    assert waits.position == 1
    other.ready()
    hall.take("wu")
    other.talk_over(CallId("b"))
    hall.after(30)
    assert (other.presence, other.reason) == (Presence.BUSY, "off_duty")
    assert seat.presence is Presence.TALKING  # a talk is not cut
    assert not hall.acd.on_duty("legal")


def test_duty_ends_for_one_who_sits_ready_within_half_a_minute() -> None:
    hall = Hall()
    seat = hall.seat("li", shifts=(Shift(frozenset({0}), 9 * 60, 10 * 60),))
    hall.after(3630)
    assert seat.reason == "off_duty"


def test_forced_log_out_lets_the_talk_go_on() -> None:
    hall = Hall()
    seat = hall.seat("li")
    hall.call("a")
    hall.take("li")
    hall.acd.sign_out("li", by="boss")
    assert seat.presence is Presence.TALKING
    assert not hall.acd.on_duty("legal")
    assert hall.acd.sign_in(seat.agent) is seat  # the page is loaded again: it stays forced out
    with pytest.raises(NotAllowed, match="offline"):
        seat.ready()
    seat.talk_over(CallId("a"))
    assert hall.acd.seats == {}
    facts = hall.last(LogKind.AGENTLOGOFF).facts
    assert (facts["by"], facts["reason"]) == ("boss", "signed_out")
    hall.acd.sign_out("li")


def test_signing_out_withdraws_what_rings_and_signing_in_again_takes_it_back() -> None:
    hall = Hall()
    hall.seat("li")
    hall.seat("wu", ready=False)
    call = hall.call("a")
    page = hall.devices["li"]
    hall.acd.sign_out("li")
    assert page.ringing == []
    assert call.position == 1
    seat = hall.seat("li")
    hall.take("li")
    hall.acd.sign_out("li")
    assert hall.acd.sign_in(seat.agent) is seat
    seat.talk_over(CallId("a"))
    assert "li" in hall.acd.seats


def test_a_talk_that_came_otherwise_withdraws_what_rings() -> None:
    hall = Hall()
    seat = hall.seat("li")
    call = hall.call("a")
    seat.talk_began(CallId("taken"))
    seat.talk_began(CallId("taken"))
    assert call.position == 1
    assert (seat.presence, seat.call, seat.offer) == (Presence.TALKING, "taken", None)
    assert hall.last(LogKind.CONNECT).facts == {"handed": True}
    with pytest.raises(NotAllowed, match="talking"):
        seat.talk_began(CallId("another"))
    call.leave(Left.TIMED_OUT)
    assert hall.kinds()[-1] is LogKind.EXITWITHTIMEOUT
