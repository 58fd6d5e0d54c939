"""The callers of a simulated month: who calls when about what, and waits how long; the same for one seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Any

from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import CallId, Outcome
from workorders.calendar import SHANGHAI, WorkCalendar

HOURS = (2, 1, 1, 1, 1, 1, 2, 6, 22, 60, 66, 48, 26, 34, 58, 60, 52, 38, 22, 16, 13, 10, 6, 4)
"""Arrivals over the hours of a day, in proportion; the busiest hour has an eighth of a day."""
WEEKEND, HOLIDAY = 0.5, 0.4
"""Arrivals beside those of a working day."""
GREETING_S = 14
SHIFTS = ((time(8, 30), time(16, 30), 10), (time(12, 0), time(20, 0), 8))
"""From, to, agents. Outside of them the robot takes messages."""
PATIENCE_S, TALK_S = 95.0, 330.0
MARKS = ((5, 50), (4, 28), (3, 12), (2, 6), (1, 4))
QUEUE, WAGES = "legal", "wages"


@dataclass(frozen=True, slots=True)
class Month:
    """What is simulated."""

    first: date
    """Shanghai day."""
    days: int
    calls: int
    """About; chance decides day by day."""
    seed: int


@dataclass(frozen=True, slots=True)
class Call:
    """One planned call."""

    id: CallId
    started: datetime
    """UTC, as all here."""
    ended: datetime
    remote: str
    """Eleven digits that no network has given to anybody."""
    topic: str
    pick: int
    """What is said, by chance of this seed."""
    district: str
    agent: str
    """User name of who answered; empty: nobody."""
    outcome: Outcome
    callback: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """A day's calls, by start, and the log of queue and agents, by time."""

    calls: tuple[Call, ...]
    log: tuple[AcdLog, ...]


class Callers:
    """Plans days; nothing is remembered but for speed."""

    def __init__(self, month: Month, calendar: WorkCalendar, texts: dict[str, Any], places: Sequence[str]):
        self.month = month
        self._calendar = calendar
        self._topics = (list(texts["topics"]), list(texts["topics"].values()))
        named = texts["districts"]
        rest = [code for code in places if code not in named and not code.endswith("00")]
        self._places = (
            [*named, *rest],
            [*named.values(), *[texts["others"] / len(rest)] * len(rest)],
        )
        self.agents = tuple(f"agent{number:02}" for number in range(1, len(texts["agents"]) + 1))
        self._weights = [self._weight(month.first + timedelta(days=day)) for day in range(month.days)]
        self.day = lru_cache(4)(self._day)

    def hour(self, start: datetime) -> tuple[list[Call], list[AcdLog]]:
        """The calls that end in the hour from `start`, and the lines of the log in it, in order."""
        end = start + timedelta(hours=1)
        local = start.astimezone(SHANGHAI).date()
        days = [self.day(local - timedelta(days=1)), self.day(local)]
        calls = [call for day in days for call in day.calls if start <= call.ended < end]
        lines = [line for day in days for line in day.log if start <= line.at < end]
        return sorted(calls, key=lambda call: call.ended), sorted(lines, key=lambda line: line.at)

    def days(self) -> Iterator[Day]:
        """The month, day by day."""
        for ahead in range(self.month.days):
            yield self.day(self.month.first + timedelta(days=ahead))

    def all(self) -> list[Call]:
        """Every call of the month."""
        return [call for day in self.days() for call in day.calls]

    def _weight(self, day: date) -> float:
        if self._calendar.is_workday(day):
            return 1.0
        return WEEKEND if day not in self._calendar.holidays else HOLIDAY

    def _day(self, day: date) -> Day:
        ahead = (day - self.month.first).days
        if not 0 <= ahead < self.month.days:
            return Day((), ())
        chance = Random(f"{self.month.seed}:{day}")
        mean = self.month.calls * self._weights[ahead] / sum(self._weights)
        starts = sorted(self._moment(day, chance) for _ in range(round(chance.gauss(mean, mean**0.5))))
        floor = _Floor(day, self.agents)
        calls = [self._call(start, f"{day}:{number}", chance, floor) for number, start in enumerate(starts)]
        return Day(tuple(calls), tuple(sorted(floor.lines, key=lambda line: line.at)))

    def _moment(self, day: date, chance: Random) -> datetime:
        [hour] = chance.choices(range(24), HOURS)
        local = datetime.combine(day, time(hour), SHANGHAI) + timedelta(
            milliseconds=chance.randrange(3_600_000)
        )
        return local.astimezone(UTC)

    def _call(self, start: datetime, key: str, chance: Random, floor: "_Floor") -> Call:
        tail = blake2b(f"{self.month.seed}:{key}".encode(), digest_size=4).hexdigest()
        call = CallId(f"{start:%Y%m%d%H%M%S}-{tail}")
        [topic] = chance.choices(*self._topics)
        [district] = chance.choices(*self._places)
        remote = f"10{chance.randrange(self.month.calls):09}"
        pick = chance.randrange(2**32)
        queued = start + timedelta(seconds=GREETING_S)
        agent, outcome, ended, callback = floor.take(call, queued, topic, chance)
        return Call(call, start, ended, remote, topic, pick, district, agent, outcome, callback)


