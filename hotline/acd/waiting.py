"""One call in the queue: the handle that its session holds."""

from typing import TYPE_CHECKING

import anyio

from hotline.acd.model import Wanted
from hotline.acd.offer import RingingOffer
from hotline.acd.ports import Connected, Left

if TYPE_CHECKING:
    from hotline.acd.distributor import Distributor


class QueuedCall:
    """Waits from its making until the first of: an agent has it, it leaves, nobody could ever take it."""

    def __init__(self, hub: "Distributor", wanted: Wanted, number: int, *, head: bool) -> None:
        self._hub = hub
        self.wanted = wanted
        self.droppable = hub.droppable(wanted)
        """How many of its skills it may give up."""
        self.head = head
        self.number = number
        self.since = hub.now()
        self.open = True
        self.offer: RingingOffer | None = None
        self.again: dict[str, float] = {}
        """Agents who did not take it: when it may be offered to them again (steady seconds)."""
        self.answer: Connected | None = None
        self.collected = False
        """Its session has the agent's leg in hand."""
        self._over = anyio.Event()

    @property
    def position(self) -> int:
        """From 1; 0 when it no longer waits."""
        return self._hub.position(self)

    @property
    def waited_s(self) -> float:
        """How long it has been in the queue, in seconds."""
        return self._hub.now() - self.since

    @property
    def estimate_s(self) -> float | None:
        """Seconds; None when there is no telling. See `hotline.acd.queue.estimate`."""
        return self._hub.estimate(self)

    async def connected(self) -> Connected | None:
        """Wait until an agent has it; None once it has left or nobody on duty could ever take it."""
        await self._over.wait()
        self.collected = self.answer is not None
        return self.answer

    def leave(self, why: Left) -> None:
        """Stop waiting; an offer under way is withdrawn. Harmless when it waits no longer.

        When an agent has just accepted and `connected` has not returned it yet (the caller hung up in the
        same instant), the agent's leg is hung up and the agent is free again.
        """
        self._hub.leave(self, why)

    def close(self, answer: Connected | None = None) -> None:
        """It waits no longer."""
        self.open = False
        self.answer = answer
        self._over.set()
