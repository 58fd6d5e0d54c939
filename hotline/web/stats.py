"""Statistics: what figures mean, reports, and the list behind every figure."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from hotline.errors import ConfigError
from hotline.stats.kpi.registry import chosen
from hotline.stats.lists import MAX_ROWS, Behind, Page
from hotline.stats.periods import By, Period, before, period, year_before
from hotline.stats.scope import Filters, Scope
from hotline.stats.statistics import Statistics
from hotline.store.users import User
from hotline.web.auth import Driller, Statistician
from hotline.web.problems import Problem
from hotline.web.sight import names_of, sight_of
from hotline.web.site import Site, SiteDep
from hotline.web.stat_shapes import Hidden, choices_json, definitions_json, page_json, table_json

router = APIRouter(prefix="/api/v1/stats", tags=["statistics"])

P = ParamSpec("P")
T = TypeVar("T")

MAX_KPIS = 80
_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)


class ScopeQuery(BaseModel):
    """What a report is about: how it is divided, its days, both included, and what it is narrowed to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: By
    since: date = Field(alias="from", ge=_FIRST, le=_LAST)
    until: date = Field(alias="to", ge=_FIRST, le=_LAST)
    channel: str = Field(default="", max_length=64)
    queue: str = Field(default="", max_length=64)
    agent: str = Field(default="", max_length=64)
    team: str = Field(default="", max_length=64)
    unit: str = Field(default="", max_length=64)
    place: str = Field(default="", max_length=6, pattern="^[0-9]*$")
    matter: str = Field(default="", max_length=64)
    service: str = Field(default="", max_length=64)

    def scope(self) -> Scope:
        """Raises `Problem` 422 for a period that cannot be shown."""
        only = Filters(
            self.channel,
            self.queue,
            self.agent,
            self.team,
            self.unit,
            self.place,
            self.matter,
            self.service,
        )
        return Scope(self.by, checked(period, self.since, self.until, self.by), only)


class ReportQuery(ScopeQuery):
    """A report; `compare`: what is set beside it, and another period of one's own."""

    kpi: list[str] = Field(default=[], max_length=MAX_KPIS)
    compare: list[Literal["previous", "year"]] = Field(default=[], max_length=2)
    compare_from: date | None = Field(default=None, ge=_FIRST, le=_LAST)
    compare_to: date | None = Field(default=None, ge=_FIRST, le=_LAST)

    def beside(self) -> dict[str, Period]:
        """Name → period to be set beside this one. Raises `Problem` 422."""
        one = self.scope().period
        known: dict[str, Callable[[Period], Period]] = {"previous": before, "year": year_before}
        found: dict[str, Period] = {name: known[name](one) for name in dict.fromkeys(self.compare)}
        if self.compare_from is not None and self.compare_to is not None:
            found["period"] = checked(period, self.compare_from, self.compare_to, self.by)
        return found


class ListQuery(ScopeQuery):
    """The rows behind a figure of the report; `key`: of its row, without one of the total."""

    kpi: str = Field(max_length=64)
    part: Literal["numerator", "denominator", "rows"] = "numerator"
    key: str | None = Field(default=None, max_length=64)
    cursor: str = Field(default="", max_length=300)
    limit: int = Field(default=50, ge=1, le=MAX_ROWS)


def statistics_of(site: Site) -> Statistics:
    """The line's. Raises `Problem` 404 for a web part that has none."""
    if site.deps.stats is None:
        raise Problem(404, "web.not_found")
    return site.deps.stats


def checked(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the function gives; what it cannot make sense of is `Problem` 422."""
    try:
        return function(*args, **kwargs)
    except ConfigError as error:
        raise Problem(422, "stats.query", str(error)) from None


@router.get("/kpis")
async def kpis(_session: Statistician) -> dict[str, Any]:
    """Every figure there is: name, formula, parts as SQL, source; and what reports can be grouped by."""
    return definitions_json()


@router.get("/choices")
async def choices(_session: Statistician, site: SiteDep) -> dict[str, list[list[str]]]:
    """What reports can be narrowed to, as far as it has occurred: filter → [code, name] each."""
    stats = statistics_of(site)
    await site.ask(stats.facts.refresh)
    return choices_json(await site.ask(stats.reports.labels))


@router.get("/report")
async def report(
    query: Annotated[ReportQuery, Query()], _session: Statistician, site: SiteDep
) -> dict[str, Any]:
    """Figures of the calls, orders and working hours of the days `from` to `to`, both included."""
    stats = statistics_of(site)
    scope, shown, beside = query.scope(), checked(chosen, query.kpi), query.beside()
    await site.ask(stats.facts.refresh)
    return table_json(await site.ask(stats.reports.table, scope, shown, beside))


@router.get("/list")
async def rows(query: Annotated[ListQuery, Query()], session: Driller, site: SiteDep) -> dict[str, Any]:
    """The rows that a figure of the same report counts: `count` is the figure, `rows` a page of them."""
    stats = statistics_of(site)
    scope = query.scope()
    behind = Behind(checked(chosen, (query.kpi,))[0], query.part, scope, query.key)
    await site.ask(stats.facts.refresh)
    page = await site.ask(checked, stats.lists.page, behind, query.cursor, query.limit)
    return await listed(site, session.user, page, scope)


async def listed(site: Site, user: User, page: Page, scope: Scope) -> dict[str, Any]:
    """A page of a list with its names, as far as the user may see it; masked."""
    labels = await site.ask(statistics_of(site).reports.labels)
    calls = [row["call_id"] for row in page.rows if row.get("call_id")]
    unseen = await site.ask(site.deps.calls.unseen, calls, sight_of(site, user))
    return page_json(page, labels, scope, Hidden(names_of(user), unseen))
