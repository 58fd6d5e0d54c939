"""The event bus: a protocol, and the in-process implementation of it."""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol

import anyio

from hotline.conversation import CallId
from hotline.events import Envelope, Event, Overloaded

SUBSCRIBER_CAPACITY = 1_000
"""Events that may wait for one subscriber before it is told that it lost some."""


class Subscription(Protocol):
    """A subscriber's end of the bus."""

    def __aiter__(self) -> AsyncIterator[Envelope]:
        """Events in order of publishing; `Overloaded` in place of a run that was lost."""


class EventBus(Protocol):
    """At-least-once delivery inside one installation; handlers are idempotent."""

    def publish(self, event: Event) -> None:
        """Hand the event to every subscriber; never blocks."""

    @contextmanager
    def subscribe(self, *kinds: type[Event]) -> Iterator[Subscription]:
        """Receive the named kinds (all when none is named) while the context is open."""


class InProcessSubscription:
    """A bounded mailbox; when full the oldest go and one `Overloaded` says how many."""

    def __init__(self, kinds: tuple[type[Event], ...], capacity: int = SUBSCRIBER_CAPACITY) -> None:
        self._kinds = kinds
        self._waiting: deque[Envelope] = deque()
        self._capacity = capacity
        self._dropped = 0
        self._arrived = anyio.Event()
        self._closed = False

    def offer(self, envelope: Envelope) -> None:
        """Put an event in the mailbox."""
        if self._kinds and not isinstance(envelope.body, self._kinds):
            return
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(envelope)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration once the mailbox is empty."""
        self._closed = True
        self._arrived.set()

    @property
    def depth(self) -> int:
        """Events waiting."""
        return len(self._waiting)

    async def __aiter__(self) -> AsyncIterator[Envelope]:
        while True:
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                yield Envelope(Overloaded(CallId(""), dropped))
            while self._waiting:
                yield self._waiting.popleft()
                if self._dropped:
                    break
            else:
                if self._closed:
                    return
                self._arrived = anyio.Event()
                await self._arrived.wait()


class InProcessBus:
    """Hands events from hand to hand inside one process."""

    def __init__(self) -> None:
        self._subscriptions: list[InProcessSubscription] = []

    def publish(self, event: Event) -> None:
        """Hand the event to every subscriber; never blocks."""
        envelope = Envelope(event)
        for subscription in self._subscriptions:
            subscription.offer(envelope)

    @contextmanager
    def subscribe(self, *kinds: type[Event]) -> Iterator[InProcessSubscription]:
        """Receive the named kinds (all when none is named) while the context is open."""
        subscription = InProcessSubscription(kinds)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
            subscription.close()

    @property
    def depths(self) -> list[int]:
        """Events waiting, per subscriber."""
        return [subscription.depth for subscription in self._subscriptions]
