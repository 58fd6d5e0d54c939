"""SRTP: RFC 3711's own numbers, keys in descriptions, and packets that are not the peer's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.gateway import rtp, srtp
from hotline.gateway.rtp import RtpPacket
from hotline.gateway.srtp import SUITES, Crypto, Srtp, SrtpError, SrtpKeys

pytestmark = pytest.mark.unit


def pair(suite: str) -> tuple[Srtp, Srtp]:
    one, other = Crypto.make(1, suite).key, Crypto.make(1, suite).key
    return Srtp(SrtpKeys(suite, one, other)), Srtp(SrtpKeys(suite, other, one))


def packet(sequence: int) -> bytes:
    return rtp.build(RtpPacket(8, sequence, sequence * 160, 77, bytes(160)))


@pytest.mark.parametrize("suite", SUITES)
def test_there_and_back(suite: str) -> None:
    ours, theirs = pair(suite)
    for sequence in (65_534, 65_535, 0, 1):
        wire = ours.protect(packet(sequence))
        assert wire != packet(sequence)
        assert theirs.unprotect(wire) == packet(sequence)
    control = bytes.fromhex("80c900010000004d")
    assert theirs.unprotect_control(ours.protect_control(control)) == control


@pytest.mark.parametrize("suite", SUITES)
def test_changed_foreign_or_replayed_packets_are_refused(suite: str) -> None:
    ours, theirs = pair(suite)
    wire = ours.protect(packet(1))
    changed = wire[:20] + bytes([wire[20] ^ 1]) + wire[21:]
    for wrong in (changed, packet(1), b"", wire[:-1], pair(suite)[0].protect(packet(1))):
        with pytest.raises(SrtpError):
            theirs.unprotect(wrong)
    assert theirs.unprotect(wire) == packet(1)
    with pytest.raises(SrtpError):
        theirs.unprotect(wire)


@given(st.binary(max_size=2_100))
def test_any_bytes_are_only_our_error(data: bytes) -> None:
    _, theirs = pair("AES_CM_128_HMAC_SHA1_80")
    for take in (theirs.unprotect, theirs.unprotect_control):
        with pytest.raises(SrtpError):
            take(data)


@pytest.mark.parametrize("suite", SUITES)
def test_a_key_that_stays_goes_on_counting_packets(suite: str) -> None:
    ours, theirs = pair(suite)
    seen = {}
    for number in range(65_536 + 10):  # 22 minutes: the sequence number has begun anew
        wire = ours.protect(packet(number & 0xFFFF))
        theirs.unprotect(wire)
        if number < 20:
            seen[number] = wire
    other = Crypto.make(1, suite).key
    ours.rekey(SrtpKeys(suite, ours.keys.ours, other))
    theirs.rekey(SrtpKeys(suite, other, theirs.keys.theirs))
    wire = ours.protect(packet(10))
    assert wire[12:172] != seen[10][12:172]  # the same plain text: the keystream is another
    assert theirs.unprotect(wire) == packet(10)
    assert ours.unprotect(theirs.protect(packet(3))) == packet(3)


def test_a_new_key_starts_its_own_direction_only() -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    ours, theirs = pair(suite)
    before = theirs.protect(packet(1))
    ours.rekey(SrtpKeys(suite, ours.keys.ours, Crypto.make(1, suite).key))
    with pytest.raises(SrtpError):
        ours.unprotect(before)
    assert theirs.unprotect(ours.protect(packet(2))) == packet(2)


def test_rfc_4568_example() -> None:
    made = Crypto.parse("1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20")
    assert made is not None
    assert (made.tag, len(made.key)) == (1, 30)
    assert Crypto.parse(str(made).removeprefix("a=crypto:")) == made


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1 AES_CM_128_HMAC_SHA1_80",
        "x AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        "1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        "1 AES_CM_128_HMAC_SHA1_80 inline:short",
        "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4",
        "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz UNENCRYPTED_SRTP",
        "1 AES_CM_128_HMAC_SHA1_80 other:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    ],
)
def test_lines_we_do_not_speak(value: str) -> None:
    assert Crypto.parse(value) is None


@given(st.text(max_size=120))
def test_no_line_raises(text: str) -> None:
    Crypto.parse(text)
    Crypto.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{text}")


def test_keys_are_not_shown() -> None:
    made = Crypto.make(1, "AES_CM_128_HMAC_SHA1_80")
    assert "key" not in repr(made)
    assert "ours" not in repr(SrtpKeys("x", b"secret", b"secret"))
    assert srtp.WINDOW >= 64
