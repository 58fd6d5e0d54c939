"""REST for the page: calls, their transcripts, work orders. Handlers only translate."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from hotline.call.drafts import NoDraft
from hotline.conversation import CallId, Outcome
from hotline.store.users import User
from hotline.store.views import CallFilter, CallView, UtteranceView
from hotline.web.auth import Body, Editor, Reader, Unmasker
from hotline.web.names import PersonalMask, names_in, names_in_forms, personal_mask
from hotline.web.order_moves import life_json
from hotline.web.problems import Problem
from hotline.web.shapes import (
    Json,
    call_json,
    call_row_json,
    order_json,
    order_row_json,
    utterance_json,
)
from hotline.web.sight import hidden_from, need_call, need_order, seen_orders, sight_of
from hotline.web.site import Site, SiteDep
from workorders.messages import EditWorkOrder
from workorders.model import State
from workorders.queries import OrderView, most_counted

router = APIRouter(prefix="/api/v1", tags=["page"])

Day = Annotated[date | None, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]


class Search(BaseModel):
    """What both lists can be asked for."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(default="", max_length=200)
    matter: str = Field(default="", max_length=64)
    since: Day = None
    """First day, Asia/Shanghai."""
    until: Day = None
    """Last day, inclusive."""
    cursor: str = Field(default="", max_length=200)
    limit: int = Field(default=50, ge=1, le=200)


class CallSearch(Search):
    """Which calls."""

    outcome: Outcome | None = None


class OrderSearch(Search):
    """Which orders."""

    state: State | None = None
    unit: str = Field(default="", max_length=64)


class Reason(Body):
    """Why somebody wants to see what is masked."""

    reason: str = Field(min_length=4, max_length=200)


class FieldEdit(Body):
    """A corrected field; `version` is the one the person was looking at."""

    version: int = Field(ge=1, le=2**31 - 1)
    field: str = Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")
    value: str = Field(max_length=2000)


@router.get("/calls")
async def calls(asked: Annotated[CallSearch, Query()], session: Reader, site: SiteDep) -> Json:
    """Calls, newest first: those the user may see; `more`: there are more than `total`."""
    after_last = asked.until + timedelta(days=1) if asked.until is not None else None
    wanted = CallFilter(
        asked.text,
        asked.since,
        after_last,
        asked.outcome,
        asked.matter,
        asked.limit,
        asked.cursor,
        sight_of(site, session.user),
    )
    rows = await site.ask(site.deps.calls.search, wanted)
    total = await site.ask(site.deps.calls.count, wanted)
    raw = site.deps.settings.privacy.show_raw
    return {
        "calls": [call_row_json(row, raw=raw) for row in rows],
        "total": min(total, wanted.most_counted),
        "more": total > wanted.most_counted,
        "next": rows[-1].cursor if len(rows) == asked.limit else None,
    }


@router.get("/calls/{call}")
async def call_detail(call: str, session: Reader, site: SiteDep) -> Json:
    """A call with transcript and orders, masked."""
    view, said, orders = await _whole(site, call, session.user)
    mask = _mask(site, view, said, orders)
    return _call(view, said, orders, mask, session.user)


@router.get("/calls/{call}/earlier")
async def earlier_calls(call: str, session: Reader, site: SiteDep) -> Json:
    """What the same number called about in the ninety days before, newest first; masked like any list."""
    known = await need_call(site, session.user, call)
    rows = await site.ask(site.deps.calls.earlier, known, sight=sight_of(site, session.user))
    raw = site.deps.settings.privacy.show_raw
    return {"calls": [call_row_json(row, raw=raw) for row in rows]}


@router.get("/calls/{call}/transcript")
async def call_transcript(call: str, session: Reader, site: SiteDep) -> Json:
    """A call's finals, masked."""
    view, said, orders = await _whole(site, call, session.user)
    mask = _mask(site, view, said, orders)
    return {"utterances": [utterance_json(each, mask) for each in said]}


@router.post("/calls/{call}/unmask")
async def unmask_call(call: str, form: Reason, session: Unmasker, site: SiteDep) -> Json:
    """A call as it is, for a reason that is put on record first."""
    whole = await _whole(site, call, session.user)
    await site.record(session.user.name, "call.unmask", whole[0].row.call, form.reason)
    return _call(*whole, None, session.user)


