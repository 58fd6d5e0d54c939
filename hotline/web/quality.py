"""Quality inspection: a day's sample, a call's sheet with what the machine saw, issues until put right."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi import Path as PathParam
from pydantic import Field

from hotline.conversation import CallId
from hotline.stats.days import day_number, day_of
from hotline.stats.figures import share
from hotline.stats.quality import Quality, QualityRefused, refuse_wrong
from hotline.stats.quality_lists import Counted, QualityLists, Wanted
from hotline.stats.quality_marks import Mark, marks
from hotline.stats.quality_rules import QualityRules
from hotline.stats.redraw import redrawn
from hotline.store.users import Session, User
from hotline.store.views import LOCAL, UtteranceView
from hotline.web.auth import RIGHTS, Body, Guard, Reader
from hotline.web.names import PersonalMask, names_in, personal_mask
from hotline.web.problems import Problem
from hotline.web.shapes import call_row_json, iso
from hotline.web.sight import need_call, sight_of
from hotline.web.site import Site, SiteDep
from hotline.web.stats import statistics_of

router = APIRouter(prefix="/api/v1/quality", tags=["quality"])

Inspector = Annotated[Session, Depends(Guard("inspect"))]
Number = Annotated[int, PathParam(alias="sample", ge=1, le=2**31 - 1)]
IssueNumber = Annotated[int, PathParam(alias="issue", ge=1, le=2**31 - 1)]
Day = Annotated[date, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31))]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Json = dict[str, Any]
LISTED = 50
"""Rows of a page of what a figure counts."""
RECENT = 14
"""Days."""


class Sheet(Body):
    """A sheet that was filled in; `version`: of the one the inspector saw."""

    version: int = Field(ge=1, le=2**31 - 1)
    scores: dict[str, int] = Field(max_length=40)
    remark: str = Field(default="", max_length=2000)


class Words(Body):
    """What somebody says about an issue."""

    text: Text


class Verdict(Words):
    """Whether it has been put right."""

    right: bool


@router.get("")
async def sample(day: Day, session: Inspector, site: SiteDep) -> Json:
    """A day's sample; a day that is over is drawn when it is asked for first, and never again. `answered`:
    calls there were to draw from, `kept`: which they were is known (`GET /api/v1/quality/drawn`)."""
    stats, rules = statistics_of(site), _rules(site)
    if day < site.deps.now().astimezone(LOCAL).date():
        await site.ask(stats.facts.refresh)
        await site.ask(stats.quality.draw, day_number(day), rules, site.deps.now())
    drawn = await site.ask(stats.quality.drawn, day_number(day))
    if drawn is None:
        nothing: Json = {"answered": 0, "share": None, "seed": "", "kept": False, "calls": []}
        return {"day": day.isoformat(), "drawn": False, **nothing}
    unseen = await _unseen(site, session.user, drawn.samples)
    part = share(len(drawn.samples), drawn.answered)
    return {
        "day": day.isoformat(),
        "drawn": True,
        "answered": drawn.answered,
        "share": None if part is None else str(part),
        "seed": drawn.seed,
        "kept": drawn.kept,
        "calls": [_row(row, rules, session.user) for row in drawn.samples if row.call_id not in unseen],
    }


@router.get("/drawn")
async def drawn_from(
    day: Day, session: Inspector, site: SiteDep, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
) -> Json:
    """The calls that a day's sample was drawn from, in the order that was drawn from: exactly those that
    `answered` counts; `sample`: the sheet of one that was drawn. Masked; a call that the user may not open
    counts as a hidden row. `same`: whether the kept seed draws the same calls from them again.

    Of a day that was drawn before they were kept (`kept` is false) they are the calls that the facts name
    now. 404: not drawn yet.
    """
    stats, rules = statistics_of(site), _rules(site)
    drawn = await site.ask(stats.quality.drawn, day_number(day))
    if drawn is None:
        raise Problem(404, "web.not_found")
    again = redrawn(drawn)
    ids = drawn.drawn_from if drawn.kept else await site.ask(stats.quality.answered, day_number(day))
    page = ids[after : after + LISTED]
    rows = {row.call: row for row in await site.ask(site.deps.calls.rows, page, sight_of(site, session.user))}
    samples = {row.call_id: row for row in drawn.samples}
    return {
        "count": len(ids),
        "rows": [
            call_row_json(rows[CallId(call)]) | _taken(samples.get(call), rules)
            if call in rows
            else {"hidden": True}
            for call in page
        ],
        "next": after + LISTED if after + LISTED < len(ids) else None,
        "kept": drawn.kept,
        "same": again.same if drawn.kept else None,
        "seed": drawn.seed,
        "named": len(again.named),
        "by_chance": len(again.drawn),
    }


@router.get("/figures")
async def figures(
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
    _session: Inspector,
    site: SiteDep,
) -> Json:
    """By agent: calls drawn and inspected, mean points, issues found and put right."""
    stats, rules = statistics_of(site), _rules(site)
    found = await site.ask(stats.quality.tally, day_number(first), day_number(last) + 1)
    return {
        "full": rules.full,
        "agents": [
            {
                "agent": each.agent,
                "sampled": each.sampled,
                "inspected": each.inspected,
                "mean": round(each.points / each.inspected, 1) if each.inspected else None,
                "found": each.found,
                "fixed": each.fixed,
            }
            for each in found
        ],
    }


@router.get("/list")
async def behind(
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
    agent: Annotated[str, Query(max_length=64)],
    of: Counted,
    session: Inspector,
    site: SiteDep,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Json:
    """What a figure of an agent counts: sheets, or issues. A call that does not exist for the user counts
    as a hidden row."""
    rules, wanted = _rules(site), Wanted(agent, day_number(first), day_number(last) + 1, of)
    count, rows = await site.ask(_lists(site).page, wanted, after, LISTED)
    unseen = await _unseen(site, session.user, rows)
    return {
        "count": count,
        "rows": [
            {"hidden": True}
            if row.call_id in unseen
            else _issue(row) | {"sample": row.sample_id}
            if of.issues
            else _row(row, rules, session.user) | {"sample": row.id}
            for row in rows
        ],
        "next": rows[-1].id if len(rows) == LISTED else None,
    }


@router.get("/days")
async def days(day: Day, session: Inspector, site: SiteDep) -> Json:
    """Which of the two weeks until a day have a sample, the latest first: calls drawn and inspected, as far
    as the user may see them. Nothing is drawn by asking."""
    last = day_number(day)
    rows = await site.ask(_lists(site).drawn, last - RECENT + 1, last + 1)
    unseen = await _unseen(site, session.user, rows)
    found: dict[int, list[bool]] = defaultdict(list)
    for row in rows:
        if row.call_id not in unseen:
            found[row.day].append(row.inspected_at is not None)
    return {
        "days": [
            {"day": day_of(number).isoformat(), "sampled": len(done), "inspected": sum(done)}
            for number, done in found.items()
        ]
    }


@router.get("/issues")
async def issues(session: Reader, site: SiteDep) -> Json:
    """An agent's own issues; for inspectors everybody's. The newest first."""
    agent = "" if session.user.role in RIGHTS["inspect"] else session.user.name
    return {"issues": [_issue(row) for row in await site.ask(_quality(site).issues, agent=agent)]}


@router.post("/issues/{issue}/answer", status_code=204)
async def answer(issue: IssueNumber, form: Words, session: Reader, site: SiteDep) -> None:
    """The agent says what was done about it."""
    await site.record(session.user.name, "quality.answer", str(issue))
    await _do(site, _quality(site).answer, issue, session.user.name, form.text, site.deps.now())


@router.post("/issues/{issue}/verdict", status_code=204)
async def verdict(issue: IssueNumber, form: Verdict, session: Inspector, site: SiteDep) -> None:
    """An inspector has looked again: it is right now, or goes back to the agent."""
    await site.record(session.user.name, "quality.verdict", str(issue), "right" if form.right else "back")
    if form.right:
        await _do(site, _quality(site).verify, issue, session.user.name, form.text, site.deps.now())
    else:
        await _do(site, _quality(site).send_back, issue, session.user.name, form.text)


@router.get("/calls/{sample}")
async def sheet(number: Number, session: Inspector, site: SiteDep) -> Json:
    """A call's sheet: what was said, masked, what the machine saw in it, points, issues. On record."""
    row, rules = await _need(site, session.user, number), _rules(site)
    await site.record(session.user.name, "quality.open", row.call_id)
    view = await site.ask(site.deps.calls.get, CallId(row.call_id))
    if view is None:
        raise Problem(404, "call.unknown")
    said = await site.ask(site.deps.calls.transcript, CallId(row.call_id))
    mask = personal_mask(said, names_in(view.intent))
    seen = marks(said, noticed=view.consent_at is not None, rules=rules.marks)
    found = await site.ask(_quality(site).issues, sample=number)
    return {
        **_row(row, rules, session.user),
        "version": row.version,
        "remark": row.remark,
        "scores": row.scores,
        "sheet": [item.model_dump() for item in rules.sheet],
        "full": rules.full,
        "about": call_row_json(view.row, raw=False),
        "recording_origin": view.recording_origin,
        "said": [_said(each, mask) for each in said],
        "marks": [_mark(each, rules) for each in seen],
        "issues": [_issue(each) for each in found],
    }


