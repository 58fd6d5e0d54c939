"""When a listening ends."""

import pytest

from asr.audio import SAMPLE_RATE as S
from hotline.call.listening import Listening, Verdict

pytestmark = pytest.mark.unit


def listening() -> Listening:
    return Listening(began=10 * S, silence=3 * S, longest=60 * S)


def test_it_ends_when_the_caller_has_been_silent_long_enough_after_speaking() -> None:
    each = listening()
    assert each.update(13 * S, last_speech=12 * S, pending=1) is None
    assert each.update(15 * S - 1, last_speech=12 * S, pending=0) is None
    assert each.update(15 * S, last_speech=12 * S, pending=0) is Verdict.HEARD


def test_it_waits_for_finals_still_under_way_but_not_for_ever() -> None:
    each = listening()
    assert each.update(15 * S, last_speech=12 * S, pending=1) is None
    assert each.update(18 * S, last_speech=12 * S, pending=0) is Verdict.HEARD
    each = listening()
    assert each.update(15 * S, last_speech=12 * S, pending=1) is None
    assert each.update(21 * S, last_speech=12 * S, pending=1) is Verdict.HEARD


def test_speech_before_it_began_does_not_count() -> None:
    each = listening()
    assert each.update(14 * S, last_speech=9 * S, pending=0) is None
    assert each.update(20 * S, last_speech=9 * S, pending=0) is Verdict.NO_INPUT


def test_the_end_key_and_the_longest_time_end_it() -> None:
    each = listening()
    each.finish(12 * S)
    assert each.update(12 * S, last_speech=12 * S, pending=0) is Verdict.HEARD
    each = listening()
    assert each.update(70 * S, last_speech=70 * S, pending=0) is Verdict.HEARD
    each = listening()
    each.finish(11 * S)
    assert each.update(11 * S, last_speech=0, pending=0) is Verdict.NO_INPUT