@router.post("/calls/{call}/order")
async def confirm_order(call: str, session: Editor, site: SiteDep) -> Json:
    """File what was understood of a call that an agent has or had; `number` is null when it comes later."""
    if site.deps.staffing is None:
        raise Problem(404, "call.unknown")
    await need_call(site, session.user, call)
    await site.record(session.user.name, "order.confirm", call)
    try:
        number = await site.deps.staffing.confirm(CallId(call), site.deps.now())
    except NoDraft:
        raise Problem(409, "call.no_draft") from None
    return {"number": number}


@router.get("/orders")
async def orders(asked: Annotated[OrderSearch, Query()], session: Reader, site: SiteDep) -> Json:
    """Orders, newest first: those the user may see, complaints about the user never."""
    wanted = replace(
        seen_orders(site, session.user),
        text=asked.text,
        state=asked.state,
        unit=asked.unit or None,
        matter=asked.matter or None,
        first_day=asked.since,
        last_day=asked.until,
        limit=asked.limit,
        after=asked.cursor or None,
    )
    rows = await site.ask(site.deps.orders.search, wanted)
    names = await site.ask(names_in_forms, site.deps.orders, [row.number for row in rows])
    matters, callers = await site.ask(site.deps.orders.tally, wanted)
    most = most_counted(picked=bool(wanted.own))
    return {
        "orders": [order_row_json(row, names[row.number]) for row in rows],
        "total": min(callers, most),
        "more": callers > most,
        "matters": min(matters, most),
        "next": rows[-1].cursor if len(rows) == asked.limit else None,
    }


@router.get("/orders/{number}")
async def order_detail(number: str, session: Reader, site: SiteDep) -> Json:
    """An order, masked, with what the user may do with it."""
    return await _order(site, number, session.user)


@router.patch("/orders/{number}")
async def edit_order(number: str, form: FieldEdit, session: Editor, site: SiteDep) -> Json:
    """Correct one field; the machine's value stays beside it. 409 when somebody else was quicker."""
    await need_order(site, session.user, number)
    command = EditWorkOrder(number, form.version, session.user.name, form.field, form.value, site.deps.now())
    moved = await site.ask(site.deps.service.handle, command)
    await site.record(session.user.name, "order.edit", moved.number, form.field)
    return await _order(site, number, session.user)


async def _whole(site: Site, call: str, user: User) -> tuple[CallView, list[UtteranceView], list[OrderView]]:
    view = await site.ask(site.deps.calls.get, await need_call(site, user, call))
    if view is None:
        raise Problem(404, "call.unknown")
    said = await site.ask(site.deps.calls.transcript, view.row.call)
    orders = await site.ask(site.deps.orders.by_call, view.row.call)
    return view, said, [each for each in orders if not hidden_from(each.order, user)]


def _mask(
    site: Site, call: CallView | None, said: list[UtteranceView], orders: list[OrderView]
) -> PersonalMask | None:
    """What is hidden of a call; None on a closed test line that shows everything."""
    if site.deps.settings.privacy.show_raw:
        return None
    intent = call.intent if call is not None else None
    return personal_mask(said, names_in(intent, *(each.order for each in orders)))


def _call(
    view: CallView,
    said: list[UtteranceView],
    orders: list[OrderView],
    mask: PersonalMask | None,
    user: User,
) -> Json:
    return {
        **call_json(view, mask),
        "utterances": [utterance_json(item, mask) for item in said],
        "work_orders": [order_json(each, mask) | {"life": life_json(each.order, user)} for each in orders],
    }


async def _order(site: Site, number: str, user: User) -> Json:
    view, call = await need_order(site, user, number), None
    said: list[UtteranceView] = []
    if not site.deps.settings.privacy.show_raw:
        call = await site.ask(site.deps.calls.get, CallId(view.order.call_id))
        said = await site.ask(site.deps.calls.transcript, CallId(view.order.call_id))
    mask = _mask(site, call, said, [view])
    return order_json(view, mask) | {"life": life_json(view.order, user)}