@router.put("/calls/{sample}", status_code=204)
async def score(
    number: Number,
    form: Sheet,
    session: Inspector,
    site: SiteDep,
) -> None:
    """Keep a sheet. 409 for an own call, points out of bounds, or when somebody else was quicker."""
    row = await _need(site, session.user, number)
    await site.record(session.user.name, "quality.score", row.call_id)
    await _do(site, refuse_wrong, form.scores, _rules(site))
    kept = (form.scores, form.remark)
    await _do(site, _quality(site).score, number, form.version, session.user.name, kept, site.deps.now())


@router.post("/calls/{sample}/issues", status_code=201)
async def raise_issue(
    number: Number,
    form: Words,
    session: Inspector,
    site: SiteDep,
) -> Json:
    """Tell the call's agent what is to be put right."""
    row = await _need(site, session.user, number)
    await site.record(session.user.name, "quality.issue", row.call_id)
    return {
        "id": await _do(
            site, _quality(site).raise_issue, number, session.user.name, form.text, site.deps.now()
        )
    }


def _quality(site: Site) -> Quality:
    return statistics_of(site).quality


def _lists(site: Site) -> QualityLists:
    return statistics_of(site).quality_lists


async def _unseen(site: Site, user: User, rows: Sequence[Any]) -> frozenset[str]:
    """Calls of these rows that do not exist for the user."""
    ids = [row.call_id for row in rows]
    return await site.ask(site.deps.calls.unseen, ids, sight_of(site, user))


