"""Client transactions: every timer to the millisecond."""

import pytest

from hotline.gateway.sip.message import Request, Response, make_request, make_response
from hotline.gateway.sip.timers import Note, Output, Timers
from hotline.gateway.sip.transaction_client import ClientState, InviteClient, OtherClient, ack_failure, cancel

pytestmark = pytest.mark.unit

TIMERS = Timers()


def request(method: str) -> Request:
    fields = [
        ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
        ("Route", "<sip:p;lr>"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", "<sip:b@h>"),
        ("Call-ID", "c"),
        ("CSeq", f"7 {method}"),
    ]
    return make_request(method, "sip:b@h", fields)


def answer(machine: InviteClient | OtherClient, status: int) -> Response:
    return make_response(machine.request, status, "Reason", to_tag="t")


def run(machine: InviteClient | OtherClient, until: float) -> list[tuple[float, Output]]:
    seen: list[tuple[float, Output]] = []
    while machine.deadline is not None and machine.deadline <= until:
        now = machine.deadline
        seen += [(now, output) for output in machine.due(now)]
    return seen


def invite(*, reliable: bool = False) -> InviteClient:
    return InviteClient(request("INVITE"), TIMERS, 0, reliable=reliable)


def bye(*, reliable: bool = False) -> OtherClient:
    return OtherClient(request("BYE"), TIMERS, 0, reliable=reliable)


def test_invite_is_repeated_by_timer_a_until_timer_b() -> None:
    machine = invite()
    seen = run(machine, 100)
    assert [time for time, output in seen if output is machine.request] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert seen[-2:] == [(32.0, Note.TIMEOUT), (32.0, Note.ENDED)]


def test_invite_on_a_stream_is_sent_once() -> None:
    assert run(invite(reliable=True), 100) == [(32.0, Note.TIMEOUT), (32.0, Note.ENDED)]


def test_a_ringing_call_waits_for_ever() -> None:
    machine = invite()
    passes, sent = machine.receive(answer(machine, 180), 0.2)
    assert (passes, sent, machine.deadline) == (True, [], None)


def test_failure_is_acknowledged_each_time_and_told_once() -> None:
    machine = invite()
    passes, sent = machine.receive(answer(machine, 486), 1.0)
    assert passes
    ack = sent[0]
    assert isinstance(ack, Request)
    assert ack.headers.items == (
        ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
        ("Max-Forwards", "70"),
        ("Route", "<sip:p;lr>"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", "<sip:b@h>;tag=t"),
        ("Call-ID", "c"),
        ("CSeq", "7 ACK"),
    )
    assert machine.receive(answer(machine, 486), 2.0) == (False, [ack])
    assert machine.receive(answer(machine, 180), 2.0) == (False, [])
    assert run(machine, 100) == [(33.0, Note.ENDED)]  # timer D


def test_failure_on_a_stream_ends_at_once() -> None:
    machine = invite(reliable=True)
    machine.receive(answer(machine, 486), 1.0)
    assert run(machine, 1.0) == [(1.0, Note.ENDED)]


def test_every_2xx_is_passed_on_until_timer_m() -> None:
    machine = invite()
    assert machine.receive(answer(machine, 200), 1.0) == (True, [])
    assert machine.state is ClientState.ACCEPTED
    assert machine.receive(answer(machine, 200), 2.0) == (True, [])
    assert machine.receive(answer(machine, 486), 2.0) == (False, [])
    assert run(machine, 100) == [(33.0, Note.ENDED)]


def test_others_are_repeated_by_timer_e_until_timer_f() -> None:
    machine = bye()
    seen = run(machine, 100)
    sent = [time for time, output in seen if output is machine.request]
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert seen[-2:] == [(32.0, Note.TIMEOUT), (32.0, Note.ENDED)]


def test_a_provisional_slows_timer_e_to_t2() -> None:
    machine = bye()
    machine.receive(answer(machine, 100), 0.4)
    assert [time for time, output in run(machine, 9.0) if output is machine.request] == [0.5, 4.5, 8.5]


def test_others_absorb_repeated_answers_for_timer_k() -> None:
    machine = bye()
    assert machine.receive(answer(machine, 200), 1.0) == (True, [])
    assert machine.receive(answer(machine, 200), 2.0) == (False, [])
    assert run(machine, 100) == [(6.0, Note.ENDED)]


def test_others_on_a_stream_end_at_once() -> None:
    machine = bye(reliable=True)
    assert machine.deadline == 32.0
    machine.receive(answer(machine, 200), 1.0)
    assert run(machine, 1.0) == [(1.0, Note.ENDED)]


def test_cancel_copies_what_identifies_the_invite() -> None:
    original = request("INVITE")
    made = cancel(original)
    assert made.uri == original.uri
    assert made.headers.get("CSeq") == "7 CANCEL"
    assert made.head.via == original.head.via
    assert made.headers.get("To") == "<sip:b@h>"


def test_ack_of_failure_has_one_via() -> None:
    original = request("INVITE")
    two = make_request(
        "INVITE", original.uri, [("Via", "SIP/2.0/UDP x;branch=z9hG4bK2"), *original.headers.items]
    )
    made = ack_failure(two, make_response(two, 404, "Not Found", to_tag="t"))
    assert made.headers.all("Via") == ("SIP/2.0/UDP x;branch=z9hG4bK2",)
