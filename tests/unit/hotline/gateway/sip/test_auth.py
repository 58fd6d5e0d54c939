"""Digest authentication, with the RFC's own numbers."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.gateway.sip.auth import (
    NONCE_SECONDS,
    Authenticator,
    Digest,
    Verdict,
    answer_challenge,
    digest_response,
    ha1,
)
from hotline.gateway.sip.grammar import SipSyntaxError

pytestmark = pytest.mark.unit

PEER = "192.0.2.1"
URI = "sip:12348@127.0.0.1"
USERS = {
    ("trunk", "SHA-256"): ha1("SHA-256", "trunk", "line", "secret"),
    ("trunk", "MD5"): ha1("MD5", "trunk", "line", "secret"),
}


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_section_3_9_1(algorithm: str, expected: str) -> None:
    digest = Digest(
        {
            "uri": "/dir/index.html",
            "algorithm": algorithm,
            "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "nc": "00000001",
            "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "qop": "auth",
        }
    )
    secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
    assert digest_response(secret, "GET", digest) == expected


def credentials(line: Authenticator, now: float, *, user: str = "trunk", password: str = "secret") -> str:
    made = answer_challenge(tuple(line.challenges(now, PEER)), "INVITE", URI, user, password)
    assert made is not None
    return made


def test_a_challenge_is_answered_from_where_it_went() -> None:
    line = Authenticator("line", USERS)
    header = credentials(line, 0)
    assert line.challenged(header, PEER)
    assert not line.challenged(header, "192.0.2.2")
    assert not line.challenged("Digest nonce=x, nonce=x", PEER)
    assert line.check(header, "INVITE", URI, 1, "192.0.2.2") is Verdict.STALE
    assert line.check(header, "INVITE", URI, 1, PEER) is Verdict.GOOD


def test_good_credentials_are_good_once() -> None:
    line = Authenticator("line", USERS)
    header = credentials(line, 0)
    assert line.check(header, "INVITE", URI, 1, PEER) is Verdict.GOOD
    assert line.check(header, "INVITE", URI, 2, PEER) is Verdict.STALE


def test_a_higher_count_may_use_the_nonce_again() -> None:
    line = Authenticator("line", USERS)
    digest = Digest.parse(credentials(line, 0))
    for count in ("00000001", "00000002", "0000000a"):
        values = {**digest.values, "nc": count}
        values["response"] = digest_response(USERS["trunk", "SHA-256"], "INVITE", Digest(values))
        header = "Digest " + ", ".join(f'{name}="{value}"' for name, value in values.items())
        assert line.check(header, "INVITE", URI, 1, PEER) is Verdict.GOOD


@pytest.mark.parametrize(("user", "password"), [("trunk", "wrong"), ("nobody", "secret"), ("", "")])
def test_unknown_user_and_wrong_password_look_the_same(user: str, password: str) -> None:
    line = Authenticator("line", USERS)
    assert (
        line.check(credentials(line, 0, user=user, password=password), "INVITE", URI, 1, PEER) is Verdict.BAD
    )


def test_old_nonces_are_stale_and_foreign_ones_too() -> None:
    line, other = Authenticator("line", USERS), Authenticator("line", USERS)
    assert line.check(credentials(line, 0), "INVITE", URI, NONCE_SECONDS + 1, PEER) is Verdict.STALE
    assert line.check(credentials(other, 0), "INVITE", URI, 1, PEER) is Verdict.STALE


def test_credentials_are_for_one_method_and_address() -> None:
    line = Authenticator("line", USERS)
    header = credentials(line, 0)
    assert line.check(header, "BYE", URI, 1, PEER) is Verdict.BAD
    assert line.check(header, "INVITE", "sip:other@127.0.0.1", 1, PEER) is Verdict.BAD


def test_best_algorithm_comes_first_and_md5_alone_works() -> None:
    assert ["SHA-256" in text for text in Authenticator("line", USERS).challenges(0, PEER)] == [True, False]
    only = Authenticator("line", {("trunk", "MD5"): USERS["trunk", "MD5"]})
    assert len(only.challenges(0, PEER)) == 1
    assert only.check(credentials(only, 0), "INVITE", URI, 1, PEER) is Verdict.GOOD


def test_stale_is_said() -> None:
    assert "stale=true" in Authenticator("line", USERS).challenges(0, PEER, stale=True)[0]


def test_challenges_we_cannot_meet() -> None:
    assert (
        answer_challenge(
            ('Basic realm="x"', 'Digest realm="x", nonce="n", algorithm=AKAv1-MD5'), "INVITE", URI, "a", "b"
        )
        is None
    )
    assert (
        answer_challenge(('Digest realm="x", nonce="n", qop="auth-conf"',), "INVITE", URI, "a", "b") is None
    )


@pytest.mark.parametrize(
    ("algorithm", "body", "expected"),
    [
        ("MD5", b"v=0\r\n", "0624457b4b7f0bdae221b8fa249c7d19"),
        ("SHA-256", b"v=0\r\n", "94a609cf81edde86656d4a244f442e8088003881433e9922ebbf5036ab3260a6"),
        ("MD5", b"", "4a60a03adf6c5d4acdb0c09e6fed27d8"),
        ("SHA-256", b"", "d683c05789802921c2a441606e305885629ec689125b908b7bdff09d50656c1a"),
        ("MD5-sess", b"v=0\r\n", "b93ae1f292c1a3e0ee1836fa893ace80"),
    ],
)
def test_the_body_is_covered(algorithm: str, body: bytes, expected: str) -> None:
    """Worked out with openssl from RFC 7616 §3.4.1 to §3.4.3."""
    values = {
        "uri": "sip:12348@example.org",
        "algorithm": algorithm,
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "nc": "00000001",
        "cnonce": "0a4f113b",
        "qop": "auth-int",
    }
    secret = ha1(algorithm.removesuffix("-sess"), "bob", "biloxi.com", "zanzibar")
    assert digest_response(secret, "INVITE", Digest(values), body) == expected
    assert digest_response(secret, "INVITE", Digest(values), body + b" ") != expected


def test_only_where_nothing_else_is_offered_the_body_is_covered() -> None:
    for offered, chosen in (("auth-int", "auth-int"), ("auth-int, auth", "auth"), ("auth", "auth")):
        challenge = f'Digest realm="x", nonce="n", qop="{offered}", algorithm=MD5'
        header = answer_challenge((challenge,), "INVITE", URI, "a", "b", body=b"v=0")
        assert header is not None
        digest = Digest.parse(header)
        assert digest.get("qop") == chosen
        assert digest.get("response") == digest_response(ha1("MD5", "a", "x", "b"), "INVITE", digest, b"v=0")


def test_a_changed_body_is_refused_where_it_is_covered() -> None:
    line = Authenticator("line", USERS, qop=("auth-int",))
    challenges = tuple(line.challenges(0, PEER))
    header = answer_challenge(challenges, "INVITE", URI, "trunk", "secret", body=b"v=0")
    assert line.check(header, "INVITE", URI, 1, PEER, b"v=1") is Verdict.BAD
    assert line.check(header, "INVITE", URI, 1, PEER) is Verdict.BAD
    assert line.check(header, "INVITE", URI, 1, PEER, b"v=0") is Verdict.GOOD


def test_what_is_not_offered_is_not_taken() -> None:
    strict, usual = Authenticator("line", USERS, qop=("auth-int",)), Authenticator("line", USERS)
    weaker = tuple(text.replace('"auth-int"', '"auth"') for text in strict.challenges(0, PEER))
    header = answer_challenge(weaker, "INVITE", URI, "trunk", "secret", body=b"v=0")
    assert strict.check(header, "INVITE", URI, 1, PEER, b"v=0") is Verdict.BAD
    other = tuple(text.replace('"auth"', '"auth-int"') for text in usual.challenges(0, PEER))
    header = answer_challenge(other, "INVITE", URI, "trunk", "secret", body=b"v=0")
    assert usual.check(header, "INVITE", URI, 1, PEER, b"v=0") is Verdict.BAD
    both = Authenticator("line", USERS, qop=("auth", "auth-int"))
    assert 'qop="auth,auth-int"' in both.challenges(0, PEER)[0]
    for wanted in ("auth", "auth-int"):
        some = tuple(text.replace("auth,auth-int", wanted) for text in both.challenges(0, PEER))
        header = answer_challenge(some, "INVITE", URI, "trunk", "secret", body=b"v=0")
        assert both.check(header, "INVITE", URI, 1, PEER, b"v=0") is Verdict.GOOD


@pytest.mark.parametrize("last", ["MD5", "SHA-256", "SHA-512-256"])
def test_the_strongest_challenge_is_met(last: str) -> None:
    names = ["MD5", "SHA-256", "SHA-512-256"][: ["MD5", "SHA-256", "SHA-512-256"].index(last) + 1]
    offered = tuple(
        f'Digest realm="x", nonce="n", qop="auth", algorithm={name}' for name in (*names, "X-ROT13")
    )
    header = answer_challenge(offered, "INVITE", URI, "a", "b")
    assert header is not None
    assert Digest.parse(header).algorithm == last


def test_session_algorithms_take_in_both_nonces() -> None:
    """RFC 7616 §3.4.2: A1 = H(user:realm:password):nonce:cnonce."""
    header = answer_challenge(
        ('Digest realm="x", nonce="n", qop="auth", algorithm=SHA-256-sess',), "INVITE", URI, "a", "b"
    )
    assert header is not None
    digest = Digest.parse(header)
    one = hashlib.sha256(b"a:x:b").hexdigest()
    a1 = hashlib.sha256(f"{one}:n:{digest.get('cnonce')}".encode()).hexdigest()
    a2 = hashlib.sha256(f"INVITE:{URI}".encode()).hexdigest()
    text = f"{a1}:n:00000001:{digest.get('cnonce')}:auth:{a2}"
    assert digest.get("response") == hashlib.sha256(text.encode()).hexdigest()
    assert digest.get("algorithm") == "SHA-256-sess"


def test_rfc_7616_section_3_9_2_hash() -> None:
    """The RFC's example of SHA-512-256 without its user name in UTF-8: only that the hash is that one."""
    assert ha1("SHA-512-256", "", "", "") == hashlib.new("sha512_256", b"::").hexdigest()


