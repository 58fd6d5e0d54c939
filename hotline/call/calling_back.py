"""A call that an agent places: to whoever asked to be called back, or is to be asked something.

The agent is there first and hears it ring; whoever answers hears the notice that the call is recorded, as
every caller does, and then this agent. To its session the call is one like any other: it is answered (here:
by the person called), it enters a queue, and the agent who has it is the one who placed it.
"""

import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache, partial

import anyio
import numpy as np

from asr.audio import SAMPLE_RATE
from hotline.acd.model import Agent, NotAllowed, Presence, Wanted
from hotline.acd.ports import Acd, Connected, Left, Seat, Waiting
from hotline.call.line import Line
from hotline.conversation import CALLED_BACK, CallId
from hotline.errors import CallAborted, HotlineError, LegGone
from hotline.gateway.media import EarlyMedia, IncomingCall, LegEnded, MediaLeg
from hotline.ivr.flow import FlowFile

log = logging.getLogger(__name__)

WAITING = 16
"""Calls that may wait to be placed; each has an agent, so there are never more than agents."""
ANSWER_S = 60.0
"""How long it may ring."""
FREE = frozenset({Presence.READY, Presence.BUSY, Presence.WRAP_UP})
"""An agent may place a call."""

Dial = Callable[[str], Awaitable[MediaLeg]]
Reached = Callable[[str, str], Awaitable[None]]
"""Told the order's number and the agent's name when the person called has talked with the agent."""


