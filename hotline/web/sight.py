"""What a person of the line may see of calls and orders: everything, or the own and the queue's, by policy.

A complaint, and the call it came from, do not exist for whom it is about, whatever the role. What does not
exist for somebody is answered like what does not exist at all.
"""

from dataclasses import replace
from functools import partial

from hotline.conversation import CallId
from hotline.store.sight import Sight
from hotline.store.users import User
from hotline.web.auth import RIGHTS
from hotline.web.feed import Viewer
from hotline.web.problems import Problem
from hotline.web.site import Site
from workorders.model import WorkOrder
from workorders.queries import OrderFilter, OrderView


def sight_of(site: Site, user: User) -> Sight:
    """What the user may see of calls."""
    names = names_of(user)
    policy = site.deps.settings.privacy.agents_see
    if user.role in RIGHTS["everything"] or policy == "all":
        return Sight(names)
    if policy == "own":
        return Sight(names, agent=user.name)
    return Sight(names, agent=user.name, free=True, queues=queues_of(site, user.name))


def names_of(user: User) -> tuple[str, ...]:
    """By what a complaint may name the user."""
    return tuple(dict.fromkeys((user.name, user.display)))


def queues_of(site: Site, agent: str) -> tuple[str, ...]:
    """The queues whose every skill the agent has; one who is not on the roster has none."""
    staffing = site.deps.staffing
    profile = staffing.roster().get(agent) if staffing is not None else None
    if staffing is None or profile is None:
        return ()
    return tuple(
        name for name, queue in staffing.policy.queues.items() if set(queue.skills) <= profile.skills
    )


def seen_orders(site: Site, user: User) -> OrderFilter:
    """All orders the user may see, to be narrowed with `dataclasses.replace`."""
    sight = sight_of(site, user)
    if not sight.agent:
        return OrderFilter(hidden_from=sight.names)
    calls = replace(sight, names=()).calls
    collected = partial(calls, collected=True) if sight.own else None
    return OrderFilter(hidden_from=sight.names, own=sight.agent, calls=calls, collected=collected)


def viewer_of(site: Site, user: User) -> Viewer:
    """Whose browser follows the calls that are going on."""
    sight = sight_of(site, user)
    if not sight.agent:
        return Viewer(sight.names)
    return Viewer(sight.names, lambda call: _sees_live(site, user.name, CallId(call), free=sight.free))


def _sees_live(site: Site, agent: str, call: CallId, *, free: bool) -> bool:
    """Whose the call is at this moment; without people on the line nobody has it."""
    staffing = site.deps.staffing
    if staffing is None:
        return free
    seat = staffing.acd.seats.get(agent)
    if seat is not None and (seat.call == call or (seat.offer and seat.offer.wanted.call == call)):
        return True
    talk = staffing.floor.talks.get(call)
    if talk is None:
        return free
    return agent == talk.agent or agent in talk.guests


def hidden_from(order: WorkOrder, user: User) -> bool:
    """A complaint does not exist for the person it is about."""
    return bool(order.life.against_person) and order.life.against_person in names_of(user)


async def need_call(site: Site, user: User, call: str) -> CallId:
    """The call, when it exists for the user. Raises `Problem` 404."""
    found = CallId(call)
    if not await site.ask(site.deps.calls.sees, found, sight_of(site, user)):
        raise Problem(404, "call.unknown")
    return found


async def need_order(site: Site, user: User, number: str) -> OrderView:
    """The order, when it exists for the user. Raises `Problem` 404."""
    view = await site.ask(site.deps.orders.get, number)
    if view is None or hidden_from(view.order, user):
        raise Problem(404, "order.unknown")
    if not await site.ask(site.deps.orders.finds, view.order.number, seen_orders(site, user)):
        raise Problem(404, "order.unknown")
    return view
