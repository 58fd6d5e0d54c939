"""A day's figures from the log, by hand-made days."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hotline.acd.model import AcdLog, LogKind
from hotline.acd.tally import tally
from hotline.conversation import CallId

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def line(kind: LogKind, call: str, queue: str = "duty", **facts: float | bool) -> AcdLog:
    return AcdLog(NOW, kind, CallId(call), None, queue, facts)


def test_each_call_counts_once_whoever_it_was_handed_to() -> None:
    counts = tally(
        [
            line(LogKind.ENTERQUEUE, "a"),
            line(LogKind.CONNECT, "a", waited_ms=4_000),
            line(LogKind.ENTERQUEUE, "a"),
            line(LogKind.CONNECT, "a", waited_ms=30_000),
            line(LogKind.ENTERQUEUE, "b"),
            line(LogKind.CONNECT, "b", waited_ms=20_000),
            line(LogKind.ENTERQUEUE, "c"),
            line(LogKind.ABANDON, "c", waited_ms=50_000),
            line(LogKind.ENTERQUEUE, "d"),
            line(LogKind.EXITWITHTIMEOUT, "d", waited_ms=180_000),
        ]
    )
    assert (counts.offered, counts.answered, counts.in_time, counts.abandoned) == (4, 2, 1, 1)
    assert counts.mean_wait_s == 12.0
    assert counts.longest_wait_s == 180.0


def test_who_hangs_up_after_a_talk_has_not_abandoned_and_a_consultation_is_no_call() -> None:
    counts = tally(
        [
            line(LogKind.ENTERQUEUE, "a"),
            line(LogKind.CONNECT, "a", waited_ms=1_000),
            line(LogKind.ENTERQUEUE, "a", "consult"),
            line(LogKind.CONNECT, "a", "consult", waited_ms=900),
            line(LogKind.REQUEUE, "a"),
            line(LogKind.ABANDON, "a", waited_ms=2_000),
            line(LogKind.CONNECT, "x", handed=True),
        ]
    )
    assert (counts.offered, counts.answered, counts.abandoned) == (1, 1, 0)


def test_who_is_silent_when_asked_is_not_satisfied_and_not_dissatisfied() -> None:
    days = [line(LogKind.ENTERQUEUE, call) for call in "abcde"]
    days += [line(LogKind.COMPLETEAGENT, call, end=True) for call in "abcd"]
    days += [line(LogKind.COMPLETEAGENT, "e", end=True), line(LogKind.REQUEUE, "e")]
    days += [line(LogKind.SURVEY, "a", "", score=5), line(LogKind.SURVEY, "b", "", score=2)]
    days += [line(LogKind.SURVEY, "c", "", score=4), line(LogKind.CALLBACK, "e")]
    counts = tally(days)
    assert (counts.asked, counts.rated, counts.satisfied, counts.callbacks) == (4, 3, 2, 1)
    assert counts.mean_mark == pytest.approx(11 / 3)


def test_a_call_belongs_to_the_day_it_entered_on() -> None:
    midnight = NOW + timedelta(days=1)
    days = [
        replace(line(LogKind.ENTERQUEUE, "a"), at=midnight - timedelta(seconds=20)),
        replace(line(LogKind.CONNECT, "a", waited_ms=25_000), at=midnight + timedelta(seconds=5)),
        replace(line(LogKind.ENTERQUEUE, "b"), at=midnight),
        replace(line(LogKind.SURVEY, "a", "", score=5), at=midnight + timedelta(seconds=90)),
    ]
    counts = tally(days, midnight)
    assert (counts.offered, counts.answered, counts.satisfied) == (1, 1, 1)


def test_an_empty_day() -> None:
    assert tally([]).mean_wait_s is None
    assert tally([]).offered == 0
