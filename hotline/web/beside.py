"""What stands beside an order on its page: duplicates, merged callers, incidents, other lines, referrals."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as PathParam
from pydantic import Field

from hotline.store.users import User
from hotline.web.auth import Body, Editor, Reader
from hotline.web.names import names_in_forms
from hotline.web.order_moves import HEIRS, actor_of
from hotline.web.problems import Problem
from hotline.web.referrals import referral_json
from hotline.web.shapes import iso, mask_contact, order_row_json
from hotline.web.sight import need_order, seen_orders
from hotline.web.site import Site, SiteDep
from workorders.case_messages import SplitOrder
from workorders.exchange_rules import TRANSFER
from workorders.model import WorkOrder
from workorders.queries import OrderView

router = APIRouter(prefix="/api/v1", tags=["orders"])

Json = dict[str, Any]
Number = Annotated[str, PathParam(max_length=64)]


class Split(Body):
    """A second matter of the order."""

    matter: str = Field(min_length=1, max_length=64)
    service: str = Field(min_length=1, max_length=64)
    summary: str = Field(min_length=1, max_length=4000)


@router.get("/orders/{number}/beside")
async def beside(number: Number, session: Reader, site: SiteDep) -> Json:
    """Everything; duplicates are suggestions, a person merges."""
    view = await need_order(site, session.user, number)
    return await site.ask(_beside, site, session.user, view)


@router.post("/orders/{number}/split", status_code=201)
async def split(number: Number, form: Split, session: Editor, site: SiteDep) -> Json:
    """Make the second matter an order of its own."""
    labels = site.deps.labels
    if form.matter not in labels or form.service not in labels:
        raise Problem(422, "web.invalid", "Invalid: body.matter or body.service")
    view = await need_order(site, session.user, number)
    command = SplitOrder(
        view.order.number,
        form.matter,
        labels[form.matter],
        form.service,
        labels[form.service],
        form.summary,
        session.user.name,
        actor_of(session.user),
        site.deps.now(),
    )
    made = await site.ask(site.deps.service.handle, command)
    await site.record(session.user.name, "order.split", view.order.number, made.subject)
    return {"number": made.subject, "state": made.status}


@router.get("/categories")
async def categories(_session: Reader, site: SiteDep) -> Json:
    """What forms choose from: matters and services, lines that take orders, places, units, queues and those
    who may own an order, by name."""
    rules, staffing = site.deps.service.rules, site.deps.staffing
    users = await site.ask(site.deps.users.all)
    systems = rules.exchange.systems.values()
    return {
        "labels": dict(site.deps.labels),
        "services": list(site.deps.services),
        "lines": [{"code": each.code, "name": each.name} for each in systems if TRANSFER in each.takes],
        "places": [[each.code, rules.places.full_name(each)] for each in rules.places],
        "units": [[each.code, each.name] for each in rules.units()],
        "queues": [[code, each.label] for code, each in staffing.policy.queues.items()] if staffing else [],
        "people": [[each.name, each.display] for each in users if each.role in HEIRS and not each.disabled],
    }


def _beside(site: Site, user: User, view: OrderView) -> Json:
    deps, order = site.deps, view.order
    seen = seen_orders(site, user)
    similar = deps.similar.to(order, seen)
    names = names_in_forms(deps.orders, [each.row.number for each in similar])
    raw = deps.settings.privacy.show_raw
    inside = deps.similar.inside(order.number)
    opened = {row.number for row in deps.orders.listed([each.number for each in inside], seen)}
    systems = deps.service.rules.exchange.systems
    return {
        "similar": [
            {
                **order_row_json(each.row, names[each.row.number]),
                "why": list(each.why),
                "mergeable": each.mergeable,
            }
            for each in similar
        ],
        "inside": [
            {
                "number": each.number,
                "call": each.call_id,
                "contact": each.caller_contact if raw else mask_contact(each.caller_contact),
                "filed_at": iso(each.filed_at),
                "anonymous": each.anonymous,
                "seen": each.number in opened,
            }
            for each in inside
        ],
        "callers": 1 + len(inside),
        "incidents": [
            {"id": each.id, "title": each.title, "status": each.status, "greeting": each.greeting}
            for each in deps.cases.incidents_of(order.number)
        ],
        "references": [
            {
                "system": each.system,
                "name": systems[each.system].name if each.system in systems else each.system,
                "direction": each.direction,
                "number": each.number,
                "status": each.status,
                "text": each.text,
                "updated_at": iso(each.updated_at),
            }
            for each in deps.cases.references_of(order.number)
        ],
        "referrals": [referral_json(site, each, user) for each in deps.cases.referrals_of(order.number)],
        **_aids(site, order),
    }


def _aids(site: Site, order: WorkOrder) -> Json:
    """What a person needs to refer: the bases of legal aid, the likely one, what a notary's client brings."""
    rules = site.deps.service.rules.exchange
    fitting = (each.id for each in rules.bases if set(each.flags) & set(order.flags))
    return {
        "bases": [
            {"id": each.id, "label": each.label, "law": each.law, "effect": each.effect}
            for each in rules.bases
        ],
        "suggested_basis": next(fitting, ""),
        "materials": {deed: list(items) for deed, items in rules.materials.items()},
    }
