"""What suddenly grows: a matter in a place in a week, against its own weeks before."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt

from sqlalchemy import Engine, func, select

from hotline.stats.days import day_number
from hotline.store.engine import reading
from hotline.store.stat_tables import call_facts

PAST_WEEKS = 8
FEWEST = 5
"""Smaller cells are not told of: they would point at persons."""
SIGMAS = 3.0
TIMES = 2.0


@dataclass(frozen=True, slots=True)
class HotSpot:
    """One that stands out."""

    place: str
    """County code."""
    matter: str
    count: int
    """Calls of the week."""
    usual: float
    """A week's mean of the weeks before."""
    weeks: tuple[int, ...]
    """The weeks before, the oldest first."""


def hotspots(engine: Engine, monday: date) -> list[HotSpot]:
    """Of the week that begins on that Monday, the most striking first. Blocks; raises `StoreError`.

    A cell stands out with at least `FEWEST` calls, `TIMES` its mean of the `PAST_WEEKS` before, and `SIGMAS`
    standard deviations of a Poisson number above it (a mean below one call counts as one). Places and matters
    that are not known make no cell.
    """
    first = day_number(monday - timedelta(weeks=PAST_WEEKS))
    f = call_facts.c
    week = (f.day - first) // 7
    wanted = (
        select(f.place, f.matter, week.label("week"), func.count().label("calls"))
        .where(
            f.day >= first, f.day < first + 7 * (PAST_WEEKS + 1), f.test == 0, f.place != "", f.matter != ""
        )
        .where(~f.place.like("%0000"))
        .group_by(f.place, f.matter, week)
    )
    cells: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    with reading(engine) as connection:
        for row in connection.execute(wanted):
            cells[row.place, row.matter][int(row.week)] = row.calls
    found = []
    for (place, matter), counts in cells.items():
        now = counts.get(PAST_WEEKS, 0)
        past = tuple(counts.get(number, 0) for number in range(PAST_WEEKS))
        usual = sum(past) / PAST_WEEKS
        level = max(usual, 1.0)
        if now >= FEWEST and now >= TIMES * level and now >= level + SIGMAS * sqrt(level):
            found.append(HotSpot(place, matter, now, usual, past))
    return sorted(
        found, key=lambda spot: (-(spot.count - spot.usual) / sqrt(max(spot.usual, 1.0)), spot.place)
    )
