"""Two bounded buffers: `DropOldest` for media, `LatestPerKey` for screens."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import anyio

Item = TypeVar("Item")
Key = TypeVar("Key")


class DropOldest(Generic[Item]):
    """A queue that never makes its writer wait: when full, the oldest item goes and is counted.

    One reader at a time, on the event loop that its writers are on.
    """

    def __init__(self, capacity: int) -> None:
        self._items: deque[Item] = deque()
        self._capacity = capacity
        # One bare future while the reader waits, and only then: an event for every item costs more than all
        # else that is done with a frame of audio.
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self.dropped = 0

    def push(self, item: Item, wake_at: int = 1) -> bool:
        """Add an item; False when an older one had to go for it. After `close` the item is ignored.

        `wake_at`: the reader is woken when so many wait, or by the next item that is more urgent.
        """
        if self._closed:
            return True
        items = self._items
        kept = len(items) < self._capacity
        if not kept:
            items.popleft()
            self.dropped += 1
        items.append(item)
        if self._waiter is not None and len(items) >= wake_at:
            self._wake()
        return kept

    def close(self) -> None:
        """No more items; readers finish what is left. Closing twice is harmless."""
        self._closed = True
        if self._waiter is not None:
            self._wake()

    def __len__(self) -> int:
        return len(self._items)

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Items in order until closed and empty. Cancelling loses nothing that was not yet yielded."""
        items = self._items
        while True:
            while items:
                yield items.popleft()
            if self._closed:
                return
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():  # done: its reader was cancelled
            waiter.set_result(None)


class LatestPerKey(Generic[Key, Item]):
    """Keeps one waiting item a key: a newer one replaces the older, in the older's place."""

    def __init__(self, capacity: int) -> None:
        self._items: OrderedDict[Key, Item] = OrderedDict()
        self._capacity = capacity
        self._wake = anyio.Event()
        self._closed = False
        self.replaced = 0
        self.dropped = 0

    def put(self, key: Key, item: Item) -> None:
        """Store the newest item of a key."""
        if key in self._items:
            self.replaced += 1
        elif len(self._items) >= self._capacity:
            self._items.popitem(last=False)
            self.dropped += 1
        self._items[key] = item
        self._wake.set()

    def close(self) -> None:
        """No more items; readers finish what is left."""
        self._closed = True
        self._wake.set()

    def __len__(self) -> int:
        return len(self._items)

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            while self._items:
                yield self._items.popitem(last=False)[1]
            if self._closed:
                return
            self._wake = anyio.Event()
            await self._wake.wait()
