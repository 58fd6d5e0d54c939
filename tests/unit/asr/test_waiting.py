"""What is read next, and what becomes of what is not."""

from typing import Any, cast

import pytest

from asr.audio import LegId, Segment, UtteranceId
from asr.transcriber import LegTranscriber, Utterance
from asr.transcript import Hypothesis
from asr.waiting import BATCH, Kind, Request, Waiting

pytestmark = pytest.mark.unit


class Leg:
    """Writes down what it is told."""

    def __init__(self, name: str) -> None:
        self.leg = LegId(name)
        self.told: list[tuple[str, str | None]] = []

    def sketched(self, utterance: Utterance, found: Hypothesis | None) -> None:
        self.told.append(("partial", found.text if found else None))

    def foreseen(self, utterance: Utterance, found: Hypothesis | None) -> None:
        self.told.append(("early", found.text if found else None))

    def finished(self, utterance: Utterance, found: Hypothesis | None, *, degraded: bool = False) -> None:
        self.told.append(("degraded" if degraded else "final", found.text if found else None))


def request(leg: Leg, kind: Kind, samples: int = 100) -> Request:
    segment = Segment(UtteranceId("u"), leg.leg, 0, samples, bytes(2 * samples))
    return Request(
        cast("LegTranscriber", cast("Any", leg)), Utterance(UtteranceId("u"), 0), segment, kind, 0.0
    )


def test_finals_go_before_early_readings_and_those_before_partials() -> None:
    waiting, legs = Waiting(1_000), [Leg(str(number)) for number in range(6)]
    partial, early = request(legs[0], "partial"), request(legs[1], "early")
    finals = [request(legs[2], "final") for _ in range(BATCH + 1)]
    for each in (partial, early, *finals):
        waiting.put(each)
    assert waiting.batch() == finals[:BATCH]
    assert waiting.batch() == finals[BATCH:]
    assert waiting.batch() == [early]
    assert waiting.batch() == [partial]
    assert waiting.batch() == []


def test_what_was_asked_later_of_a_leg_makes_the_earlier_needless() -> None:
    waiting, leg = Waiting(1_000), Leg("a")
    waiting.put(request(leg, "partial"))
    early = request(leg, "early")
    waiting.put(early)
    assert leg.told == [("partial", None)]
    final = request(leg, "final")
    waiting.put(final)
    assert leg.told[1:] == [("early", None)]
    assert waiting.batch() == [final]


@pytest.mark.parametrize("when", ["waiting", "being read", "answered"])
def test_an_early_reading_becomes_the_final_wherever_it_is(when: str) -> None:
    waiting, leg = Waiting(1_000), Leg("a")
    early = request(leg, "early")
    waiting.put(early)
    if when != "waiting":
        assert waiting.batch() == [early]
    if when == "answered":
        early.answer(Hypothesis("x"))
    waiting.confirm(early)
    if when == "waiting":
        assert waiting.batch() == [early]
    if when != "answered":
        early.answer(Hypothesis("x"))
    assert leg.told[-1] == ("final", "x")
    assert waiting.batch() == []


def test_a_lost_worker_costs_partials_and_early_readings_but_no_final() -> None:
    waiting, leg = Waiting(1_000), Leg("a")
    rows = [request(leg, kind) for kind in ("final", "early", "partial")]
    assert waiting.again(rows, 2) == 0
    assert leg.told == [("partial", None), ("early", None)]
    assert waiting.batch() == rows[:1]
    assert waiting.again(rows[:1], 2) == 1
    assert leg.told[-1] == ("final", None)


def test_the_oldest_final_is_given_up_when_too_much_waits_but_never_the_last() -> None:
    waiting, leg = Waiting(250), Leg("a")
    assert waiting.put(request(leg, "final", 9_999)) == 0
    assert waiting.put(request(leg, "final")) == 1
    assert [waiting.put(request(leg, "final")) for _ in range(2)] == [0, 1]
    assert len(waiting.finals) == 2


def test_a_leg_that_leaves_takes_its_readings_along() -> None:
    waiting, gone, stays = Waiting(1_000), Leg("a"), Leg("b")
    for kind in ("early", "final", "early"):
        waiting.put(request(gone, kind))
    kept = request(stays, "final")
    waiting.put(kept)
    waiting.leave(cast("LegTranscriber", cast("Any", gone)))
    assert waiting.batch() == [kept]
    assert waiting.batch() == []
