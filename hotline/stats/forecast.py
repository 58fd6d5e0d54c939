"""What to expect of a day, by quarters of an hour, from like days before it; and how many agents it takes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from math import ceil
from statistics import fmean, pstdev

from sqlalchemy import Connection, Engine, func, select

from hotline.stats.days import day_number
from hotline.stats.erlang import Fare, Load, agents_needed, erlang_a, erlang_c
from hotline.stats.past_calls import RestsOn, asked_for_a_person, quarter_number
from hotline.store.engine import reading
from hotline.store.stat_tables import call_facts
from workorders.calendar import WorkCalendar

QUARTERS = 96
USUAL_HANDLED_S = 360.0
"""Taken for the handling time where history has none."""
USUAL_PATIENCE_S = 120.0
LONGEST_PATIENCE_S = 3_600.0
FEW = 20
"""Below so many calls a mean says too little, and the usual value is taken."""


class DayKind(StrEnum):
    """Days that are like each other."""

    WORKDAY = "workday"
    """By its day of the week."""
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is aimed at."""

    within_s: float = 15.0
    level: float = 0.8
    """Of callers, answered within that time; between 0 and 1."""
    shrinkage: float = 0.3
    """Of paid time, not at the phone: breaks, training, illness; 0 to 0.9."""


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter of an hour."""

    number: int
    """0 is 00:00–00:15 in Shanghai."""
    calls: int
    """That asked for a person, of the like days, all together."""
    expected: float
    """The mean of the like days."""
    spread: float
    """Standard deviation over the like days."""
    agents: int
    """At the phone, by Erlang C."""
    rostered: int
    """With what shrinkage takes away."""
    waiting: Fare | None
    """How they fare by Erlang C; None of nothing."""
    leaving: Fare | None
    """And by Erlang A, with the patience of the callers before."""


@dataclass(frozen=True, slots=True)
class Handling:
    """How long calls take and callers wait, and what that rests on."""

    handled_s: float
    """Mean handling time, or the usual one."""
    patience_s: float
    """Mean patience, or the usual one."""
    counts: Mapping[RestsOn, int]
    """Calls of each kind."""
    usual_handled: bool
    usual_patience: bool
    """Whether the usual value was taken, for lack of history."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A day."""

    day: date
    kind: DayKind
    days: tuple[date, ...]
    """The like days that it rests on, the latest first."""
    of_days: tuple[int, ...]
    """Calls of each of them that asked for a person."""
    handling: Handling
    """Of these calls."""
    quarters: tuple[Quarter, ...]

    @property
    def calls(self) -> int:
        """Of the like days, all together."""
        return sum(self.of_days)


def kind_of(day: date, calendar: WorkCalendar) -> DayKind:
    """What sort of day it is; a make-up Saturday is a working day."""
    if calendar.is_workday(day):
        return DayKind.WORKDAY
    return DayKind.HOLIDAY if day in calendar.holidays and day.weekday() < 5 else DayKind.WEEKEND


def like_days(day: date, weeks: int, calendar: WorkCalendar, today: date) -> tuple[date, ...]:
    """Days before `today` within so many weeks before `day` that are like it, the latest first.

    Working days and weekends are like those of the same weekday, holidays like any day off.
    """
    kind = kind_of(day, calendar)
    found = []
    for back in range(1, weeks * 7 + 1):
        other = day - timedelta(days=back)
        same = kind_of(other, calendar)
        if other >= today:
            continue
        if kind is DayKind.HOLIDAY:
            if same is not DayKind.WORKDAY:
                found.append(other)
        elif same is kind and other.weekday() == day.weekday():
            found.append(other)
    return tuple(found)


def forecast(engine: Engine, day: date, days: tuple[date, ...], kind: DayKind, wish: Wish) -> Forecast:
    """The day as the days before it suggest, without those before the first call there is.

    Blocks; raises `StoreError`, and `ValueError` when no floor could hold what comes.
    """
    with reading(engine) as connection:
        first = connection.execute(select(func.min(call_facts.c.day))).scalar_one()
        days = tuple(each for each in days if first is not None and day_number(each) >= first)
        numbers = [day_number(each) for each in days]
        counts = connection.execute(
            select(call_facts.c.day, quarter_number.label("quarter"), func.count().label("calls"))
            .where(asked_for_a_person(numbers))
            .group_by(call_facts.c.day, quarter_number)
        ).all()
        handling = _handling(connection, numbers)
    table: dict[int, dict[int, int]] = defaultdict(dict)
    for row in counts:
        table[row.quarter][row.day] = row.calls
    quarters = tuple(
        _quarter(number, [table[number].get(each, 0) for each in numbers], handling, wish)
        for number in range(QUARTERS)
    )
    of_days = tuple(sum(row.calls for row in counts if row.day == each) for each in numbers)
    return Forecast(day, kind, days, of_days, handling, quarters)


def _handling(connection: Connection, days: Sequence[int]) -> Handling:
    f = call_facts.c
    sums = {
        RestsOn.HANDLED: func.sum(f.talk_ms + f.wrap_ms),
        RestsOn.WAITED: func.sum(f.wait_ms),
        RestsOn.LEFT: func.sum(f.wait_ms),
    }
    found = {
        of: connection.execute(select(func.count(), added).where(asked_for_a_person(days, of))).one()
        for of, added in sums.items()
    }
    counts = {of: int(count) for of, (count, _) in found.items()}
    handled_ms, waited_ms = (float(found[of][1] or 0) for of in (RestsOn.HANDLED, RestsOn.WAITED))
    usual_handled = counts[RestsOn.HANDLED] < FEW or not handled_ms
    usual_patience = counts[RestsOn.LEFT] < FEW
    # Time waited by all over those who gave up: the maximum-likelihood mean of an exponential patience.
    patience = USUAL_PATIENCE_S if usual_patience else waited_ms / counts[RestsOn.LEFT] / 1000
    return Handling(
        handled_s=USUAL_HANDLED_S if usual_handled else handled_ms / counts[RestsOn.HANDLED] / 1000,
        patience_s=min(max(patience, 1.0), LONGEST_PATIENCE_S),
        counts=counts,
        usual_handled=usual_handled,
        usual_patience=usual_patience,
    )


def _quarter(number: int, seen: list[int], handling: Handling, wish: Wish) -> Quarter:
    calls = sum(seen)
    expected = fmean(seen) if seen else 0.0
    spread = pstdev(seen) if len(seen) > 1 else 0.0
    load = Load(expected * 4, handling.handled_s)
    agents = agents_needed(load, wish.within_s, wish.level)
    if not agents:
        return Quarter(number, calls, expected, spread, 0, 0, None, None)
    return Quarter(
        number=number,
        calls=calls,
        expected=expected,
        spread=spread,
        agents=agents,
        rostered=ceil(agents / (1 - wish.shrinkage)),
        waiting=erlang_c(load, agents, wish.within_s),
        leaving=erlang_a(load, agents, wish.within_s, handling.patience_s),
    )


def peak(forecast: Forecast) -> Mapping[str, int]:
    """The most agents any quarter needs, at the phone and rostered."""
    return {
        "agents": max((each.agents for each in forecast.quarters), default=0),
        "rostered": max((each.rostered for each in forecast.quarters), default=0),
    }
