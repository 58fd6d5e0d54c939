"""Lets a simulated month happen: callers, people, timers and outbox in the order of their times."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
from sqlalchemy import Engine, func, select

from hotline.store.engine import reading
from scripts.month_calls import Writer
from scripts.month_people import OVER, People
from workorders.clockwork import Clockwork
from workorders.messages import WorkOrderEvent
from workorders.model import State
from workorders.outbox import Outbox
from workorders.tables import order_history, order_timers, work_orders

STEP = timedelta(minutes=10)
"""How much is done again, at most, by who goes on after a kill."""
DISPATCH_AFTER = timedelta(minutes=2)
HOUR = timedelta(hours=1)
LONGEST = timedelta(days=150)
"""After the last call everything must be over by then."""


class Stuck(Exception):
    """Orders are left that nothing will happen to any more."""


@dataclass
class Progress:
    """How far the month has come, in a file that survives the process."""

    path: Path
    at: datetime

    @classmethod
    def open(cls, path: Path, start: datetime) -> "Progress":
        """As it was left, else at the start."""
        if path.exists():
            return cls(path, datetime.fromisoformat(json.loads(path.read_text())["at"]))
        return cls(path, start)

    def reach(self, at: datetime, *, over: bool = False) -> None:
        """Put it on record: whole or not at all."""
        self.at = at
        draft = self.path.with_suffix(".part")
        draft.write_text(json.dumps({"at": at.isoformat(), "over": over, "pid": os.getpid()}))
        draft.replace(self.path)


class World:
    """One process that lets time pass; its clock is the only one that anything in it reads."""

    def __init__(self, engine: Engine, writer: Writer, people: People, progress: Progress) -> None:
        self._engine = engine
        self._writer = writer
        self._people = people
        self._progress = progress
        self._now = max(progress.at, _latest(engine))
        self._flush_at: datetime | None = progress.at
        self._clockwork = Clockwork(writer.service, clock=self._clock)
        self.published = 0
        self._in_trays: set[str] = set()
        self._outbox = Outbox(engine, (), self._publish, clock=self._clock)

    async def run(self, end: datetime, tell: Callable[[datetime], None] = lambda _: None) -> None:
        """Until nothing is left to happen. Raises `Stuck`."""
        self._clockwork.catch_up()
        self._people.begin()
        at = self._progress.at
        while at < end or self._left():
            if at > end + LONGEST:
                raise Stuck(f"{self._left()} orders are not over")
            await self._until(at + STEP, calls=at < end)
            at = self._jump(at + STEP, end)
            self._progress.reach(at)
            tell(at)
        self._progress.reach(at, over=True)

    def _jump(self, at: datetime, end: datetime) -> datetime:
        """After the month nothing happens at night: go to the step in which something does."""
        coming = [
            moment for moment in (self._people.next(), self._timer(), self._flush_at) if moment is not None
        ]
        if at < end or not coming:
            return at
        return max(at, min(coming) - STEP / 2)

    async def _until(self, end: datetime, *, calls: bool) -> None:
        start = end - STEP
        hour = start.replace(minute=0, second=0, microsecond=0)
        waiting = [call for call in self._writer.calls_of(hour) if start <= call.ended < end] if calls else []
        if calls and end == hour + HOUR:
            self._writer.write_log(hour)
        while True:
            call = waiting[0].ended if waiting else None
            moments = {
                "call": call,
                "people": self._people.next(),
                "timer": self._timer(),
                "outbox": self._flush_at,
            }
            due = [(moment, what) for what, moment in moments.items() if moment is not None and moment < end]
            if not due:
                return
            at, what = min(due)
            self._now = max(self._now, at)
            if what == "call":
                self._people.filed(self._writer.write(waiting.pop(0)))
            elif what == "people":
                self._people.act(self._now)
            elif what == "timer":
                self._fire()
            if what != "outbox":
                self._flush_at = self._flush_at or self._now + DISPATCH_AFTER
            else:
                await self._flush()

    def _fire(self) -> None:
        number = self._timer_row()[1]
        self._clockwork.fire_due(1)
        self._people.look(number)

    async def _flush(self) -> None:
        """Everything in the outbox; then people see what has come into their in-trays."""
        self._flush_at = None
        await self._outbox.run_once()
        c = work_orders.c
        with reading(self._engine) as connection:
            there = set(connection.scalars(select(c.number).where(c.state == State.DISPATCHED.value)))
        for number in sorted(there - self._in_trays):
            self._people.look(number)
        self._in_trays = there

    def _publish(self, _event: WorkOrderEvent) -> None:
        self.published += 1

    def _clock(self) -> datetime:
        return self._now

    def _timer(self) -> datetime | None:
        return self._timer_row()[0]

    def _timer_row(self) -> tuple[datetime | None, str]:
        c = order_timers.c
        first = (
            select(c.at, work_orders.c.number)
            .join(work_orders, work_orders.c.id == c.order_id)
            .where(c.status == "waiting")
            .order_by(c.at, c.id)
            .limit(1)
        )
        with reading(self._engine) as connection:
            row = connection.execute(first).one_or_none()
        return (row.at, row.number) if row is not None else (None, "")

    def _left(self) -> int:
        over = [state.value for state in (*OVER, State.MERGED)]
        with reading(self._engine) as connection:
            left = select(func.count()).where(work_orders.c.state.not_in(over))
            return int(connection.execute(left).scalar_one())


def _latest(engine: Engine) -> datetime:
    """When the last thing on record happened: whoever was killed had been a little further."""
    with reading(engine) as connection:
        at: datetime | None = connection.execute(select(func.max(order_history.c.at))).scalar_one()
    return at or datetime.min.replace(tzinfo=UTC)


async def let_happen(world: World, end: datetime, tell: Callable[[datetime], None]) -> None:
    """`World.run` for `anyio.run`."""
    await anyio.lowlevel.checkpoint()
    await world.run(end, tell)
