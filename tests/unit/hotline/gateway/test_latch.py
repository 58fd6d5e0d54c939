"""Symmetric RTP: the peer is followed, a thief is not."""

import pytest

from hotline.gateway.latch import STRANGER_PACKETS, Latch

pytestmark = pytest.mark.unit

PEER, NAT, THIEF = ("10.0.0.1", 4000), ("10.0.0.1", 5000), ("10.9.9.9", 4000)


def signalled() -> Latch:
    latch = Latch()
    latch.signal(PEER)
    return latch


def test_nobody_is_heard_before_an_address_was_signalled() -> None:
    latch = Latch()
    assert not latch.accept(PEER, 0.0)
    assert (latch.target, latch.foreign) == (None, 1)


def test_sends_where_told_until_media_comes() -> None:
    latch = signalled()
    assert latch.target == PEER
    assert latch.accept(NAT, 0.0)
    assert latch.target == NAT


def test_once_latched_nobody_takes_over() -> None:
    latch = signalled()
    latch.accept(PEER, 0.0)
    assert not any(latch.accept(THIEF, 0.02 * n) for n in range(100))
    assert not latch.accept(NAT, 0.5)
    assert (latch.target, latch.foreign) == (PEER, 101)


def test_a_stranger_is_believed_when_only_it_speaks() -> None:
    latch = signalled()
    accepted = [latch.accept(THIEF, 0.02 * n) for n in range(STRANGER_PACKETS)]
    assert accepted == [False] * (STRANGER_PACKETS - 1) + [True]
    assert latch.target == THIEF


def test_the_signalled_address_wins_over_a_stranger() -> None:
    latch = signalled()
    for n in range(STRANGER_PACKETS):
        latch.accept(THIEF, 0.02 * n)
    assert latch.accept(PEER, 1.0)
    assert not latch.accept(THIEF, 1.02)
    assert latch.target == PEER


def test_nat_may_rebind_after_silence() -> None:
    latch = signalled()
    latch.accept(PEER, 0.0)
    assert latch.accept(NAT, 1.5)
    assert latch.target == NAT


def test_hold_and_resume_keep_the_latch_and_a_new_address_drops_it() -> None:
    latch = signalled()
    latch.accept(NAT, 0.0)
    latch.signal(None)
    held = latch.target
    assert held is None
    latch.signal(THIEF)
    assert latch.target == THIEF
    assert latch.accept(THIEF, 0.1)


SIGNALLING = "198.51.100.7"


def test_who_signals_is_believed_at_once_and_before_any_stranger() -> None:
    """The peer names 10.0.0.1, which means nothing here: its sound comes from where its signalling does."""
    latch = Latch()
    latch.signal(PEER, SIGNALLING)
    for n in range(STRANGER_PACKETS):
        latch.accept(THIEF, 0.02 * n, 1)
    assert latch.target == THIEF  # it was quicker
    assert latch.accept((SIGNALLING, 4000), 0.2)
    assert not any(latch.accept(THIEF, 0.2 + 0.02 * n) for n in range(200))
    assert latch.target == (SIGNALLING, 4000)


def test_a_stranger_must_be_one_source() -> None:
    latch = signalled()
    assert not any(latch.accept(THIEF, 0.02 * n, n) for n in range(50))
    assert latch.target == PEER


def test_strict_believes_no_stranger() -> None:
    latch = Latch(strict=True)
    latch.signal(PEER, SIGNALLING)
    assert not any(latch.accept(THIEF, 0.02 * n, 1) for n in range(50))
    assert latch.accept((SIGNALLING, 4000), 2.0)
    assert latch.accept(PEER, 2.1)
