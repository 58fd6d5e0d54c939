"""Topics: what supervisors look for in what was said; share, trend, places, and the words themselves."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi import Path as PathParam
from pydantic import BaseModel, ConfigDict, Field

from hotline.conversation import CallId
from hotline.stats.days import day_of
from hotline.stats.figures import share
from hotline.stats.labels import Labels
from hotline.stats.periods import By, Period, before, period, span_of, year_before
from hotline.stats.topic_matches import Within, context, default_period, places_of, trend_by
from hotline.stats.topics import Heard, Topic, TopicRefused
from hotline.store.users import Session, User
from hotline.store.views import LOCAL
from hotline.web.auth import Body, Driller, Guard, Statistician
from hotline.web.names import names_in, personal_mask
from hotline.web.problems import Problem
from hotline.web.shapes import call_row_json
from hotline.web.sight import sight_of
from hotline.web.site import Site, SiteDep
from hotline.web.stats import checked, statistics_of

router = APIRouter(prefix="/api/v1/topics", tags=["topics"])

Supervisor = Annotated[Session, Depends(Guard("supervise"))]
Number = Annotated[int, PathParam(alias="topic", ge=1, le=2**31 - 1)]
Json = dict[str, Any]
Day = Annotated[date | None, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]

LISTEN_S = 1.5
"""How long one question listens on; the page asks again."""
SHOWN = 20
AROUND = 24
"""Characters shown before and after the words."""


class TopicForm(Body):
    """A topic as the form sends it."""

    # strict as all bodies are, but dates come as text
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    name: str = Field(min_length=1, max_length=64)
    words: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(max_length=40)
    phonetic: bool = False
    matter: str = Field(default="", max_length=64)
    service: str = Field(default="", max_length=64)
    place: str = Field(default="", max_length=6, pattern="^[0-9]*$")
    since: Day = None
    until: Day = None

    def topic(self, number: int | None = None) -> Topic:
        """As a noun."""
        return Topic(
            self.name, tuple(self.words), self.phonetic, self.matter, self.service, self.place, self.since,
            self.until, number,
        )  # fmt: skip


class Days(BaseModel):
    """Which days; without them the topic's own, else the last thirty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Day = Field(default=None, alias="from")
    until: Day = Field(default=None, alias="to")

    def period(self, topic: Topic, today: date) -> Period:
        """Raises `Problem` 422."""
        usual = default_period(topic, today)
        first = self.since or usual.since
        last = self.until or usual.until - timedelta(days=1)
        return checked(period, first, last, None)


class Calls(Days):
    """A page of a topic's calls."""

    after: str = Field(default="", max_length=64)
    matter: str | None = Field(default=None, max_length=64)
    """Only of this one; "": of those without."""
    place: str | None = Field(default=None, max_length=6)
    """County."""
    beside: bool = False
    """Of a period that the report stands beside: the topic's own days do not bound it."""


@router.get("")
async def topics(_session: Statistician, site: SiteDep) -> Json:
    """All of them, by name."""
    return {"topics": [_topic(each) for each in await site.ask(statistics_of(site).topics.all)]}


@router.post("", status_code=201)
async def define(form: TopicForm, session: Supervisor, site: SiteDep) -> Json:
    """Keep a new topic. 409 for a name that is taken."""
    return await _save(site, session.user, form.topic())


@router.put("/{topic}")
async def redefine(number: Number, form: TopicForm, session: Supervisor, site: SiteDep) -> Json:
    """Change a topic."""
    await _need(site, number)
    return await _save(site, session.user, form.topic(number))


@router.delete("/{topic}", status_code=204)
async def forget(number: Number, session: Supervisor, site: SiteDep) -> None:
    """Drop a topic; what it found stays where it was."""
    await site.record(session.user.name, "topic.drop", str(number))
    if not await site.ask(statistics_of(site).topics.drop, number):
        raise Problem(404, "web.not_found")


@router.post("/preview")
async def preview(form: TopicForm, session: Supervisor, site: SiteDep) -> Json:
    """What a topic that is not kept would find, with the first calls; by letters, not by sound."""
    topic = form.topic()
    if not (topic.words or topic.matter or topic.service or topic.place):
        return {"count": 0, "whole": 0, "share": None, "calls": []}
    stats, span = statistics_of(site), Days().period(topic, _today(site))
    await site.ask(stats.facts.refresh)
    count, whole = await site.ask(stats.matches.count, topic, span)
    ids = await site.ask(stats.matches.calls, topic, span, "", SHOWN)
    part = share(count, whole)
    return {
        "count": count,
        "whole": whole,
        "share": None if part is None else str(part),
        **_days(span),
        "calls": await _calls(site, session.user, topic, ids),
    }


@router.get("/{topic}/report")
async def report(
    number: Number, days: Annotated[Days, Query()], _session: Statistician, site: SiteDep
) -> Json:
    """Count, share of all calls, the period before and a year ago, trend, matters and places."""
    topic, stats = await _need(site, number), statistics_of(site)
    heard = await site.ask(stats.topics.listen, topic, LISTEN_S)
    span = days.period(topic, _today(site))
    await site.ask(stats.facts.refresh)
    by = trend_by(span)
    found = await site.ask(stats.matches.found, topic, span, by)
    anytime = replace(topic, since=None, until=None)
    beside = {
        name: _beside(then, found.count, *await site.ask(stats.matches.count, anytime, then))
        for name, then in ((name, other(span)) for name, other in BESIDE.items())
    }
    labels = await site.ask(stats.reports.labels)
    return {
        "topic": _topic(topic),
        **_days(span),
        **_share(found.count, found.whole),
        "beside": beside,
        "by": by.value,
        "trend": [
            {"key": key, "label": labels.of(by, key, span), "count": n, **_days(_part(by, key, span))}
            for key, n in found.trend
        ],
        "matters": _named(found.matters, By.MATTER, labels, span),
        "places": _named(found.places, By.COUNTY, labels, span),
        "heard": _heard(heard),
    }