class _Floor:
    """The queue and its agents for a day: who is free first answers who waits longest."""

    def __init__(self, day: date, agents: Sequence[str]) -> None:
        self.lines: list[AcdLog] = []
        self._free: dict[str, datetime] = {}
        self._until: dict[str, datetime] = {}
        names = iter(agents)
        for begins, ends, count in SHIFTS:
            opens, closes = (datetime.combine(day, at, SHANGHAI).astimezone(UTC) for at in (begins, ends))
            for _ in range(count):
                name = next(names)
                self._free[name], self._until[name] = opens, closes
                signed_in = round((closes - opens).total_seconds() * 1000) + 600_000
                self._log(opens, LogKind.AGENTLOGIN, None, name)
                self._log(
                    opens + timedelta(seconds=2), LogKind.READY, None, name, after="busy", paused_ms=2_000
                )
                self._log(
                    closes + timedelta(minutes=10), LogKind.AGENTLOGOFF, None, name,
                    reason="signed_out", signed_in_ms=signed_in,
                )  # fmt: skip

    def take(
        self, call: CallId, queued: datetime, topic: str, chance: Random
    ) -> tuple[str, Outcome, datetime, bool]:
        """Who answers, what becomes of the call, when it ends, whether the caller wants to be called back."""
        name, free = self._first(queued)
        if name is None:
            return "", *self._alone(queued, chance), False
        queue = WAGES if topic == "wages" else QUEUE
        self._log(queued, LogKind.ENTERQUEUE, call, None, queue, priority=0, position=1)
        ring = timedelta(milliseconds=chance.randrange(1_500, 6_500))
        answered = max(queued, free) + ring
        waits = timedelta(seconds=chance.expovariate(1 / PATIENCE_S) + 3)
        if queued + waits < answered:
            back = waits > timedelta(seconds=40) and chance.random() < 0.5
            kind = LogKind.CALLBACK if back else LogKind.ABANDON
            left = queued + waits
            self._log(left, kind, call, None, queue, waited_ms=_ms(waits), reason="caller")
            outcome = Outcome.ORDER_FILED if back else Outcome.ABANDONED
            return "", outcome, left + timedelta(seconds=8 if back else 0), back
        return self._talk(call, (name, queue), (queued, answered, ring), chance)

    def _talk(
        self,
        call: CallId,
        where: tuple[str, str],
        times: tuple[datetime, datetime, timedelta],
        chance: Random,
    ) -> tuple[str, Outcome, datetime, bool]:
        (name, queue), (queued, answered, ring) = where, times
        waited = _ms(answered - queued)
        talk = timedelta(seconds=min(3_000, chance.lognormvariate(0, 0.6) * TALK_S * 0.83 + 20))
        wrap = timedelta(seconds=chance.randrange(15, 70))
        over = answered + talk
        self._log(answered - ring, LogKind.RINGAGENT, call, name, queue, waited_ms=waited - _ms(ring))
        self._log(
            answered, LogKind.CONNECT, call, name, queue, waited_ms=waited, ring_ms=_ms(ring), position=1
        )
        kind = LogKind.COMPLETEAGENT if chance.random() < 0.7 else LogKind.COMPLETECALLER
        self._log(over, kind, call, name, queue, talked_ms=_ms(talk))
        self._log(over, LogKind.WRAPUP, call, name, queue, talked_ms=_ms(talk))
        self._log(over + wrap, LogKind.READY, None, name, after="wrap_up", paused_ms=_ms(wrap))
        self._free[name] = over + wrap
        ended = over
        if kind is LogKind.COMPLETEAGENT:
            ended = over + timedelta(seconds=9)
            if chance.random() < 0.62:
                [mark] = chance.choices([each for each, _ in MARKS], [weight for _, weight in MARKS])
                self._log(ended, LogKind.SURVEY, call, name, "", score=mark, source="dtmf")
        outcome = Outcome.ORDER_FILED if chance.random() < 0.72 else Outcome.ANSWERED
        return name, outcome, ended, False

    def _alone(self, queued: datetime, chance: Random) -> tuple[Outcome, datetime]:
        """Nobody is on duty: most leave a message."""
        spoke = timedelta(seconds=chance.randrange(25, 110))
        [outcome] = chance.choices([Outcome.ORDER_FILED, Outcome.SILENT, Outcome.ABANDONED], [82, 5, 13])
        return outcome, queued + (spoke if outcome is Outcome.ORDER_FILED else timedelta(seconds=12))

    def _first(self, at: datetime) -> tuple[str | None, datetime]:
        """Who on duty is free first, the longest idle before the others."""
        there = [
            (max(free, at), free, name) for name, free in self._free.items() if free < self._until[name] > at
        ]
        on = [each for each in there if each[1] <= at or each[0] < self._until[each[2]]]
        on = [each for each in on if self._began(each[2], at)]
        if not on:
            return None, at
        when, _, name = min(on)
        return name, when

    def _began(self, name: str, at: datetime) -> bool:
        first = next(line.at for line in self.lines if line.kind is LogKind.AGENTLOGIN and line.agent == name)
        return first <= at

    def _log(
        self,
        at: datetime,
        kind: LogKind,
        call: CallId | None,
        agent: str | None,
        queue: str = "",
        **facts: str | int,
    ) -> None:
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        self.lines.append(AcdLog(at, kind, call, agent, queue, facts))


def _ms(length: timedelta) -> int:
    return round(length.total_seconds() * 1000)
