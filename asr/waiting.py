"""What waits for recognition workers, and in which order it is read (no clock, no tasks of its own)."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from asr.audio import LegId, Segment
from asr.transcriber import LegTranscriber, Utterance
from asr.transcript import Hypothesis

BATCH = 4
"""Utterances read in one go; more cost the encoder what they save the decoder (BENCHMARKS.md)."""

Kind = Literal["final", "early", "partial"]
"""An ended utterance; one that pauses, whose reading is its final if nothing more is said; one going on."""


@dataclass(slots=True, eq=False)
class Request:
    """One reading that was asked for."""

    leg: LegTranscriber
    utterance: Utterance
    segment: Segment
    kind: Kind
    asked: float
    """When, by the clock of whoever asks."""
    tries: int = 0
    found: Hypothesis | None = None
    """What an early reading brought, for when it becomes the final."""

    def answer(self, found: Hypothesis | None, *, degraded: bool = False) -> None:
        """Tell the leg; None: it could not be had."""
        match self.kind:
            case "partial":
                self.leg.sketched(self.utterance, found)
            case "early":
                self.found = found
                self.leg.foreseen(self.utterance, found)
            case "final":
                self.leg.finished(self.utterance, found, degraded=degraded)


class Waiting:
    """Finals in order, one early reading and one partial a leg."""

    def __init__(self, limit: int) -> None:
        """`limit`: samples of finals that may wait."""
        self._limit = limit
        self.finals: deque[Request] = deque()
        self._early: OrderedDict[LegId, Request] = OrderedDict()
        self._partials: OrderedDict[LegId, Request] = OrderedDict()

    def put(self, request: Request) -> int:
        """Queue it; what it makes needless is dropped. How many finals were given up to keep the limit."""
        leg = request.leg.leg
        self._drop(leg)
        match request.kind:
            case "partial":
                self._partials[leg] = request
            case "early":
                self._early[leg] = request
            case "final":
                self.finals.append(request)
        return self._bound()

    def confirm(self, request: Request) -> int:
        """An early reading becomes the final, wherever it is by now. How many finals were given up."""
        request.kind = "final"
        if request.found is not None:
            request.answer(request.found)
        elif self._early.get(request.leg.leg) is request:
            return self.put(self._early.pop(request.leg.leg))
        return 0

    def leave(self, leg: LegTranscriber) -> None:
        """Nobody waits for its readings any more."""
        self._drop(leg.leg)
        self.finals = deque(request for request in self.finals if request.leg is not leg)

    def batch(self) -> list[Request]:
        """What is to be read next: finals, then early readings, then partials; empty when nothing waits."""
        if self.finals:
            return [self.finals.popleft() for _ in range(min(BATCH, len(self.finals)))]
        waiting = self._early or self._partials
        return [waiting.popitem(last=False)[1] for _ in range(min(BATCH, len(waiting)))]

    def again(self, batch: Sequence[Request], tries: int) -> int:
        """These were not read: finals get another chance up to `tries`. How many finals were given up."""
        lost = 0
        for request in reversed(batch):
            request.tries += 1
            if request.kind != "final" or request.tries >= tries:
                lost += request.kind == "final"
                request.answer(None)
            else:
                self.finals.appendleft(request)
        return lost

    def _drop(self, leg: LegId) -> None:
        for waiting in (self._early, self._partials):
            if (request := waiting.pop(leg, None)) is not None:
                request.answer(None)

    def _bound(self) -> int:
        lost = 0
        while len(self.finals) > 1 and sum(len(each.segment.pcm) // 2 for each in self.finals) > self._limit:
            self.finals.popleft().answer(None)
            lost += 1
        return lost
