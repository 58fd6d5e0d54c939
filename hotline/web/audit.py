"""The audit log and its chain, for auditors: filter, state, verify, export. No call's or order's content."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from hotline.audit.export import lines
from hotline.audit.roots import stored_roots
from hotline.audit.sealer import state_of
from hotline.store.audit import AuditFilter
from hotline.store.engine import reading
from hotline.store.views import local_midnight
from hotline.web.auth import Auditor, Body
from hotline.web.deps import WebDeps
from hotline.web.problems import Problem
from hotline.web.shapes import iso
from hotline.web.site import SiteDep

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

Json = dict[str, Any]
Day = Annotated[date | None, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]


class AuditSearch(BaseModel):
    """Which entries."""

    model_config = ConfigDict(extra="forbid")

    who: str = Field(default="", max_length=64)
    action: str = Field(default="", max_length=64)
    """The whole, or a part before a dot: `order`, `call.unmask`."""
    subject: str = Field(default="", max_length=255)
    since: Day = None
    """First day, Asia/Shanghai."""
    until: Day = None
    """Last day, inclusive."""
    before: int | None = Field(default=None, ge=1, le=2**62)
    limit: int = Field(default=100, ge=1, le=200)


class Days(BaseModel):
    """A range of days of sealing, Asia/Shanghai, both inclusive."""

    model_config = ConfigDict(extra="forbid")

    since: Day = None
    until: Day = None


class Wish(Body):
    """What is to be verified."""

    recordings: bool = False
    """Also read and hash every recording."""


@router.get("")
async def entries(asked: Annotated[AuditSearch, Query()], _session: Auditor, site: SiteDep) -> Json:
    """Who did what, newest first."""
    end = local_midnight(asked.until + timedelta(days=1)) if asked.until is not None else None
    wanted = AuditFilter(
        asked.who,
        asked.action,
        asked.subject,
        local_midnight(asked.since) if asked.since is not None else None,
        end,
    )
    found = await site.ask(site.deps.audit.entries, before=asked.before, limit=asked.limit, asked=wanted)
    return {
        "entries": [
            {
                "id": entry.id,
                "at": iso(entry.at),
                "who": entry.who,
                "action": entry.action,
                "subject": entry.subject,
                "detail": entry.detail,
            }
            for entry in found
        ]
    }


@router.get("/chain")
async def chain(_session: Auditor, site: SiteDep) -> Json:
    """How far the chain goes, the last signed root, and what the last verification found."""
    return await site.ask(_chain, site.deps) | {"verification": site.verification.state}


@router.post("/verify", status_code=202)
async def verify(form: Wish, session: Auditor, site: SiteDep) -> Json:
    """Begin to verify the whole chain; `GET chain` tells how it goes. 409 while another is under way."""
    if site.verification.running:
        raise Problem(409, "audit.verifying")
    await site.record(session.user.name, "audit.verify", "chain")
    if not site.verification.ask(recordings=form.recordings):
        raise Problem(409, "audit.verifying")
    return site.verification.state


@router.get("/export.jsonl", response_class=StreamingResponse)
async def export(days: Annotated[Days, Query()], session: Auditor, site: SiteDep) -> StreamingResponse:
    """The chain as JSON lines, with what the audit log says; docs/audit.md tells how to verify it."""
    detail = json.dumps({"from": str(days.since or ""), "to": str(days.until or "")})
    await site.record(session.user.name, "audit.export", "chain", detail)
    name = f"12348-audit-{days.since or 'all'}-{days.until or 'all'}.jsonl"
    return StreamingResponse(
        _lines(site.deps, days),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _lines(deps: WebDeps, days: Days) -> Iterator[bytes]:
    yield from lines(deps.users.engine, days.since, days.until)


def _chain(deps: WebDeps) -> Json:
    engine = deps.users.engine
    with reading(engine) as connection:
        state = state_of(connection)
    last = next(reversed(stored_roots(engine)), None)
    root = None
    if last is not None:
        root = {"number": last.number, "day": last.day, "seq": last.seq, "hash": last.hash, "at": last.at}
    return {
        "seq": state.seq,
        "hash": state.hash,
        "sealed_at": iso(state.sealed_at),
        "waiting": state.waiting,
        "oldest": iso(state.oldest),
        "root": root,
        "signing": deps.settings.audit.key is not None,
    }
