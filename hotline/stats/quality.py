"""Quality inspection kept: a day's sample drawn once, sheets, and issues until they are put right."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from random import Random
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    case,
    func,
    insert,
    select,
    update,
)

from hotline.errors import HotlineError
from hotline.stats.call_fold import Fate
from hotline.stats.quality_rules import Always, QualityRules
from hotline.store.engine import insert_if_new, reading, storable, writing
from hotline.store.quality_tables import quality_days, quality_issues, quality_samples
from hotline.store.stat_tables import call_facts
from hotline.store.tables import intents

RAISED, ANSWERED, VERIFIED = "raised", "answered", "verified"
_s, _i = quality_samples.c, quality_issues.c


class QualityRefused(HotlineError):
    """That cannot be done to a sheet or an issue as it stands; the message says why."""

    code = "quality.refused"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A day's sample."""

    answered: int
    seed: str
    samples: tuple[Row[Any], ...]
    drawn_from: tuple[str, ...]
    """Calls there were, in the order that was drawn from; none where they were not kept."""

    @property
    def kept(self) -> bool:
        """Whether what was drawn from is known; not of days drawn by releases before it was kept."""
        return len(self.drawn_from) == self.answered


@dataclass(frozen=True, slots=True)
class Tally:
    """An agent's inspections of a period."""

    agent: str
    sampled: int
    inspected: int
    points: int
    """Of all inspected calls together."""
    found: int
    fixed: int
    """Issues raised of these calls; of these, verified."""


class Quality:
    """On one database. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def draw(self, day: int, rules: QualityRules, now: datetime) -> None:
        """Draw a day that is over, unless it has been drawn: all the rules name, the rest by chance.

        The chance's seed is made here and kept, with the calls there were to draw from, so that nobody can
        choose and everybody can check (`hotline.stats.redraw`). Facts must be up to date.
        """
        with writing(self._engine) as connection:
            rows = connection.execute(answered_calls(day)).all()
            seed = secrets.token_hex(16)
            ids = [row.call_id for row in rows]
            kept = {"day": day, "seed": seed, "answered": len(ids), "drawn_at": now, "drawn_from": ids}
            if not insert_if_new(connection, quality_days, kept):
                return
            chosen = choose(rows, rules, seed)
            values = [
                {
                    "day": day, "call_id": row.call_id, "agent": row.agent, "reasons": list(reasons),
                    "scores": {}, "remark": "", "inspector": "", "version": 1,
                }
                for row, reasons in chosen
            ]  # fmt: skip
            if values:
                connection.execute(insert(quality_samples), values)

    def drawn(self, day: int) -> Drawn | None:
        """A day's sample, by call; None when it has not been drawn."""
        with reading(self._engine) as connection:
            head = connection.execute(select(quality_days).where(quality_days.c.day == day)).one_or_none()
            if head is None:
                return None
            rows = connection.execute(select(quality_samples).where(_s.day == day).order_by(_s.call_id)).all()
        return Drawn(head.answered, head.seed, tuple(rows), tuple(head.drawn_from))

    def answered(self, day: int) -> tuple[str, ...]:
        """The calls of a day that would be drawn from as the facts are now."""
        with reading(self._engine) as connection:
            return tuple(row.call_id for row in connection.execute(answered_calls(day)))

    def sample(self, number: int) -> Row[Any] | None:
        """One call that was drawn."""
        with reading(self._engine) as connection:
            return connection.execute(select(quality_samples).where(_s.id == number)).one_or_none()

    def score(
        self, number: int, version: int, by: str, sheet: tuple[Mapping[str, int], str], now: datetime
    ) -> None:
        """Keep a sheet: points an item, and a remark. Raises `QualityRefused`.

        Nobody inspects an own call; somebody who has been quicker is not written over.
        """
        scores, remark = sheet
        with writing(self._engine) as connection:
            _inspected_by(connection, number, by)
            values = {
                "scores": dict(scores), "remark": storable(remark), "inspector": by, "inspected_at": now,
                "version": version + 1,
            }  # fmt: skip
            changed = update(quality_samples).where(_s.id == number, _s.version == version).values(**values)
            if connection.execute(changed).rowcount != 1:
                raise QualityRefused("somebody else has been quicker")

    def raise_issue(self, number: int, by: str, text: str, now: datetime) -> int:
        """Tell the call's agent what is to be put right; the issue's number. Raises `QualityRefused`."""
        with writing(self._engine) as connection:
            row = _inspected_by(connection, number, by)
            values = {
                "sample_id": number, "agent": row.agent, "state": RAISED, "text": storable(text),
                "raised_by": by, "raised_at": now, "answer": "", "verdict": "", "verified_by": "",
            }  # fmt: skip
            made = insert(quality_issues).values(**values).returning(_i.id)
            return int(connection.execute(made).scalar_one())

    def answer(self, issue: int, agent: str, text: str, now: datetime) -> None:
        """The agent says what was done. Raises `QualityRefused` unless it is the agent's and waits for it."""
        values = {"state": ANSWERED, "answer": storable(text), "answered_at": now}
        self._move(issue, (_i.agent == agent, _i.state == RAISED), values)

    def verify(self, issue: int, by: str, text: str, now: datetime) -> None:
        """An inspector has seen that it is put right. Raises `QualityRefused`."""
        values = {"state": VERIFIED, "verdict": storable(text), "verified_by": by, "verified_at": now}
        self._move(issue, (_i.agent != by, _i.state == ANSWERED), values)

    def send_back(self, issue: int, by: str, text: str) -> None:
        """It is not put right yet. Raises `QualityRefused`."""
        values = {"state": RAISED, "verdict": storable(text)}
        self._move(issue, (_i.agent != by, _i.state == ANSWERED), values)

    def issues(self, *, sample: int | None = None, agent: str = "", most: int = 200) -> list[Row[Any]]:
        """Of a call, or of an agent, or all; the newest first."""
        wanted = issues_with_calls()
        if sample is not None:
            wanted = wanted.where(_i.sample_id == sample)
        if agent:
            wanted = wanted.where(_i.agent == agent)
        with reading(self._engine) as connection:
            return list(connection.execute(wanted.order_by(_i.id.desc()).limit(most)))

    def tally(self, first: int, end: int) -> list[Tally]:
        """By agent, of the calls of the days from `first` to before `end`."""
        inside = and_(_s.day >= first, _s.day < end)
        fixed = func.sum(func.coalesce(_is(_i.state == VERIFIED), 0))
        issues = (
            select(_s.agent, func.count(_i.id).label("found"), fixed.label("fixed"))
            .join(quality_issues, _i.sample_id == _s.id)
            .where(inside)
            .group_by(_s.agent)
        )
        with reading(self._engine) as connection:
            wanted = select(_s.agent, _s.scores, _s.inspected_at).where(inside)
            rows: list[Row[Any]] = list(connection.execute(wanted))
            counted = {row.agent: (row.found, row.fixed) for row in connection.execute(issues)}
        agents = sorted({row.agent for row in rows})
        return [_tally(agent, [row for row in rows if row.agent == agent], counted) for agent in agents]

    def _move(self, issue: int, only: Sequence[ColumnElement[bool]], values: Mapping[str, Any]) -> None:
        with writing(self._engine) as connection:
            changed = update(quality_issues).where(_i.id == issue, *only).values(**values)
            if connection.execute(changed).rowcount != 1:
                raise QualityRefused("the issue is not there, or not as far")


