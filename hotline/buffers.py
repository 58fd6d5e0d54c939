"""Two bounded buffers: `DropOldest` for media, `LatestPerKey` for screens."""

from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import anyio

Item = TypeVar("Item")
Key = TypeVar("Key")


class DropOldest(Generic[Item]):
    """A queue that never makes its writer wait: when full, the oldest item goes and is counted."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[Item] = deque()
        self._capacity = capacity
        self._wake = anyio.Event()
        self._closed = False
        self.dropped = 0

    def push(self, item: Item) -> bool:
        """Add an item; False when an older one had to go for it. After `close` the item is ignored."""
        if self._closed:
            return True
        kept = True
        if len(self._items) >= self._capacity:
            self._items.popleft()
            self.dropped += 1
            kept = False
        self._items.append(item)
        self._wake.set()
        return kept

    def close(self) -> None:
        """No more items; readers finish what is left. Closing twice is harmless."""
        self._closed = True
        self._wake.set()

    def __len__(self) -> int:
        return len(self._items)

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Items in order until closed and empty. Cancelling loses nothing that was not yet yielded."""
        while True:
            while self._items:
                yield self._items.popleft()
            if self._closed:
                return
            self._wake = anyio.Event()
            await self._wake.wait()


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
