"""Which calls a topic means: how many, what share, when, where, and the words themselves."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, false, func, or_, select, true

from hotline.stats.days import day_number
from hotline.stats.kpi.registry import KPIS
from hotline.stats.periods import By, Period, key_of, keys
from hotline.stats.scope import Filters, Scope, condition
from hotline.stats.topics import Topic
from hotline.store.engine import reading
from hotline.store.search import calls_saying, phrases
from hotline.store.stat_tables import call_facts
from hotline.store.topic_tables import topic_hits
from hotline.store.views import UtteranceView

_CALLS = KPIS["calls"].parts["numerator"]


@dataclass(frozen=True, slots=True)
class Found:
    """A topic in a period."""

    count: int
    whole: int
    """All calls of the period that count."""
    trend: Sequence[tuple[str, int]]
    """Division of time → calls."""
    matters: Sequence[tuple[str, int]]
    """Code → calls, the most first."""
    places: Sequence[tuple[str, int]]
    """County code → calls, the most first."""


@dataclass(frozen=True, slots=True)
class Within:
    """Only the calls of one matter or one county, by its code; "": those without; None: all."""

    matter: str | None = None
    place: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """In SQL."""
        wanted = ((call_facts.c.matter, self.matter), (call_facts.c.place, self.place))
        return [column == code for column, code in wanted if code is not None]


EVERYWHERE = Within()


@dataclass(frozen=True, slots=True)
class Matches:
    """Topics on one database. Blocks; raises `StoreError`."""

    engine: Engine

    def found(self, topic: Topic, period: Period, by: By) -> Found:
        """The topic's calls of a period; `by`: how the trend is divided (day, week or month)."""
        with reading(self.engine) as connection:
            inside = self._where(connection, topic, period)
            days = _counted(connection, call_facts.c.day, inside)
            whole = connection.execute(
                select(func.count()).where(condition(_CALLS, Scope(By.DAY, period), {}))
            ).scalar_one()
            matters = _most(_counted(connection, call_facts.c.matter, inside))
            places = _most(_counted(connection, call_facts.c.place, inside))
        trend: dict[str, int] = defaultdict(int)
        for day, number in days.items():
            trend[key_of(by, int(day))] += number
        return Found(
            count=sum(days.values()),
            whole=int(whole),
            trend=[(key, trend.get(key, 0)) for key in keys(by, period)],
            matters=matters,
            places=places,
        )

    def count(self, topic: Topic, period: Period, within: Within = EVERYWHERE) -> tuple[int, int]:
        """Calls of the topic, and all that count."""
        with reading(self.engine) as connection:
            inside = and_(self._where(connection, topic, period), *within.conditions())
            whole = condition(_CALLS, Scope(By.DAY, period), {})
            return (
                int(connection.execute(select(func.count()).where(inside)).scalar_one()),
                int(connection.execute(select(func.count()).where(whole)).scalar_one()),
            )

    def calls(
        self, topic: Topic, period: Period, after: str, limit: int, within: Within = EVERYWHERE
    ) -> list[str]:
        """Ids of the calls, oldest first: those after a call's id, which sorts by time."""
        with reading(self.engine) as connection:
            inside = and_(self._where(connection, topic, period), *within.conditions())
            wanted = select(call_facts.c.call_id).where(inside, call_facts.c.call_id > after)
            return list(connection.scalars(wanted.order_by(call_facts.c.call_id).limit(limit)))

    def _where(self, connection: Connection, topic: Topic, period: Period) -> ColumnElement[bool]:
        scope = Scope(By.DAY, period, Filters(matter=topic.matter, service=topic.service, place=topic.place))
        days = [call_facts.c.day >= day_number(topic.since)] if topic.since is not None else []
        if topic.until is not None:
            days.append(call_facts.c.day <= day_number(topic.until))
        return and_(condition(_CALLS, scope, {}), *days, self._said(connection, topic))

    def _said(self, connection: Connection, topic: Topic) -> ColumnElement[bool]:
        if not topic.words:
            return true()
        ways: list[ColumnElement[bool]] = []
        for word in topic.words:
            parts = [
                call_facts.c.call_id.in_(calls_saying(phrase, connection.dialect)) for phrase in phrases(word)
            ]
            ways.append(and_(*parts) if parts else false())
        if topic.phonetic and topic.id is not None:
            hits = select(topic_hits.c.call_id).where(topic_hits.c.topic_id == topic.id)
            ways.append(call_facts.c.call_id.in_(hits))
        return or_(*ways)


def _counted(
    connection: Connection, column: ColumnElement[Any], where: ColumnElement[bool]
) -> dict[Any, int]:
    number = func.count().label("number")
    rows = connection.execute(select(column.label("key"), number).where(where).group_by(column))
    return {row.key: row.number for row in rows}


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def places_of(word: str, text: str) -> list[tuple[int, int]]:
    """Where a phrase stands in a text, whatever the width and case of its letters."""
    plain = "".join(_plain(character) for character in text)
    wanted = "".join(_plain(character) for character in word)
    if len(plain) != len(text) or not wanted:
        return []
    found, at = [], plain.find(wanted)
    while at >= 0:
        found.append((at, at + len(wanted)))
        at = plain.find(wanted, at + len(wanted))
    return found


def context(topic: Topic, said: Sequence[UtteranceView]) -> UtteranceView | None:
    """The first utterance in which a phrase was said; without one (by sound alone), none."""
    for view in said:
        if any(places_of(word, text) for word in topic.words for text in (view.text, view.raw)):
            return view
    return None


def _plain(character: str) -> str:
    return unicodedata.normalize("NFKC", character).casefold()


def trend_by(period: Period) -> By:
    """Days of a quarter, weeks of two years, months of more."""
    if period.days <= 93:
        return By.DAY
    return By.WEEK if period.days <= 750 else By.MONTH


def default_period(topic: Topic, today: date) -> Period:
    """The topic's own days, else the last thirty."""
    last = min(topic.until or today, today)
    first = topic.since or last - timedelta(days=29)
    return Period(min(first, last), last + timedelta(days=1))