@router.get("/{topic}/calls")
async def calls(number: Number, asked: Annotated[Calls, Query()], session: Driller, site: SiteDep) -> Json:
    """The calls, or those of one matter or county, oldest first, each with the words; masked."""
    topic, stats = await _need(site, number), statistics_of(site)
    span = asked.period(topic, _today(site))
    topic = replace(topic, since=None, until=None) if asked.beside else topic
    await site.ask(stats.facts.refresh)
    within = Within(asked.matter, asked.place)
    count, _ = await site.ask(stats.matches.count, topic, span, within)
    ids = await site.ask(stats.matches.calls, topic, span, asked.after, SHOWN, within)
    return {
        "count": count,
        "calls": await _calls(site, session.user, topic, ids),
        "next": ids[-1] if len(ids) == SHOWN else None,
    }


@router.get("/hotspots/{day}")
async def hotspots(day: date, _session: Statistician, site: SiteDep) -> Json:
    """What stands out in the week of that day: place by matter, against the eight weeks before."""
    stats, monday = statistics_of(site), day - timedelta(days=day.weekday())
    await site.ask(stats.facts.refresh)
    found, labels = await site.ask(stats.hotspots, monday), await site.ask(stats.reports.labels)
    week = Period(monday, monday + timedelta(days=7))
    return {
        **_days(week),
        "spots": [
            {
                "place": each.place,
                "place_name": labels.of(By.COUNTY, each.place, week),
                "matter": each.matter,
                "matter_name": labels.of(By.MATTER, each.matter, week),
                "count": each.count,
                "usual": round(each.usual, 2),
                "weeks": list(each.weeks),
            }
            for each in found
        ],
    }


BESIDE = {"previous": before, "year": year_before}


async def _save(site: Site, user: User, topic: Topic) -> Json:
    await site.record(user.name, "topic.define", topic.name)
    try:
        kept = await site.ask(statistics_of(site).topics.save, topic, user.name, site.deps.now())
    except TopicRefused as error:
        raise Problem(409, "stats.topic_refused", str(error)) from None
    return _topic(kept)


async def _need(site: Site, number: int) -> Topic:
    topic = await site.ask(statistics_of(site).topics.get, number)
    if topic is None:
        raise Problem(404, "web.not_found")
    return topic


async def _calls(site: Site, user: User, topic: Topic, ids: list[str]) -> list[Json]:
    sight = sight_of(site, user)
    found: list[Json] = []
    for call in ids:
        view = await site.ask(site.deps.calls.get, CallId(call))
        if view is None or not await site.ask(site.deps.calls.sees, CallId(call), sight):
            found.append({"hidden": True})
            continue
        said = await site.ask(site.deps.calls.transcript, CallId(call))
        found.append(
            {**call_row_json(view.row, raw=False), "words": _words(topic, said, names_in(view.intent))}
        )
    return found


def _words(topic: Topic, said: Any, names: Iterable[str]) -> Json | None:
    """The words, and where they stand in what is shown around them; masked."""
    view = context(topic, said)
    if view is None:
        return None
    masked = personal_mask(said, names).span(view.utterance, 0, len(view.text), view.text)
    marks = sorted({mark for word in topic.words for mark in places_of(word, view.text)})
    begin = max(0, marks[0][0] - AROUND) if marks else 0
    end = min(len(masked), (marks[-1][1] if marks else 0) + AROUND)
    return {
        "speaker": view.speaker.value,
        "text": masked[begin:end],
        "marks": [[first - begin, last - begin] for first, last in marks if last <= end],
    }


def _topic(topic: Topic) -> Json:
    return {
        "id": topic.id,
        "name": topic.name,
        "words": list(topic.words),
        "phonetic": topic.phonetic,
        "matter": topic.matter,
        "service": topic.service,
        "place": topic.place,
        "since": topic.since.isoformat() if topic.since else None,
        "until": topic.until.isoformat() if topic.until else None,
        "created_by": topic.created_by,
    }


def _share(count: int, whole: int) -> Json:
    part = share(count, whole)
    return {"count": count, "whole": whole, "share": None if part is None else str(part)}


def _beside(span: Period, now: int, then: int, whole: int) -> Json:
    change = share(now - then, then)
    return {**_days(span), **_share(then, whole), "change": None if change is None else str(change)}


def _part(by: By, key: str, whole: Period) -> Period:
    """The days of a division of the trend."""
    span = span_of(by, key, whole)
    return Period(day_of(span.first), day_of(span.end))


def _named(counts: Any, by: By, labels: Labels, span: Period) -> list[Json]:
    return [{"code": code, "name": labels.of(by, code, span), "count": count} for code, count in counts[:12]]


def _days(span: Period) -> Json:
    return {"from": span.since.isoformat(), "to": (span.until - timedelta(days=1)).isoformat()}


def _heard(heard: Heard) -> Json:
    return {"done": heard.done, "total": heard.total}


def _today(site: Site) -> date:
    return site.deps.now().astimezone(LOCAL).date()
