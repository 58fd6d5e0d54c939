"""Invents a hotline's days: arrivals, a queue with agents, talks, marks; rows as the line would write them.

Everything is drawn from one seed. Numbers begin with 1000, which no telephone in China has.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from hotline.store.views import local_midnight

Row = dict[str, Any]

HOURS = (
    0.6, 0.4, 0.3, 0.2, 0.2, 0.3, 0.7, 1.8, 6.5, 12.5, 12.0, 8.5,
    4.0, 5.5, 9.5, 11.0, 9.5, 6.5, 3.4, 2.4, 1.9, 1.5, 1.1, 0.8,
)  # fmt: skip
"""Share of a day's calls by hour, per cent."""
WEEKDAYS = (1.25, 1.15, 1.1, 1.05, 1.0, 0.75, 0.7)
SHIFTS = ((0.0, 8.0, 5), (8.0, 17.5, 36), (13.0, 22.0, 16), (16.0, 24.0, 5))
"""From, to (hours), agents."""
PATIENCE_S, TALK_S, WRAP_S = 150.0, 300.0, 35.0
ASKED, RATED = 0.8, 0.42
MARKS = (1, 2, 3, 4, 5)
MARK_WEIGHTS = (2, 2, 5, 26, 65)
WEBRTC, MESSAGE, AGAIN, UNKNOWN = 0.05, 0.03, 0.09, 0.02
ORDERS = 0.22
"""Of answered calls, so many lead to an order."""


@dataclass(frozen=True, slots=True)
class Words:
    """Codes and their names."""

    matters: tuple[tuple[str, str], ...]
    services: tuple[tuple[str, str], ...]
    places: tuple[str, ...]
    """Codes of counties; those of the capital come more often."""


@dataclass(slots=True)
class Day:
    """What one day leaves behind."""

    calls: list[Row] = field(default_factory=list)
    intents: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class _Caller:
    started: datetime
    number: int
    remote: str
    matter: tuple[str, str]
    place: str


class Hotline:
    """Makes days, one after the other."""

    def __init__(self, words: Words, calls_a_day: float, seed: int, orders: float = ORDERS) -> None:
        """`orders`: share of answered calls from which one is filed."""
        self._words = words
        self._orders = orders
        self._mean = calls_a_day
        self._dice = random.Random(seed)
        self._lately: deque[_Caller] = deque(maxlen=round(calls_a_day * 5))
        self._number = 0
        self._weights = tuple(1 / (rank + 1.5) for rank in range(len(words.matters)))
        self._services = tuple(1 / (rank + 1) ** 2 for rank in range(len(words.services)))
        self._places = tuple(6.0 if code.startswith("5101") else 1.0 for code in words.places)

    def day(self, when: date, most: int | None = None) -> Day:
        """A day; `most`: not more calls than that."""
        made, begins = Day(), local_midnight(when)
        callers = list(self._arrivals(when, begins))[:most]
        queue = _Queue(self._dice, begins, made, self._orders)
        for caller in callers:
            self._call(caller, queue, made)
        queue.close()
        made.lines.sort(key=lambda line: line["at"])
        return made

    def _arrivals(self, when: date, begins: datetime) -> Iterator[_Caller]:
        dice = self._dice
        expected = self._mean * WEEKDAYS[when.weekday()] * (1 + 0.1 * math.sin(when.timetuple().tm_yday / 58))
        total = sum(HOURS)
        for hour, share in enumerate(HOURS):
            at, rate = 0.0, expected * share / total / 3600
            while (at := at + dice.expovariate(rate)) < 3600:
                started = begins + timedelta(milliseconds=round((hour * 3600 + at) * 1000))
                yield self._caller(started)

    def _caller(self, started: datetime) -> _Caller:
        dice, words = self._dice, self._words
        self._number += 1
        if self._lately and dice.random() < AGAIN:
            old = dice.choice(self._lately)
            return _Caller(started, self._number, old.remote, old.matter, old.place)
        remote = f"1000{dice.randrange(10**7):07}"
        matter = dice.choices(words.matters, self._weights)[0]
        place = dice.choices(words.places, self._places)[0] if dice.random() > UNKNOWN else ""
        caller = _Caller(started, self._number, remote, matter, place)
        self._lately.append(caller)
        return caller

    def _call(self, caller: _Caller, queue: "_Queue", made: Day) -> None:
        dice = self._dice
        name = f"{caller.started:%Y%m%d%H%M%S}-{caller.number:08x}"
        entered = caller.started + timedelta(milliseconds=dice.randrange(8_000, 14_000))
        if dice.random() < MESSAGE:
            ended, outcome, talked = entered + timedelta(seconds=dice.uniform(10, 90)), "message_taken", True
        else:
            ended, outcome, talked = queue.take(name, entered)
        service = dice.choices(self._words.services, self._services)[0]
        made.calls.append(
            {
                "id": name, "state": "closed", "channel": "webrtc" if dice.random() < WEBRTC else "phone",
                "remote": caller.remote, "dialled": "12348", "started": caller.started,
                "answered": caller.started + timedelta(seconds=1), "ended": ended, "flow": "12348",
                "flow_path": [], "digits": "", "recording_origin": 0, "orders": [], "outcome": outcome,
                "detail": "remote_hangup",
            }
        )  # fmt: skip
        if talked:
            place = {"name": "place", "value": caller.place, "display": "", "confidence": 0.8, "evidence": []}
            slots = [place] if caller.place else []
            made.intents.append(
                {
                    "call_id": name, "matter": caller.matter[0], "matter_label": caller.matter[1],
                    "matter_confidence": 0.8, "service": service[0], "service_label": service[1],
                    "service_confidence": 0.8, "matters": [], "slots": slots, "evidence": [],
                    "source": "speech", "flags": [], "at": caller.started, "call_started": caller.started,
                }
            )  # fmt: skip


