"""What the log says of an agent's time: how long in each state, by hour (pure)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from hotline.acd.model import AcdLog, LogKind
from hotline.stats.days import AHEAD, milliseconds, slot


class Doing(StrEnum):
    """What an agent does, as far as time is counted."""

    READY = "ready"
    RING = "ring"
    TALK = "talk"
    WRAP = "wrap"
    PAUSE = "pause"


_NEXT: dict[LogKind, Doing | None] = {
    LogKind.AGENTLOGIN: Doing.PAUSE,
    LogKind.READY: Doing.READY,
    LogKind.PAUSE: Doing.PAUSE,
    LogKind.RINGAGENT: Doing.RING,
    LogKind.RINGNOANSWER: Doing.READY,
    LogKind.RINGCANCELED: Doing.READY,
    LogKind.REFUSE: Doing.READY,
    LogKind.CONNECT: Doing.TALK,
    LogKind.WRAPUP: Doing.WRAP,
    LogKind.AGENTLOGOFF: None,
}
CHANGES = tuple(_NEXT)
"""Kinds of lines after which an agent does something else."""

Hours = dict[tuple[int, int], dict[Doing, int]]
"""Day number and hour → milliseconds."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one line to the next."""

    doing: Doing
    since: datetime
    until: datetime
    call: str | None
    """Of a wrap-up: the call."""


def spans(lines: Sequence[AcdLog]) -> Iterator[Span]:
    """What one agent did between their lines, which come in order; the state after the last one has no end
    yet and is left out. What stood open before a restart lasted nobody knows how long: left out too."""
    for line, after in pairwise(lines):
        doing = _NEXT.get(line.kind)
        if doing is not None and after.facts.get("reason") != "restart":
            yield Span(doing, line.at, after.at, line.call if doing is Doing.WRAP else None)


def hours(found: Iterable[Span]) -> Hours:
    """The spans, cut at every full hour."""
    sums: Hours = {}
    for span in found:
        for at, until in _cut(span.since, span.until):
            here = sums.setdefault(slot(at), {})
            here[span.doing] = here.get(span.doing, 0) + milliseconds(at, until)
    return sums


def _cut(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        full = (since + AHEAD).replace(minute=0, second=0, microsecond=0) - AHEAD + timedelta(hours=1)
        yield since, min(full, until)
        since = full
