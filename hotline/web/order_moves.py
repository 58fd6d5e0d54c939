"""What people of the line do with an order: every move of its life, by the table in `workorders.life`."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as PathParam
from pydantic import Field

from hotline.store.users import Role, User
from hotline.web.auth import Body, Editor
from hotline.web.problems import Problem
from hotline.web.shapes import iso
from hotline.web.sight import hidden_from, need_order
from hotline.web.site import Site, SiteDep
from workorders.life import choices
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor, WorkOrder
from workorders.service import WITH_MORE

router = APIRouter(prefix="/api/v1", tags=["orders"])

ACTORS = {Role.AGENT: Actor.AGENT, Role.LAWYER: Actor.AGENT, Role.SUPERVISOR: Actor.SUPERVISOR}
NOT_HERE = frozenset({Action.EDIT, Action.ATTACH, *WITH_MORE})
"""Have routes of their own: one wants the version that was seen, one a file, the others say more."""
HEIRS = frozenset(ACTORS)
"""Roles of those who may own an order."""
PAIRED = frozenset({Action.MERGE, Action.RELATE})
"""Name a second order."""
MOVES = frozenset(each.value for each in Action) - NOT_HERE


class Move(Body):
    """One move; which fields it reads stands at its rule."""

    action: str = Field(max_length=32)
    text: str = Field(default="", max_length=4000)
    to: str = Field(default="", max_length=64)
    person: str = Field(default="", max_length=64)
    level: str = Field(default="", max_length=16)
    outcome: str = Field(default="", max_length=16)
    rating: int | None = Field(default=None, ge=1, le=5)


@router.post("/orders/{number}/moves")
async def move(
    number: Annotated[str, PathParam(max_length=64)], form: Move, session: Editor, site: SiteDep
) -> dict[str, Any]:
    """Make the move. 403 for one that the role may not make, 409 for one that does not fit, 404 as always."""
    if form.action not in MOVES:
        raise Problem(422, "web.invalid", "Invalid: body.action")
    view = await need_order(site, session.user, number)
    await _not_the_subject(site, view.order, session.user, form)
    act = ActOnOrder(
        number,
        form.action,
        session.user.name,
        actor_of(session.user),
        site.deps.now(),
        text=form.text,
        to=form.to,
        person=form.person,
        level=form.level,
        outcome=form.outcome,
        rating=form.rating,
    )
    moved = await site.ask(site.deps.service.handle, act)
    await site.record(session.user.name, f"order.{form.action}", moved.number)
    return {"number": moved.number, "state": moved.state, "version": moved.version}


def actor_of(user: User) -> Actor:
    """In what capacity a user acts on orders."""
    return ACTORS.get(user.role, Actor.AUDITOR)


async def _not_the_subject(site: Site, order: WorkOrder, user: User, form: Move) -> None:
    """The table knows people by the names they sign in with; a complaint may name them otherwise.

    Raises `Problem` 404 for a second order that does not exist for the user, 422 for an heir who is none, 409
    for giving a complaint to the person it is about.
    """
    if form.action in PAIRED and form.to:
        await need_order(site, user, form.to)
    if form.action == Action.HAND_OVER:
        heir = await site.ask(site.deps.users.get, form.to)
        if heir is None or heir.disabled or heir.role not in HEIRS:
            raise Problem(422, "order.nobody", "no colleague of that name takes orders")
        if hidden_from(order, heir):
            raise Problem(409, "order.forbidden_move", "a complaint is not assigned to whom it is about")


def life_json(order: WorkOrder, user: User) -> dict[str, Any]:
    """Where the order stands in its life, and what this user may try."""
    life = order.life
    return {
        "kind": life.kind.value,
        "owner": life.owner,
        "level": life.level,
        "urges": life.urges,
        "returns": life.returns,
        "redos": life.redos,
        "extensions": life.extensions,
        "asked_days": life.asked_days,
        "paused_at": iso(life.paused_at),
        "parent": life.parent,
        "related": list(life.related),
        "pool": life.pool.value,
        "holder": life.holder,
        "held_until": iso(life.held_until),
        "visits": [
            {
                "at": iso(each.at),
                "by": each.by,
                "how": each.how,
                "outcome": each.outcome,
                "rating": each.rating,
                "caller": each.caller,
            }
            for each in life.visits
        ],
        "choices": [each.value for each in choices(order, actor_of(user), user.name) if each not in NOT_HERE],
    }
