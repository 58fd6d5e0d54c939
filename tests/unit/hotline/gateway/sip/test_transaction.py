"""The transaction layer: matching, merging, bounds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hotline.gateway.sip.message import Request, Response, make_request, make_response
from hotline.gateway.sip.timers import Timers
from hotline.gateway.sip.transaction import (
    Arrived,
    Done,
    Effect,
    Failed,
    Hop,
    Key,
    Replied,
    Send,
    TransactionLayer,
)

pytestmark = pytest.mark.unit

HOP = Hop("UDP", "192.0.2.1", 5060)


def request(
    method: str = "INVITE", branch: str = "z9hG4bKone", call: str = "c", to: str = "", cseq: int = 1
) -> Request:
    fields = [
        ("Via", f"SIP/2.0/UDP h;branch={branch}" if branch else "SIP/2.0/UDP h"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", f"<sip:b@h>{to}"),
        ("Call-ID", call),
        ("CSeq", f"{cseq} {method}"),
    ]
    return make_request(method, "sip:b@h", fields)


def statuses(effects: Sequence[Effect]) -> list[int]:
    return [
        effect.message.status
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, Response)
    ]


def arrive(layer: TransactionLayer, message: Request, now: float = 0.0) -> Key:
    effects = layer.receive(message, HOP, now)
    arrived = [effect for effect in effects if isinstance(effect, Arrived)]
    assert len(arrived) == 1
    assert arrived[0].key is not None
    return arrived[0].key


@pytest.mark.parametrize("branch", ["z9hG4bKone", "old-style", "", "z9hG4bK"])
def test_an_invite_sent_three_times_rings_once(branch: str) -> None:
    layer = TransactionLayer(Timers())
    invite = request(branch=branch)
    first = layer.receive(invite, HOP, 0)
    assert statuses(first) == [100]
    key = next(effect.key for effect in first if isinstance(effect, Arrived))
    assert key is not None
    assert statuses(layer.receive(invite, HOP, 0.5)) == [100]
    layer.respond(key, make_response(invite, 180, "Ringing", to_tag="t"), 0.6)
    again = layer.receive(invite, HOP, 1.5)
    assert statuses(again) == [180]
    assert not any(isinstance(effect, Arrived) for effect in again)
    assert layer.counters.absorbed == 2


def test_the_same_branch_from_another_sender_is_another_transaction() -> None:
    layer = TransactionLayer(Timers())
    arrive(layer, request(call="one"))
    other = request(call="two")
    head = replace(other.head, via=replace(other.head.via, host="elsewhere"))
    arrive(layer, replace(other, head=head))


def test_merged_requests_are_refused() -> None:
    layer = TransactionLayer(Timers())
    arrive(layer, request())
    assert statuses(layer.receive(request(branch="z9hG4bKtwo"), HOP, 0)) == [482]
    assert layer.counters.merged == 1


def test_ack_of_a_refusal_is_swallowed() -> None:
    layer = TransactionLayer(Timers())
    key = arrive(layer, request())
    layer.respond(key, make_response(request(), 486, "Busy", to_tag="t"), 0)
    assert layer.receive(request("ACK", to=";tag=t"), HOP, 0.1) == []
    assert layer.due(100) == []
    assert len(layer) == 0


@pytest.mark.parametrize("branch", ["z9hG4bKone", "z9hG4bKacknowledged"])
def test_ack_of_a_2xx_reaches_the_core_whatever_its_branch(branch: str) -> None:
    layer = TransactionLayer(Timers())
    key = arrive(layer, request())
    layer.respond(key, make_response(request(), 200, "OK", to_tag="t"), 0)
    ack = request("ACK", branch=branch, to=";tag=t")
    assert layer.receive(ack, HOP, 0.1) == [Arrived(ack, HOP, None)]


def test_cancel_finds_its_invite_while_it_is_pending() -> None:
    layer = TransactionLayer(Timers())
    key = arrive(layer, request())
    assert layer.invite_of(request("CANCEL")) == key
    assert layer.pending(key)
    layer.respond(key, make_response(request(), 200, "OK", to_tag="t"), 0)
    assert not layer.pending(key)
    assert layer.invite_of(request("CANCEL", branch="z9hG4bKother")) is None


def test_a_full_table_says_503_and_keeps_nothing() -> None:
    layer = TransactionLayer(Timers(), capacity=2)
    for number in range(2):
        arrive(layer, request(branch=f"z9hG4bK{number}", call=str(number)))
    assert statuses(layer.receive(request(branch="z9hG4bKx", call="x"), HOP, 0)) == [503]
    assert len(layer) == 2
    assert layer.counters.overloaded == 1


def test_unanswered_request_fails_after_timer_f_and_is_forgotten() -> None:
    layer = TransactionLayer(Timers())
    key, effects = layer.request(request("BYE"), HOP, 0)
    assert isinstance(effects[0], Send)
    seen = []
    while (deadline := layer.deadline) is not None:
        seen += [(deadline, effect) for effect in layer.due(deadline)]
    assert seen[-2:] == [(32.0, Failed(key)), (32.0, Done(key))]
    assert len([1 for _, effect in seen if isinstance(effect, Send)]) == 10
    assert len(layer) == 0


def test_answers_find_their_request() -> None:
    layer = TransactionLayer(Timers())
    sent = request("BYE")
    key, _ = layer.request(sent, HOP, 0)
    answer = make_response(sent, 200, "OK", to_tag="t")
    assert layer.receive(answer, HOP, 1) == [Replied(key, answer)]
    assert layer.receive(answer, HOP, 2) == []
    assert layer.due(6) == [Done(key)]
    assert layer.receive(answer, HOP, 7) == []
    assert layer.counters.stray == 1


def test_a_broken_transport_fails_at_once() -> None:
    layer = TransactionLayer(Timers())
    key, _ = layer.request(request("INVITE"), HOP, 0)
    assert layer.broken(key) == [Failed(key), Done(key)]
    assert layer.deadline is None
    assert layer.broken(key) == []


def test_no_ack_for_a_refusal_is_told() -> None:
    layer = TransactionLayer(Timers())
    key = arrive(layer, request())
    layer.respond(key, make_response(request(), 486, "Busy", to_tag="t"), 0)
    seen = []
    while (deadline := layer.deadline) is not None:
        seen += layer.due(deadline)
    assert Failed(key) in seen
    arrive(layer, request(branch="z9hG4bKlater"), 50)  # nothing of the old call stands in the way
