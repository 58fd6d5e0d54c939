"""Carries bus events to every browser: one subscription, a numbered memory of events, a mailbox each."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex

from hotline.bus import InProcessBus
from hotline.events import Overloaded
from hotline.web.board import LiveBoard, ScreenEvent
from hotline.web.mailbox import Json, Mailbox

MEMORY = 2_000
"""Lasting events kept for browsers that come back."""
MAX_BROWSERS = 200


class FeedFull(Exception):
    """Too many browsers are connected."""


class LiveFeed:
    """The live page's source. Lasting events are numbered from 1 within an epoch, one run of the server."""

    def __init__(
        self, bus: InProcessBus, going_on: Callable[[str], Awaitable[bool]], *, show_raw: bool = False
    ) -> None:
        self.epoch = token_hex(6)
        self.seq = 0
        self.dropped = 0
        self._bus = bus
        self._going_on = going_on
        self._board = LiveBoard(show_raw=show_raw)
        self._memory: deque[Json] = deque(maxlen=MEMORY)
        self._boxes: set[Mailbox] = set()

    @property
    def browsers(self) -> int:
        """Browsers connected."""
        return len(self._boxes)

    @property
    def depth(self) -> int:
        """Events waiting in the fullest mailbox."""
        return max((box.depth for box in self._boxes), default=0)

    async def run(self) -> None:
        """Follow the bus until cancelled."""
        with self._bus.subscribe() as events:
            async for envelope in events:
                if isinstance(envelope.body, Overloaded):
                    await self._resynchronise(envelope.body.dropped)
                    continue
                for event in self._board.apply(envelope):
                    self._send(event)

    @contextmanager
    def connect(self, epoch: str = "", after: int = 0) -> Iterator[Mailbox]:
        """A mailbox that starts with what the browser has missed, or with everything as it stands.

        Raises `FeedFull`.
        """
        if len(self._boxes) >= MAX_BROWSERS:
            raise FeedFull
        box = Mailbox()
        missed = self._missed(epoch, after)
        if missed is None:
            box.offer(self._snapshot())
        else:
            for event in missed:
                box.offer(event)
        self._boxes.add(box)
        try:
            yield box
        finally:
            self._boxes.discard(box)

    def _snapshot(self) -> Json:
        return {"type": "snapshot", "epoch": self.epoch, "n": self.seq, "calls": self._board.snapshot()}

    def _missed(self, epoch: str, after: int) -> list[Json] | None:
        """The lasting events after a number; None when they are not all kept, or are too many."""
        kept = 0 < after <= self.seq and epoch == self.epoch
        if not kept or (self._memory and after < self._memory[0]["n"] - 1):
            return None
        missed = [event for event in self._memory if event["n"] > after]
        return missed if len(missed) < MEMORY // 5 else None

    def _send(self, event: ScreenEvent) -> None:
        if event.partial_of is not None:
            for box in self._boxes:
                box.offer_partial(event.partial_of, event.body)
            return
        self.seq += 1
        body = {**event.body, "n": self.seq}
        self._memory.append(body)
        for box in self._boxes:
            box.offer(body)

    async def _resynchronise(self, dropped: int) -> None:
        """Events were lost: end the calls whose end was among them, and let every browser start anew."""
        self.dropped += dropped
        for call in self._board.calls:
            if not await self._going_on(call) and (ended := self._board.forget(call)) is not None:
                self._send(ScreenEvent(ended))
        self.seq += 1  # a gap in the numbers, so that nobody resumes across the loss
        self._memory.clear()
        for box in self._boxes:
            box.offer(self._snapshot())