class _Queue:
    """First come, first served; who is free longest is rung."""

    def __init__(self, dice: random.Random, begins: datetime, made: Day, orders: float) -> None:
        self._dice = dice
        self._orders = orders
        self._made = made
        self._free: list[tuple[datetime, str, datetime]] = []
        """When free, who, until when on duty."""
        for shift, (start, end, seats) in enumerate(SHIFTS):
            for seat in range(seats):
                agent, at = f"agent-{shift}-{seat:02}", begins + timedelta(hours=start, seconds=seat)
                self._log(at, "agentlogin", None, agent, {})
                self._log(
                    at + timedelta(seconds=40), "ready", None, agent, {"after": "busy", "paused_ms": 40_000}
                )
                until = begins + timedelta(hours=end, seconds=seat - 120)
                heapq.heappush(self._free, (at + timedelta(seconds=40), agent, until))

    def take(self, name: str, entered: datetime) -> tuple[datetime, str, bool]:
        """A call enters: when it ends, its outcome, whether anybody talked."""
        dice = self._dice
        self._log(entered, "enterqueue", name, None, {"priority": 0, "position": 1})
        gives_up = entered + timedelta(milliseconds=round(dice.expovariate(1 / PATIENCE_S) * 1000) + 500)
        while self._free:
            free, agent, until = heapq.heappop(self._free)
            begins = max(free, entered) + timedelta(milliseconds=dice.randrange(1_500, 9_000))
            if begins >= until:
                self._log(max(free, until), "agentlogoff", None, agent, {"reason": "signed_out"})
                continue
            if begins >= gives_up:
                heapq.heappush(self._free, (free, agent, until))
                break
            return self._talk(name, (entered, begins), agent, until)
        waited = (gives_up - entered) // timedelta(milliseconds=1)
        self._log(gives_up, "abandon", name, None, {"position": 1, "waited_ms": waited})
        return gives_up, "abandoned", False

    def _talk(
        self, name: str, waited: tuple[datetime, datetime], agent: str, until: datetime
    ) -> tuple[datetime, str, bool]:
        dice, (entered, begins) = self._dice, waited
        wait = (begins - entered) // timedelta(milliseconds=1)
        rang = begins - timedelta(milliseconds=dice.randrange(1_000, 1_500))
        talk = round(min(3_500.0, dice.lognormvariate(math.log(TALK_S) - 0.32, 0.8)) * 1000) + 4_000
        parted = begins + timedelta(milliseconds=talk)
        free = parted + timedelta(milliseconds=round(dice.expovariate(1 / WRAP_S) * 1000) + 2_000)
        by_agent = dice.random() < ASKED
        self._log(rang, "ringagent", name, agent, {"waited_ms": wait})
        self._log(begins, "connect", name, agent, {"waited_ms": wait, "ring_ms": 1_200, "position": 1})
        self._log(
            parted, "completeagent" if by_agent else "completecaller", name, agent,
            {"talked_ms": talk, "held_ms": 0, "end": "agent" if by_agent else "caller"},
        )  # fmt: skip
        self._log(parted, "wrapup", name, agent, {"talked_ms": talk}, queue="")
        self._log(free, "ready", None, agent, {"after": "wrap_up", "paused_ms": 0})
        if by_agent and dice.random() < RATED:
            mark = dice.choices(MARKS, MARK_WEIGHTS)[0]
            self._log(
                parted + timedelta(seconds=9), "survey", name, agent, {"score": mark, "by": "key"}, queue=""
            )
        heapq.heappush(self._free, (free, agent, until))
        filed = dice.random() < self._orders
        return parted + timedelta(seconds=12), "order_filed" if filed else "answered", True

    def close(self) -> None:
        """The end of the day: everyone signs out."""
        for free, agent, until in self._free:
            self._log(max(free, until), "agentlogoff", None, agent, {"reason": "signed_out"})

    def _log(
        self, at: datetime, kind: str, call: str | None, agent: str | None, facts: Row, queue: str = "legal"
    ) -> None:
        self._made.lines.append(
            {
                "at": at, "kind": kind, "call_id": call, "agent": agent,
                "queue": queue if call else "", "facts": facts,
            }
        )  # fmt: skip
