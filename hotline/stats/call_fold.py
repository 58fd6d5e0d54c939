"""What the log of the queue says of one call, in figures (pure).

A call is counted once, whoever had it: its wait ends with its first answer, its talk is that with all agents.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hotline.acd.model import AcdLog, LogKind
from hotline.acd.tally import CONSULTING
from hotline.stats.days import milliseconds


class Fate(StrEnum):
    """How a call left the queue."""

    NONE = "none"
    """It never asked for a person."""
    WAITING = "waiting"
    """It waits, or nothing more is known."""
    ANSWERED = "answered"
    """A person answered, whatever came before and after."""
    ABANDONED = "abandoned"
    TIMED_OUT = "timed_out"
    NOBODY = "nobody"
    """Nobody was on duty for it."""
    CALLBACK = "callback"
    """Left to be called back."""


_EXITS = {
    LogKind.ABANDON: Fate.ABANDONED,
    LogKind.EXITWITHTIMEOUT: Fate.TIMED_OUT,
    LogKind.EXITEMPTY: Fate.NOBODY,
    LogKind.CALLBACK: Fate.CALLBACK,
}
_MARKS = range(1, 6)


@dataclass(frozen=True, slots=True)
class Story:
    """One call's time with the queue and with people."""

    queue: str
    agent: str
    fate: Fate
    wait_ms: int | None
    """None: never in the queue, still waiting, or cut off by a restart."""
    talk_ms: int
    hold_ms: int
    hands: int
    asked: int
    mark: int | None


@dataclass(slots=True)
class _Fold:
    queue: str = ""
    agent: str = ""
    fate: Fate = Fate.NONE
    wait_ms: int | None = None
    talk_ms: int = 0
    hold_ms: int = 0
    hands: int = 0
    asked: int = 0
    mark: int | None = None
    entered: datetime | None = None
    """Since when it waits."""
    talking: datetime | None = None

    def take(self, line: AcdLog) -> None:
        match line.kind:
            case LogKind.ENTERQUEUE | LogKind.REQUEUE:
                self._enter(line)
            case LogKind.CONNECT:
                self._connect(line)
            case LogKind.COMPLETEAGENT | LogKind.COMPLETECALLER:
                self._complete(line)
            case LogKind.ABANDON | LogKind.EXITWITHTIMEOUT | LogKind.EXITEMPTY | LogKind.CALLBACK:
                self._exit(line)
            case LogKind.UNHOLD:
                self.hold_ms += int(line.facts.get("held_ms", 0))
            case LogKind.TAKEOVER:
                self.hands += 1
            case LogKind.TRANSFER:
                self.hands += line.facts.get("to") == "consulted"
            case LogKind.SURVEY:
                score = int(line.facts.get("score", 0))
                if score in _MARKS:
                    self.asked, self.mark = 1, score
            case _:
                pass

    def end_talk(self, at: datetime) -> None:
        if self.talking is not None:
            self.talk_ms += milliseconds(self.talking, at)
            self.talking = None

    def _enter(self, line: AcdLog) -> None:
        self.end_talk(line.at)  # handed on to a queue: that talk is over
        self.entered = line.at
        if self.fate is Fate.NONE:
            self.queue = line.queue
        if self.fate is not Fate.ANSWERED:
            self.fate = Fate.WAITING
        if line.kind is LogKind.REQUEUE:
            self.asked = 0  # the agent was lost at once

    def _connect(self, line: AcdLog) -> None:
        if line.facts.get("handed") or self.fate is Fate.NONE:
            return  # a colleague's part of the same talk, or a talk from another day's log
        self.hands += 1
        self.talking = line.at
        if self.fate is not Fate.ANSWERED:
            self.fate, self.agent, self.wait_ms = Fate.ANSWERED, line.agent or "", self._waited(line)

    def _complete(self, line: AcdLog) -> None:
        if self.talking is None:
            return
        if "talked_ms" in line.facts:
            self.talk_ms += int(line.facts["talked_ms"])
            self.talking = None
        self.end_talk(line.at)
        if line.kind is LogKind.COMPLETEAGENT:
            self.asked = 1

    def _exit(self, line: AcdLog) -> None:
        if self.fate is not Fate.ANSWERED and self.fate is not Fate.NONE:
            self.fate = _EXITS[line.kind]
            self.wait_ms = self._waited(line)

    def _waited(self, line: AcdLog) -> int | None:
        if "waited_ms" in line.facts:
            return int(line.facts["waited_ms"])
        # A restart closes what it finds open: when the caller went, nobody knows.
        if self.entered is None or line.facts.get("reason") == "restart":
            return None
        return milliseconds(self.entered, line.at)


def story(lines: Iterable[AcdLog], ended: datetime | None) -> Story:
    """The figures of a call from its lines, in the order they happened; `ended`: of the call, if it has."""
    fold = _Fold()
    for line in lines:
        if line.queue != CONSULTING:
            fold.take(line)
    if ended is not None:
        fold.end_talk(ended)
    return Story(
        fold.queue,
        fold.agent,
        fold.fate,
        fold.wait_ms,
        fold.talk_ms,
        fold.hold_ms,
        fold.hands,
        fold.asked,
        fold.mark,
    )