def _rules(site: Site) -> QualityRules:
    rules = statistics_of(site).quality_rules
    if rules is None:
        raise Problem(404, "web.not_found")
    return rules


async def _do(site: Site, function: Any, *args: Any) -> Any:
    try:
        return await site.ask(function, *args)
    except QualityRefused as error:
        raise Problem(409, "quality.refused", str(error)) from None


async def _need(site: Site, user: User, number: int) -> Any:
    """The call that was drawn, when it exists for the user."""
    row = await site.ask(_quality(site).sample, number)
    if row is None:
        raise Problem(404, "web.not_found")
    await need_call(site, user, row.call_id)
    return row


def _row(row: Any, rules: QualityRules, user: User) -> Json:
    return {
        "id": row.id,
        "call": row.call_id,
        "day": day_of(row.day).isoformat(),
        "agent": row.agent,
        "own": row.agent == user.name,
        "reasons": _reasons(row, rules),
        "points": sum(row.scores.values()) if row.inspected_at is not None else None,
        "inspector": row.inspector,
        "inspected_at": iso(row.inspected_at),
    }


def _taken(row: Any | None, rules: QualityRules) -> Json:
    """Of a call that could be drawn: its sheet, and why."""
    return {
        "sample": None if row is None else row.id,
        "reasons": [] if row is None else _reasons(row, rules),
    }


def _reasons(row: Any, rules: QualityRules) -> list[str]:
    return [rules.names.get(each, each) for each in row.reasons]


def _said(view: UtteranceView, mask: PersonalMask) -> Json:
    return {
        "utterance": view.utterance,
        "speaker": view.speaker.value,
        "text": mask.text(view.utterance) or "",
        "start": view.start,
    }


def _mark(mark: Mark, rules: QualityRules) -> Json:
    return {
        "kind": mark.kind,
        "name": getattr(rules.marks, mark.kind).name,
        "utterance": mark.utterance,
        "at": mark.at,
        "first": mark.first,
        "last": mark.last,
        "amount": mark.amount,
    }


def _issue(row: Any) -> Json:
    return {
        "id": row.id,
        "call": row.call_id,
        "agent": row.agent,
        "state": row.state,
        "text": row.text,
        "raised_by": row.raised_by,
        "raised_at": iso(row.raised_at),
        "answer": row.answer,
        "answered_at": iso(row.answered_at),
        "verdict": row.verdict,
        "verified_by": row.verified_by,
        "verified_at": iso(row.verified_at),
    }
