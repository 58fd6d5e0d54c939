"""Dialogs: routes, targets, order, and repeating the 2xx."""

import pytest

from hotline.gateway.sip.dialog import Answer2xx, Dialog
from hotline.gateway.sip.message import Request, SipSyntaxError, make_request, make_response
from hotline.gateway.sip.timers import Note, Output, Timers

pytestmark = pytest.mark.unit

VIA = "SIP/2.0/UDP us;branch=z9hG4bKus"


def invite(*extra: tuple[str, str], contact: str = "<sip:a@192.0.2.1:5070>", cseq: int = 5) -> Request:
    fields = [
        ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
        ("From", '"A" <sip:a@h>;tag=far'),
        ("To", "<sip:12348@us>"),
        ("Call-ID", "c"),
        ("CSeq", f"{cseq} INVITE"),
        *extra,
    ]
    return make_request("INVITE", "sip:12348@us", [*fields, ("Contact", contact)] if contact else fields)


def test_called_side() -> None:
    dialog = Dialog.as_uas(invite(("Record-Route", "<sip:p1;lr>"), ("Record-Route", "<sip:p2;lr>")), "near")
    assert dialog.ident == ("c", "near", "far")
    bye = dialog.request("BYE", VIA)
    assert bye.uri == "sip:a@192.0.2.1:5070"
    assert bye.headers.all("Route") == ("<sip:p1;lr>", "<sip:p2;lr>")
    assert bye.headers.get("From") == "<sip:12348@us>;tag=near"
    assert bye.headers.get("To") == '"A" <sip:a@h>;tag=far'
    assert bye.headers.get("CSeq") == "1 BYE"
    assert dialog.next_hop.host == "p1"


def test_calling_side_reverses_the_routes() -> None:
    sent = invite()
    fields = [
        ("Record-Route", "<sip:p1;lr>"),
        ("Record-Route", "<sip:p2;lr>"),
        ("Contact", "<sip:b@192.0.2.9>"),
    ]
    dialog = Dialog.as_uac(sent, make_response(sent, 200, "OK", fields, to_tag="callee"))
    assert dialog.ident == ("c", "far", "callee")
    ack = dialog.request("ACK", VIA, cseq=5)
    assert ack.headers.all("Route") == ("<sip:p2;lr>", "<sip:p1;lr>")
    assert (ack.uri, ack.head.cseq) == ("sip:b@192.0.2.9", 5)
    assert dialog.request("BYE", VIA).head.cseq == 6


def test_a_strict_router_becomes_the_request_uri() -> None:
    dialog = Dialog.as_uas(invite(("Record-Route", "<sip:strict>"), ("Record-Route", "<sip:p2;lr>")), "near")
    bye = dialog.request("BYE", VIA)
    assert bye.uri == "sip:strict"
    assert bye.headers.all("Route") == ("<sip:p2;lr>", "<sip:a@192.0.2.1:5070>")


@pytest.mark.parametrize("contact", ["", "garbage", "<sip:a@h", "<mailto:a@h>"])
def test_no_dialog_without_contact(contact: str) -> None:
    with pytest.raises(SipSyntaxError):
        Dialog.as_uas(invite(contact=contact), "near")


def test_order_and_target_refresh() -> None:
    dialog = Dialog.as_uas(invite(), "near")
    assert not dialog.in_order(invite(cseq=5))
    later = invite(cseq=9, contact="<sip:a@192.0.2.2>")
    assert dialog.in_order(later)
    assert not dialog.in_order(invite(cseq=8))
    dialog.refresh(later)
    assert dialog.target == "sip:a@192.0.2.2"
    dialog.refresh(invite(contact="garbage"))
    assert dialog.target == "sip:a@192.0.2.2"


def test_2xx_is_repeated_from_t1_to_t2_for_64_t1() -> None:
    response = make_response(invite(), 200, "OK", to_tag="near")
    answer = Answer2xx(response, Timers(), 0)
    seen: list[tuple[float, Output]] = []
    while not seen or seen[-1][1] is not Note.TIMEOUT:
        now = answer.deadline
        seen += [(now, output) for output in answer.due(now)]
    sent = [time for time, output in seen if output is response]
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert seen[-1] == (32.0, Note.TIMEOUT)