def test_old_challenge_without_qop() -> None:
    header = answer_challenge(('Digest realm="x", nonce="n", opaque="o"',), "INVITE", URI, "a", "b")
    assert header is not None
    digest = Digest.parse(header)
    assert digest.get("opaque") == "o"
    assert digest.get("response") == digest_response(ha1("MD5", "a", "x", "b"), "INVITE", digest)


def test_users_file(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(
        "# who may call\n" + "\n".join(f"{name}:line:{hashed}" for (name, _), hashed in USERS.items())
    )
    line = Authenticator.load(path, "line")
    assert line.check(credentials(line, 0), "INVITE", URI, 1, PEER) is Verdict.GOOD


@pytest.mark.parametrize("text", ["", "trunk:elsewhere:" + "0" * 32, "trunk:line:short", "no colons"])
def test_a_wrong_users_file_is_said_by_name_without_its_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "users"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Authenticator.load(path, "line")
    assert "sip.users_file" in str(caught.value)
    assert "trunk" not in str(caught.value)


def test_a_missing_users_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Authenticator.load(tmp_path / "none", "line")


@given(st.text(max_size=200))
def test_any_header_is_judged(text: str) -> None:
    with suppress(SipSyntaxError):
        Digest.parse("Digest " + text)
    assert Authenticator("line", USERS).check("Digest " + text, "INVITE", URI, 0, PEER) is Verdict.BAD