class DialledCall:
    """An `IncomingCall` to its session: answering it means that the person called answers."""

    channel = CALLED_BACK

    def __init__(
        self, order: str, number: str, agent: Connected, dial: Dial, over: Callable[[], object]
    ) -> None:
        """`number`: personal data, never logged; `over` is told when the line will not have the call."""
        self.order = order
        self.remote = number
        self.dialled = order
        self.agent = agent
        self.joined = False
        """The agent has been given to the person called."""
        self._dial = dial
        self._over = over
        self._dialling: anyio.CancelScope | None = None
        self._leg: MediaLeg | None = None
        self._given_up = False

    async def progress(self) -> EarlyMedia | None:
        """Nothing is said before the answer."""
        return None

    async def answer(self) -> MediaLeg:
        """Ring until it is answered. Raises `CallAborted` when it is not."""
        with anyio.move_on_after(ANSWER_S) as self._dialling:
            if not self._given_up:
                try:
                    self._leg = await self._dial(self.remote)
                except HotlineError as error:
                    raise CallAborted("the call was not taken") from error
        self._dialling = None
        if self._leg is None:
            raise CallAborted("nobody answered, or the agent gave up")
        if self._given_up:
            await self._leg.hangup()
        return self._leg

    async def reject(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """The line takes no calls now."""
        del status, reason, retry_after
        self._over()
        await self.agent.leg.hangup()

    async def give_up(self) -> None:
        """The agent wants it no longer. Harmless later."""
        self._given_up = True
        if self._dialling is not None:
            self._dialling.cancel()
        elif self._leg is not None and not self.joined:
            await self._leg.hangup()


class CallingBack:
    """All calls that agents place: pages ask for them here, and it is the door by which sessions get them."""

    def __init__(self, dial: Dial, reached: Reached, flow: FlowFile) -> None:
        """`flow`: what the person called goes through."""
        self._dial = dial
        self._flow = flow
        self._reached = reached
        self._waiting: deque[DialledCall] = deque()
        self._news = anyio.Event()
        self._going: dict[str, DialledCall] = {}
        """Until the agent is with the person called, by user name."""
        self._closed = False

    def place(self, order: str, number: str, agent: Connected) -> None:
        """Have a number called for an agent. Raises `NotAllowed`: `talking`, `offline`, `busy`."""
        name, presence = agent.seat.agent.name, agent.seat.presence
        if name in self._going or presence not in FREE:
            raise NotAllowed("offline" if presence is Presence.OFFLINE else "talking")
        if self._closed or len(self._waiting) >= WAITING:
            raise NotAllowed("busy")
        over = partial(self._going.pop, name, None)
        self._going[name] = call = DialledCall(order, number, agent, self._dial, over)
        self._waiting.append(call)
        self._news.set()

    def of_agent(self, name: str) -> str | None:
        """The order for whose caller it rings at an agent's request."""
        call = self._going.get(name)
        return call.order if call is not None else None

    async def give_up(self, name: str) -> bool:
        """Ring no longer; False when nothing rings for that agent."""
        call = self._going.get(name)
        if call is None:
            return False
        await call.give_up()
        return True

    # As a door.

    async def incoming(self) -> AsyncIterator[IncomingCall]:
        """Calls as they are asked for, until shutdown."""
        while not self._closed:
            while self._waiting:
                yield self._waiting.popleft()
            self._news = anyio.Event()
            await self._news.wait()

    async def shutdown(self, grace: float) -> None:
        """Take no more calls, and give up those that ring."""
        del grace
        self._closed = True
        self._news.set()
        for call in list(self._going.values()):
            await call.give_up()

    @asynccontextmanager
    async def around(self, call: CallId, incoming: IncomingCall, line: Line) -> AsyncIterator[Line]:
        """While the call lasts: the agent hears it ring, then has it; what the session needs for that."""
        if not isinstance(incoming, DialledCall) or line.people is None:
            raise TypeError("not a call that an agent places")
        agent, name = incoming.agent, incoming.agent.seat.agent.name
        try:
            agent.seat.talk_began(call)
            async with anyio.create_task_group() as tasks:
                meanwhile = _Meanwhile(incoming)
                tasks.start_soon(meanwhile.run)

                async def join() -> Connected:
                    await meanwhile.stop()
                    incoming.joined = True
                    self._going.pop(name, None)
                    return agent

                people = replace(line.people, acd=_OwnAgent(line.people.acd, join))
                yield replace(line, flow=self._flow, people=people)
                await meanwhile.stop()
            if incoming.joined:
                await self._reached(incoming.order, name)
        finally:
            self._going.pop(name, None)
            with anyio.CancelScope(shield=True):
                if not incoming.joined:
                    await agent.leg.hangup()
            agent.seat.talk_over(call)


class _Meanwhile:
    """What the agent's leg does until the person called has answered; its one reader until then."""

    def __init__(self, call: DialledCall) -> None:
        self._call = call
        self._scope = anyio.CancelScope()
        self._over = anyio.Event()

    async def run(self) -> None:
        """Until stopped, or the agent is gone."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._ring)
                    tasks.start_soon(self._watch)
        finally:
            self._over.set()

    async def stop(self) -> None:
        """Returns when the leg is free for others. Twice is harmless."""
        self._scope.cancel()
        await self._over.wait()

    async def _ring(self) -> None:
        """The agent hears that it rings."""
        try:
            while True:
                await self._call.agent.leg.play(ringback())
        except LegGone:
            return

    async def _watch(self) -> None:
        """Without the agent it is given up. What the agent says meanwhile is for nobody."""
        async for item in self._call.agent.leg.inputs():
            if isinstance(item, LegEnded):
                await self._call.give_up()


@cache
def ringback() -> bytes:
    """One second of 450 Hz and four of silence, as Chinese exchanges send it; 16 kHz s16le mono."""
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone: bytes = (4_000 * np.sin(2 * np.pi * 450 * times)).astype("<i2").tobytes()
    return tone + bytes(4 * 2 * SAMPLE_RATE)


class _OwnAgent:
    """An `Acd` in which the first call that enters has an agent already."""

    def __init__(self, acd: Acd, join: Callable[[], Awaitable[Connected]]) -> None:
        self._acd = acd
        self._join: Callable[[], Awaitable[Connected]] | None = join

    @property
    def seats(self) -> Mapping[str, Seat]:
        """Everyone signed in."""
        return self._acd.seats

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """In the order they would be served."""
        return self._acd.waiting

    def sign_in(self, agent: Agent) -> Seat:
        """See `Acd`."""
        return self._acd.sign_in(agent)

    def sign_out(self, name: str, by: str | None = None) -> None:
        """See `Acd`."""
        self._acd.sign_out(name, by)

    def on_duty(self, queue: str) -> bool:
        """See `Acd`."""
        return self._acd.on_duty(queue)

    def enter(self, wanted: Wanted, *, head: bool = False) -> Waiting:
        """The first: at once with the agent who placed it; later ones wait, when it is handed on."""
        join, self._join = self._join, None
        return self._acd.enter(wanted, head=head) if join is None else _Served(wanted, join)


@dataclass(frozen=True, slots=True)
class _Served:
    """A `Waiting` that need not wait."""

    wanted: Wanted
    join: Callable[[], Awaitable[Connected]]

    @property
    def position(self) -> int:
        """It does not wait."""
        return 0

    @property
    def waited_s(self) -> float:
        """Not at all."""
        return 0.0

    @property
    def estimate_s(self) -> float | None:
        """There is nothing to tell."""
        return None

    async def connected(self) -> Connected | None:
        """With the agent."""
        return await self.join()

    def leave(self, why: Left) -> None:
        """Harmless."""
