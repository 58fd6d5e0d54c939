"""URIs, addresses, Via values and parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway.sip.grammar import (
    NameAddr,
    SipSyntaxError,
    SipUri,
    Via,
    param,
    parse_params,
    split_outside,
)

pytestmark = pytest.mark.unit


def test_commas_and_semicolons_in_quotes_and_brackets_do_not_split() -> None:
    assert split_outside('"a, \\"b" <sip:x@y,z>, c', ",") == ['"a, \\"b" <sip:x@y,z>', "c"]


@pytest.mark.parametrize("text", ['"open', "<sip:open", '"a\\"'])
def test_what_is_opened_must_be_closed(text: str) -> None:
    with pytest.raises(SipSyntaxError):
        split_outside(text, ",")


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:12348@127.0.0.1", "12348", "127.0.0.1", None),
        ("SIP:%31%32348@HOST.example:5070;transport=tcp?a=b", "12348", "host.example", 5070),
        ("sip:[::1]:5060", "", "::1", 5060),
        ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net", "example.com", None),
        ("sip:a:secret@h", "a", "h", None),
        ("tel:+86-28-12348;phone-context=cn", "+862812348", "", None),
    ],
)
def test_uri(text: str, user: str, host: str, port: int | None) -> None:
    uri = SipUri.parse(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12348",
        "sip:",
        "sip:@h",
        "sip:a b@h",
        "sip:a@h:0",
        "sip:a@h:70000",
        "sip:%4@h",
        "<sip:a@h>",
        "sip:a@h;;x",
    ],
)
def test_bad_uri(text: str) -> None:
    with pytest.raises(SipSyntaxError):
        SipUri.parse(text)


def test_foreign_schemes_stay_opaque() -> None:
    assert SipUri.parse("nobodyKnowsThisScheme:totallyopaquecontent").scheme == "nobodyknowsthisscheme"


def test_parameters_of_a_bare_address_belong_to_the_header() -> None:
    bare = NameAddr.parse("sip:a@h;tag=1")
    assert (bare.uri, bare.tag) == ("sip:a@h", "1")
    bracketed = NameAddr.parse('"J. \\"Q\\" Doe" <sip:a@h;lr> ; tag = 2')
    assert (bracketed.display, bracketed.uri, bracketed.tag) == ('J. "Q" Doe', "sip:a@h;lr", "2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"Mr. J. User <sip:j@h>',
        "<sip:a@h",
        "sip:a@h?x=y",
        "<sip:a@h> rest",
        "no-scheme",
        '"a" b <sip:a@h>',
    ],
)
def test_bad_address(text: str) -> None:
    with pytest.raises(SipSyntaxError):
        NameAddr.parse(text)


def test_via_notes_where_it_came_from() -> None:
    via = Via.parse("SIP / 2.0 / UDP  10.0.0.1 : 5060 ; branch=z9hG4bK1 ;rport")
    assert str(via.stamped("192.0.2.7", 4321)) == (
        "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport=4321;received=192.0.2.7"
    )


def test_via_that_tells_the_truth_stays_as_it_is() -> None:
    text = "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1"
    assert str(Via.parse(text).stamped("127.0.0.1", 9)) == text


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "HTTP/1.1 h", "SIP/2.0/UDP h;;,;,,", "SIP/2.0/UDP h:99999"]
)
def test_bad_via(text: str) -> None:
    with pytest.raises(SipSyntaxError):
        Via.parse(text)


def test_parameters() -> None:
    found = parse_params(';A=1;b;c="x;y"')
    assert [param(found, name) for name in "abcd"] == ["1", "", "x;y", None]


@given(st.text(max_size=200))
def test_nothing_but_syntax_errors_comes_out(text: str) -> None:
    for read in (SipUri.parse, NameAddr.parse, Via.parse, parse_params):
        try:
            read(text)
        except SipSyntaxError:
            continue


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
    ],
)
def test_uris_that_mean_one_place(one: str, other: str) -> None:
    assert SipUri.parse(one).same(SipUri.parse(other))
    assert SipUri.parse(other).same(SipUri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com;maddr=10.0.0.1", "sip:bob@biloxi.com"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ],
)
def test_uris_that_do_not(one: str, other: str) -> None:
    """Those of RFC 3261 §19.1.4, and more of their kind."""
    assert not SipUri.parse(one).same(SipUri.parse(other))
