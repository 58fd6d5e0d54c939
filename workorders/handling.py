"""What handlers of commands work with: the open transaction, the rules, and the moves of an order's life."""

from collections.abc import Callable
from dataclasses import dataclass

from workorders.errors import ForbiddenMove, NotPermitted, UnknownOrder
from workorders.messages import ActOnOrder, Filed, FileWorkOrder, Moved
from workorders.model import Actor, WorkOrder
from workorders.number import parse
from workorders.ports import UnitOfWork
from workorders.routing import RoutingRules


@dataclass(frozen=True, slots=True)
class Work:
    """One command's transaction; who handles it does not commit."""

    uow: UnitOfWork
    rules: RoutingRules
    move: Callable[[UnitOfWork, ActOnOrder], Moved]
    """A move of an order's life inside the transaction."""
    file: Callable[[UnitOfWork, FileWorkOrder], Filed]
    """Files an order inside the transaction; gives the one there is."""

    def order(self, number: str) -> WorkOrder:
        """The order of a number as people write it. Raises `UnknownOrder`, `BadNumber`."""
        order = self.uow.orders.by_number(str(parse(number)))
        if order is None:
            raise UnknownOrder("no order of that number")
        return order


def refuse(wrong: bool, why: str) -> None:
    """Raise `ForbiddenMove` when something is wrong."""
    if wrong:
        raise ForbiddenMove(why)


def only(role: str, *roles: Actor) -> None:
    """Raise `NotPermitted` unless the role is one of these."""
    if role not in roles:
        raise NotPermitted("that role may not do it")


def fitting(text: str, what: str, longest: int, *, needed: bool = True) -> str:
    """The text without what surrounds it. Raises `ForbiddenMove` when it is missing or too long."""
    clean = text.replace("\x00", "").strip()
    refuse(needed and not clean, f"{what} is missing")
    refuse(len(clean) > longest, f"{what} is longer than {longest} characters")
    return clean
