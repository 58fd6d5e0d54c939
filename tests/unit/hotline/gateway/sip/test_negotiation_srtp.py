"""Keys in offers and answers (RFC 4568): which are agreed, and that none is ever taken up again."""

from typing import Literal

import pytest

from hotline.gateway.sip import sdp
from hotline.gateway.sip.negotiation import MediaPolicy, Negotiation, NothingInCommon
from hotline.gateway.srtp import SUITES, Crypto, SrtpKeys

pytestmark = pytest.mark.unit

SUITE, OTHER = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"


def text(*lines: Crypto, proto: str = "RTP/SAVP", port: int = 4000) -> bytes:
    """A peer's offer or answer with these keys."""
    media = "\r\n".join([f"m=audio {port} {proto} 8", *map(str, lines)])
    return sdp.build("192.0.2.1", (1, 1), [media])


def line(srtp: Literal["off", "allow", "require"] = "allow") -> Negotiation:
    return Negotiation("127.0.0.1", 100, MediaPolicy(("PCMA",), srtp))


def said(description: bytes) -> tuple[Crypto, ...]:
    return sdp.parse(description).media[0].crypto


def agreed(dialog: Negotiation) -> SrtpKeys:
    assert dialog.plan is not None
    assert dialog.plan.srtp is not None
    return dialog.plan.srtp


@pytest.mark.parametrize("proto", ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP"])
@pytest.mark.parametrize("suite", SUITES)
def test_an_offered_key_is_answered_with_its_tag_and_suite(suite: str, proto: str) -> None:
    dialog, theirs = line(), Crypto.make(7, suite)
    answer = dialog.answer(text(theirs, proto=proto), 20_000)
    assert sdp.parse(answer).media[0].proto == proto
    (ours,) = said(answer)
    assert (ours.tag, ours.suite) == (7, suite)
    assert (agreed(dialog).ours, agreed(dialog).theirs) == (ours.key, theirs.key)


def test_the_key_stays_while_the_peers_does() -> None:
    dialog, theirs = line(), Crypto.make(1, SUITE)
    first = dialog.answer(text(theirs), 20_000)
    assert dialog.answer(text(theirs, port=4002), 20_000) == first
    assert said(dialog.offer(20_000))[0].key == agreed(dialog).ours


def test_no_key_is_taken_up_again() -> None:
    dialog = line()
    one, two, gcm = Crypto.make(1, SUITE), Crypto.make(1, SUITE), Crypto.make(1, OTHER)
    used = []
    for offer in (text(one), text(two), text(gcm), text(two), text(one)):
        dialog.answer(offer, 20_000)
        if dialog.plan is not None and dialog.plan.srtp is not None:
            used.append(dialog.plan.srtp.ours)
    assert len(used) == len(set(used)) == 5


def test_a_failed_round_leaves_the_keys() -> None:
    dialog, theirs = line("require"), Crypto.make(1, SUITE)
    dialog.answer(text(theirs), 20_000)
    before = dialog.plan
    with pytest.raises(NothingInCommon):
        dialog.answer(text(proto="RTP/AVP"), 20_000)
    assert dialog.plan == before
    dialog.check(text(Crypto.make(1, SUITE)))
    assert dialog.plan == before


def test_an_answer_takes_a_line_of_our_offer() -> None:
    dialog = line("require")
    lines = said(dialog.offer(20_000))
    assert [item.suite for item in lines] == list(SUITES)
    chosen, theirs = lines[2], Crypto.make(lines[2].tag, lines[2].suite)
    assert dialog.accept(text(theirs)).srtp == SrtpKeys(chosen.suite, chosen.key, theirs.key)


def test_an_answer_with_a_line_we_did_not_offer_is_refused() -> None:
    dialog = line("require")
    dialog.offer(20_000)
    for wrong in (text(Crypto.make(9, SUITE)), text(Crypto.make(1, SUITE)), text(), text(proto="RTP/AVP")):
        with pytest.raises(NothingInCommon):
            dialog.accept(wrong)


def test_an_answer_may_bring_a_new_key_while_ours_stays() -> None:
    dialog = line()
    dialog.answer(text(Crypto.make(4, SUITE)), 20_000)
    ours, theirs = agreed(dialog).ours, Crypto.make(1, SUITE)
    dialog.offer(20_000)
    dialog.accept(text(theirs))
    assert agreed(dialog) == SrtpKeys(SUITE, ours, theirs.key)


def test_keys_are_refused_or_demanded_as_set() -> None:
    with pytest.raises(NothingInCommon):
        line("off").answer(text(Crypto.make(1, SUITE)), 20_000)
    with pytest.raises(NothingInCommon):
        line("require").answer(text(proto="RTP/AVP"), 20_000)
    plain = line("off")
    assert not said(plain.answer(text(Crypto.make(1, SUITE), proto="RTP/AVP"), 20_000))
    assert plain.plan is not None
    assert plain.plan.srtp is None


@pytest.mark.parametrize("srtp", ["allow", "require"])
def test_a_protected_call_stays_so(srtp: Literal["allow", "require"]) -> None:
    dialog, theirs = line(srtp), Crypto.make(1, SUITE)
    dialog.answer(text(theirs), 20_000)
    before = agreed(dialog)
    with pytest.raises(NothingInCommon):
        dialog.answer(text(proto="RTP/AVP"), 20_000)
    assert agreed(dialog) == before


def readable(srtp: Literal["off", "allow", "require"]) -> Negotiation:
    """Over a way that others can read."""
    return Negotiation("127.0.0.1", 100, MediaPolicy(("PCMA",), srtp, private=False))


def test_no_key_goes_where_it_can_be_read() -> None:
    dialog = readable("allow")
    assert said(dialog.offer(20_000)) == ()
    assert said(readable("allow").answer(text(Crypto.make(1, SUITE), proto="RTP/AVP"), 20_000)) == ()
    with pytest.raises(NothingInCommon):
        readable("allow").answer(text(Crypto.make(1, SUITE)), 20_000)


def test_demanded_protection_that_cannot_be_had_is_no_call() -> None:
    dialog = readable("require")
    for refused in (b"", text(proto="RTP/AVP"), text(Crypto.make(1, SUITE))):
        with pytest.raises(NothingInCommon):
            dialog.check(refused)
    with pytest.raises(NothingInCommon):
        dialog.offer(20_000)
    with pytest.raises(NothingInCommon):
        dialog.answer(text(Crypto.make(1, SUITE)), 20_000)
