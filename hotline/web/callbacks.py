"""Whom an agent calls back: the number behind an order, and who may."""

from hotline.acd.model import NotAllowed
from hotline.store.calls import NUMBER
from hotline.store.users import User
from hotline.web.order_moves import actor_of
from hotline.web.problems import Problem
from hotline.web.sight import need_order
from hotline.web.site import Site
from workorders.errors import WorkOrderError
from workorders.messages import ActOnOrder
from workorders.model import Action, Pool


async def number_of(site: Site, user: User, order: str) -> str:
    """The number to call; that it is about to be called is on record then. Never shown to the agent.

    An order in the pool is the agent's from now on, so that no two call the same person. Raises
    `NotAllowed`: `no_order`, `no_number`, `held` by somebody else or not to be taken.
    """
    try:
        view = await need_order(site, user, order)
    except Problem:
        raise NotAllowed("no_order") from None
    number, life = view.order.caller_contact, view.order.life
    if not NUMBER.fullmatch(number):
        raise NotAllowed("no_number")
    if life.pool is Pool.HELD and life.holder != user.name:
        raise NotAllowed("held")
    await site.record(user.name, "order.call_back", order)
    if life.pool is Pool.OPEN:
        claim = ActOnOrder(order, Action.CLAIM.value, user.name, actor_of(user), site.deps.now())
        try:
            await site.ask(site.deps.service.handle, claim)
        except WorkOrderError:
            raise NotAllowed("held") from None
    return number