def _inspected_by(connection: Connection, number: int, by: str) -> Row[Any]:
    """The call that was drawn, which may not be an own one. Raises `QualityRefused`."""
    row = connection.execute(select(quality_samples).where(_s.id == number)).one_or_none()
    if row is None or row.agent == by:
        raise QualityRefused("not a call that this person inspects")
    return row


def issues_with_calls() -> Select[Any]:
    """Issues, each with its call's id."""
    return select(quality_issues, _s.call_id).join(quality_samples, _s.id == _i.sample_id)


def choose(
    rows: Sequence[Row[Any]], rules: QualityRules, seed: str
) -> list[tuple[Row[Any], tuple[str, ...]]]:
    """Calls to inspect, with the rules that name them (none: by chance), by their order (pure)."""
    named = {row.call_id: reasons for row in rows if (reasons := _named(row, rules.always))}
    wanted = max(1, ceil(len(rows) * rules.share / 100)) if rows else 0
    by_chance = chance([row.call_id for row in rows], named, wanted - len(named), seed)
    return [
        (row, named.get(row.call_id, ())) for row in rows if row.call_id in named or row.call_id in by_chance
    ]


def chance(ids: Sequence[str], named: Collection[str], wanted: int, seed: str) -> frozenset[str]:
    """So many of the calls that no rule names, as many as there are at most: the same for the same (pure)."""
    rest = [call for call in ids if call not in named]
    # No cipher is needed: the seed was made when the day was over.
    return frozenset(Random(seed).sample(rest, max(0, min(len(rest), wanted))))  # noqa: S311


def _named(row: Row[Any], rules: Sequence[Always]) -> tuple[str, ...]:
    return tuple(rule.id for rule in rules if _holds(rule, row))


def _holds(rule: Always, row: Row[Any]) -> bool:
    if rule.mark_most is not None and (row.mark is None or row.mark > rule.mark_most):
        return False
    if rule.flags and not set(rule.flags) & set(row.flags or ()):
        return False
    return rule.minutes is None or row.talk_ms > rule.minutes * 60_000


def answered_calls(day: int) -> Select[Any]:
    """The calls that a day's sample is drawn from, as the facts are now, in the order of the draw."""
    f = call_facts.c
    wanted = select(f.call_id, f.agent, f.mark, f.talk_ms, intents.c.flags)
    return (
        wanted.outerjoin(intents, intents.c.call_id == f.call_id)
        .where(f.day == day, f.fate == Fate.ANSWERED.value, f.test == 0)
        .order_by(f.call_id)
    )


def _tally(agent: str, rows: Sequence[Row[Any]], counted: Mapping[str, tuple[int, int]]) -> Tally:
    done = [row for row in rows if row.inspected_at is not None]
    found, fixed = counted.get(agent, (0, 0))
    points = sum(sum(row.scores.values()) for row in done)
    return Tally(agent, len(rows), len(done), points, int(found), int(fixed or 0))


def _is(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def refuse_wrong(scores: Mapping[str, int], rules: QualityRules) -> None:
    """Raises `QualityRefused` unless every item has points within its bounds."""
    items = {item.id: item.most for item in rules.sheet}
    if scores.keys() != items.keys() or any(not 0 <= scores[name] <= most for name, most in items.items()):
        raise QualityRefused("every item of the sheet needs points within its bounds")
