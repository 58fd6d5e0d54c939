"""Who answers, for all calls of a line."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from hotline.acd.model import AcdLog, Wanted
from hotline.acd.policy import AcdPolicy
from hotline.acd.ports import Acd
from hotline.call.talks import Talks
from hotline.conversation import CallId
from hotline.gateway.media import MediaLeg


class Want(Protocol):
    """Says what a call asks for, by the policy."""

    async def __call__(
        self,
        call: CallId,
        remote: str,
        queue: str,
        reasons: tuple[str, ...] = (),
        skills: tuple[str, ...] = (),
    ) -> Wanted:
        """`remote` is looked up among calls that were cut off lately."""


class DraftBook(Protocol):
    """Where a call says how its order is filed when an agent confirms it."""

    def begin(self, call: CallId, confirm: Callable[[], Awaitable[str | None]]) -> None:
        """The call goes on: `confirm` files what is understood so far and gives the number."""

    def closing(self, call: CallId) -> AbstractAsyncContextManager[None]:
        """Entered while its record is written; afterwards it is over and stored."""


@dataclass(frozen=True, slots=True)
class People:
    """Who answers, for all calls of a line."""

    acd: Acd
    want: Want
    policy: AcdPolicy
    log: Callable[[AcdLog], None]
    dial: Callable[[str], Awaitable[MediaLeg]]
    """An outside number, past the outbound policy."""
    talks: Talks
    drafts: DraftBook
    ring_s: float
    reattach_s: float
    requeue_s: float
    """A talk whose agent's leg died before this goes back to the head of the queue."""
