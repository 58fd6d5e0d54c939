"""Server transactions: every timer to the millisecond."""

import pytest

from hotline.gateway.sip.message import Request, Response, make_request, make_response
from hotline.gateway.sip.timers import Note, Output, Timers
from hotline.gateway.sip.transaction_server import InviteServer, OtherServer, ServerState

pytestmark = pytest.mark.unit

TIMERS = Timers()


def request(method: str) -> Request:
    fields = [
        ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", "<sip:b@h>"),
        ("Call-ID", "c"),
        ("CSeq", f"1 {method}"),
    ]
    return make_request(method, "sip:b@h", fields)


def answer(machine: InviteServer | OtherServer, status: int) -> Response:
    return make_response(machine.request, status, "Reason", to_tag="t")


def run(machine: InviteServer | OtherServer, until: float) -> list[tuple[float, Output]]:
    """Let time pass; what came out, and when."""
    seen: list[tuple[float, Output]] = []
    while machine.deadline is not None and machine.deadline <= until:
        now = machine.deadline
        seen += [(now, output) for output in machine.due(now)]
    return seen


def invite(*, reliable: bool = False) -> InviteServer:
    return InviteServer(request("INVITE"), TIMERS, reliable=reliable)


def test_repeated_invite_gets_the_last_provisional() -> None:
    machine = invite()
    assert machine.repeat() == []
    ringing = answer(machine, 180)
    assert machine.respond(ringing, 0) == [ringing]
    assert machine.repeat() == [ringing]
    assert machine.deadline is None


def test_refusal_is_repeated_by_timer_g_until_timer_h() -> None:
    machine = invite()
    busy = answer(machine, 486)
    machine.respond(busy, 0)
    seen = run(machine, 100)
    sent = [time for time, output in seen if output is busy]
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert seen[-2:] == [(32.0, Note.TIMEOUT), (32.0, Note.ENDED)]


def test_reliable_refusal_is_not_repeated() -> None:
    machine = invite(reliable=True)
    machine.respond(answer(machine, 486), 0)
    assert run(machine, 100) == [(32.0, Note.TIMEOUT), (32.0, Note.ENDED)]


def test_ack_stops_repeating_and_timer_i_absorbs_late_ones() -> None:
    machine = invite()
    machine.respond(answer(machine, 486), 0)
    assert machine.ack(1.0) is False
    assert machine.state is ServerState.CONFIRMED
    assert machine.ack(2.0) is False
    assert machine.repeat() == []
    assert run(machine, 100) == [(6.0, Note.ENDED)]


def test_reliable_ack_ends_at_once() -> None:
    machine = invite(reliable=True)
    machine.respond(answer(machine, 486), 0)
    machine.ack(1.0)
    assert run(machine, 1.0) == [(1.0, Note.ENDED)]


def test_accepted_absorbs_invites_passes_acks_and_ends_by_timer_l() -> None:
    machine = invite()
    fine = answer(machine, 200)
    assert machine.respond(fine, 3.0) == [fine]
    assert machine.repeat() == []
    assert machine.ack(4.0) is True
    assert machine.respond(fine, 5.0) == [fine]
    assert run(machine, 100) == [(35.0, Note.ENDED)]


@pytest.mark.parametrize("first", [200, 486])
def test_only_one_final_answer(first: int) -> None:
    machine = invite()
    machine.respond(answer(machine, first), 0)
    assert machine.respond(answer(machine, 500), 0) == []
    assert machine.respond(answer(machine, 180), 0) == []


def test_other_requests_keep_their_answer_for_timer_j() -> None:
    machine = OtherServer(request("BYE"), TIMERS, reliable=False)
    assert machine.repeat() == []
    trying, fine = answer(machine, 100), answer(machine, 200)
    machine.respond(trying, 0)
    assert machine.repeat() == [trying]
    machine.respond(fine, 1.0)
    assert machine.repeat() == [fine]
    assert machine.respond(answer(machine, 500), 1.0) == []
    assert run(machine, 100) == [(33.0, Note.ENDED)]


def test_other_requests_on_streams_are_forgotten_at_once() -> None:
    machine = OtherServer(request("BYE"), TIMERS, reliable=True)
    machine.respond(answer(machine, 200), 1.0)
    assert run(machine, 1.0) == [(1.0, Note.ENDED)]
