"""What to expect of a day, and how many agents that takes."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from hotline.stats.erlang import Fare
from hotline.stats.forecast import Forecast, Wish, kind_of, like_days, peak
from hotline.stats.lists import MAX_ROWS
from hotline.stats.past_calls import Past, RestsOn
from hotline.stats.periods import By, period
from hotline.stats.scope import Scope
from hotline.store.views import LOCAL
from hotline.web.auth import Driller, Statistician
from hotline.web.problems import Problem
from hotline.web.site import Site, SiteDep
from hotline.web.stats import checked, listed, statistics_of

router = APIRouter(prefix="/api/v1/stats", tags=["statistics"])

Json = dict[str, Any]


class Day(BaseModel):
    """A day, and how far to look back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date = Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))
    weeks: int = Field(default=8, ge=1, le=52)

    def like(self, site: Site) -> tuple[date, ...]:
        """The days before today that it is like."""
        today = site.deps.now().astimezone(LOCAL).date()
        return like_days(self.day, self.weeks, site.deps.service.calendar, today)


class Asked(Day):
    """A day, and what is aimed at."""

    within: float = Field(default=15, ge=0, le=600)
    """Seconds."""
    level: float = Field(default=80, gt=0, lt=100)
    """Per cent of callers answered within that time."""
    shrinkage: float = Field(default=30, ge=0, le=90)
    """Per cent of paid time not at the phone."""


class ListAsked(Day):
    """The past calls behind a figure of the day's forecast."""

    of: RestsOn = RestsOn.ALL
    quarter: str = Field(default="", pattern="^(([01][0-9]|2[0-3]):(00|15|30|45))?$")
    """Only those of that quarter of an hour, which begins then."""
    on: date | None = None
    """Only those of that one of the days it rests on."""
    cursor: str = Field(default="", max_length=300)
    limit: int = Field(default=50, ge=1, le=MAX_ROWS)

    def past(self, site: Site) -> Past:
        """In terms of facts."""
        number = int(self.quarter[:2]) * 4 + int(self.quarter[3:]) // 15 if self.quarter else None
        return Past(self.like(site), self.of, number, self.on)


@router.get("/forecast")
async def expect(asked: Annotated[Asked, Query()], _session: Statistician, site: SiteDep) -> Json:
    """Arrivals and staffing by quarters of an hour, from like days before. Of each figure that rests on past
    calls it says on how many: `GET /api/v1/stats/forecast/list` has them. 422: no floor could hold it."""
    stats, calendar = statistics_of(site), site.deps.service.calendar
    days = asked.like(site)
    wish = Wish(asked.within, asked.level / 100, asked.shrinkage / 100)
    await site.ask(stats.facts.refresh)
    try:
        found = await site.ask(stats.forecast, asked.day, days, kind_of(asked.day, calendar), wish)
    except ValueError:
        raise Problem(422, "stats.forecast", "more agents than a floor holds") from None
    return _json(found)


@router.get("/forecast/list")
async def behind(asked: Annotated[ListAsked, Query()], session: Driller, site: SiteDep) -> Json:
    """The past calls that a figure of the same day's forecast rests on: `count` is as many as it says, `rows`
    a page of them; masked. A call that the user may not open counts as a hidden row."""
    stats = statistics_of(site)
    await site.ask(stats.facts.refresh)
    page = await site.ask(checked, stats.past, asked.past(site), asked.cursor, asked.limit)
    return await listed(site, session.user, page, Scope(By.DAY, period(asked.day, asked.day)))


def _json(found: Forecast) -> Json:
    handling = found.handling
    return {
        "day": found.day.isoformat(),
        "kind": found.kind.value,
        "days": [day.isoformat() for day in found.days],
        "calls": found.calls,
        "of_days": [
            {"day": day.isoformat(), "calls": calls}
            for day, calls in zip(found.days, found.of_days, strict=True)
        ],
        "handled_s": round(handling.handled_s, 1),
        "patience_s": round(handling.patience_s, 1),
        "rests_on": {of.value: count for of, count in handling.counts.items()},
        "usual": {"handled": handling.usual_handled, "patience": handling.usual_patience},
        "peak": dict(peak(found)),
        "quarters": [
            {
                "time": f"{each.number // 4:02}:{each.number % 4 * 15:02}",
                "calls": each.calls,
                "expected": round(each.expected, 2),
                "spread": round(each.spread, 2),
                "agents": each.agents,
                "rostered": each.rostered,
                "waiting": _queue(each.waiting),
                "leaving": _queue(each.leaving),
            }
            for each in found.quarters
        ],
    }


def _queue(queue: Fare | None) -> Json | None:
    if queue is None:
        return None
    return {name: round(value, 4) for name, value in asdict(queue).items()}
