"""Carries bus events to every browser: one subscription, a numbered memory of events, a mailbox each."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex

from hotline.bus import InProcessBus
from hotline.events import OrderFiled, Overloaded
from hotline.web.board import LiveBoard, ScreenEvent
from hotline.web.mailbox import Json, Mailbox

MEMORY = 2_000
"""Lasting events kept for browsers that come back."""
MAX_BROWSERS = 200


async def nobody(_number: str) -> str:
    """No order complains of anybody."""
    return ""


@dataclass(slots=True, eq=False)
class Viewer:
    """Who looks."""

    names: tuple[str, ...] = ()
    """Complaints about any of them, and the calls they came from, are left out."""
    sees: Callable[[str], bool] | None = None
    """Which calls; None: all. Asked at every event, so that a call comes and goes with whose it is."""
    shown: set[str] = field(default_factory=set)
    """The calls that are on this browser's screen."""


class FeedFull(Exception):
    """Too many browsers are connected."""


class LiveFeed:
    """The live page's source. Lasting events are numbered from 1 within an epoch, one run of the server."""

    def __init__(
        self,
        bus: InProcessBus,
        going_on: Callable[[str], Awaitable[bool]],
        subject: Callable[[str], Awaitable[str]] = nobody,
        *,
        show_raw: bool = False,
    ) -> None:
        """`going_on`: whether a call has not ended. `subject`: whom the order of a number complains of."""
        self.epoch = token_hex(6)
        self.seq = 0
        self.dropped = 0
        self._bus = bus
        self._going_on = going_on
        self._subject = subject
        self._subjects: dict[str, str] = {}
        self._board = LiveBoard(show_raw=show_raw)
        self._memory: deque[Json] = deque(maxlen=MEMORY)
        self._boxes: dict[Mailbox, Viewer] = {}

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
                if isinstance(envelope.body, OrderFiled):
                    await self._note_subject(envelope.body)
                for event in self._board.apply(envelope):
                    self._send(event)

    @contextmanager
    def connect(self, epoch: str = "", after: int = 0, viewer: Viewer | None = None) -> Iterator[Mailbox]:
        """A mailbox that starts with what the browser has missed, or with everything as it stands.

        Only calls that the viewer sees go in; one that is seen later on comes with a new snapshot. Raises
        `FeedFull`.
        """
        if len(self._boxes) >= MAX_BROWSERS:
            raise FeedFull
        viewer = viewer or Viewer()
        box = Mailbox()
        missed = self._missed(epoch, after) if viewer.sees is None else None
        if missed is None:
            box.offer(self._snapshot(viewer))
        else:
            for event in missed:
                if self._shows(viewer, event["call"]):
                    box.offer(event)
        self._boxes[box] = viewer
        try:
            yield box
        finally:
            del self._boxes[box]

    def hides(self, names: tuple[str, ...], call: str) -> bool:
        """Whether the call has led to a complaint about somebody of these names."""
        return self._subjects.get(call, "") in names

    def _shows(self, viewer: Viewer, call: str) -> bool:
        return not self.hides(viewer.names, call) and (viewer.sees is None or viewer.sees(call))

    def _snapshot(self, viewer: Viewer) -> Json:
        calls = [call for call in self._board.snapshot() if self._shows(viewer, call["call"])]
        viewer.shown.clear()
        viewer.shown.update(call["call"] for call in calls)
        return {"type": "snapshot", "epoch": self.epoch, "n": self.seq, "calls": calls}

    def _missed(self, epoch: str, after: int) -> list[Json] | None:
        """The lasting events after a number; None when they are not all kept, or are too many."""
        kept = 0 < after <= self.seq and epoch == self.epoch
        if not kept or (self._memory and after < self._memory[0]["n"] - 1):
            return None
        missed = [event for event in self._memory if event["n"] > after]
        return missed if len(missed) < MEMORY // 5 else None

    def _send(self, event: ScreenEvent) -> None:
        call = event.body["call"]
        if event.partial_of is not None:
            for box in self._viewing(call):
                box.offer_partial(event.partial_of, event.body)
            return
        self.seq += 1
        body = {**event.body, "n": self.seq}
        self._memory.append(body)
        ended = body["type"] == "call.ended"
        for box in self._viewing(call, ended=ended):
            box.offer(body)

    def _viewing(self, call: str, *, ended: bool = False) -> Iterator[Mailbox]:
        """The mailboxes of those who see the call; who begins or ceases to gets a new snapshot instead."""
        for box, viewer in self._boxes.items():
            known, shown = call in viewer.shown, self._shows(viewer, call)
            if ended:
                viewer.shown.discard(call)
            elif shown != known and call in self._board:
                if viewer.sees is not None or not shown:
                    box.offer(self._snapshot(viewer))
                    continue
                viewer.shown.add(call)
            if shown:
                yield box

    async def _note_subject(self, filed: OrderFiled) -> None:
        if name := await self._subject(filed.number):
            self._subjects[filed.call] = name  # stays after the end: the dispatch comes later
        while len(self._subjects) > MEMORY:
            del self._subjects[next(iter(self._subjects))]

    async def _resynchronise(self, dropped: int) -> None:
        """Events were lost: end the calls whose end was among them, and let every browser start anew."""
        self.dropped += dropped
        for call in self._board.calls:
            if not await self._going_on(call) and (ended := self._board.forget(call)) is not None:
                self._send(ScreenEvent(ended))
        self.seq += 1  # a gap in the numbers, so that nobody resumes across the loss
        self._memory.clear()
        for box, viewer in self._boxes.items():
            box.offer(self._snapshot(viewer))
