"""A call's time with people: waiting for an agent, the talk, and being handed on; until it is over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import anyio
from anyio.abc import TaskGroup

from asr.audio import LegId
from asr.protocols import Transcriber
from hotline.acd.model import AcdLog, LogKind, Wanted
from hotline.acd.ports import Connected, Left, Waiting
from hotline.call.line import Prompts
from hotline.call.music import hold_music
from hotline.call.people import People
from hotline.call.talk_parts import TalkEnd, TalkParts, TalkResult
from hotline.call.talking import LiveTalk
from hotline.conversation import CallId, LegRecord
from hotline.errors import LegGone
from hotline.gateway.media import MediaLeg, Sink
from hotline.ivr.flow import counted
from hotline.ivr.machine import Announcing, EnterQueue, Rate

FIRST_SECONDS = 5.0
"""Most calls are answered before the first announcement."""


@dataclass(frozen=True, slots=True)
class CallSide:
    """What one call gives to its time with people."""

    call: CallId
    remote: str
    leg: MediaLeg
    prompts: Prompts
    listen: Callable[[LegId], Transcriber]
    tape: Sink
    now: Callable[[], int]
    clock: Callable[[], datetime]


class Attendance:
    """One call's."""

    def __init__(self, people: People, side: CallSide, following: TaskGroup) -> None:
        """`following`: where agents' legs are read; outlives each talk."""
        self._people = people
        self._side = side
        self._following = following
        self._talks: list[LiveTalk] = []
        self.agent = ""
        """Who had the call last."""
        self.left = Left.ABANDONED
        """Why the call leaves the queue when its waiting is cancelled."""

    @property
    def answered(self) -> bool:
        """Whether any agent has had the call."""
        return bool(self._talks)

    @property
    def records(self) -> tuple[LegRecord, ...]:
        """The legs of all agents."""
        return tuple(record for talk in self._talks for record in talk.records)

    def rated(self, rate: Rate) -> None:
        """The caller has given a mark: it is put on record for the agent who had the call last."""
        facts = {"score": rate.mark, "by": "voice" if rate.spoken else "key"}
        at, call = self._side.clock(), self._side.call
        self._people.log(AcdLog(at, LogKind.SURVEY, call, self.agent or None, "", facts))

    async def attend(self, asked: EnterQueue, reasons: tuple[str, ...], joined: Callable[[], None]) -> bool:
        """Wait and talk; True when an agent has had the call and it goes on without, False when none took it.

        `joined` is told when the first agent is there. Cancelling leaves the queue, or ends the talk.
        """
        side, people = self._side, self._people
        self.left = Left.ABANDONED
        first = wanted = await people.want(side.call, side.remote, asked.name, reasons)
        head = returned = False
        while True:
            connected = await self._wait(wanted, asked, head=head)
            if connected is None:
                if wanted is first or returned:
                    return False
                wanted, head, returned = first, True, True  # whom the caller was handed to does not answer
                continue
            joined()
            result = await self._talk(connected, asked.name)
            self.agent = result.agent
            if result.end is TalkEnd.TRANSFER and result.target is not None:
                wanted, head = result.target, False
            elif result.end is TalkEnd.AGENT_LOST and result.talked_ms < people.requeue_s * 1000:
                wanted, head = first, True
            else:
                return True

    async def _wait(self, wanted: Wanted, asked: EnterQueue, *, head: bool) -> Connected | None:
        waiting = self._people.acd.enter(wanted, head=head)
        connected: Connected | None = None
        over = False
        try:
            async with anyio.create_task_group() as telling:
                telling.start_soon(self._entertain, waiting, asked.announce)
                with anyio.move_on_after(asked.seconds_max):
                    connected = await waiting.connected()
                telling.cancel_scope.cancel()
            over = True
        finally:
            if connected is None:
                waiting.leave(Left.TIMED_OUT if over else self.left)
            elif not over:  # the caller has gone in the instant of the answer
                with anyio.CancelScope(shield=True):
                    await connected.leg.hangup()
                connected.seat.talk_over(self._side.call)
        return connected

    async def _talk(self, connected: Connected, queue: str) -> TalkResult:
        side, people = self._side, self._people
        parts = TalkParts(
            call=side.call,
            caller=side.leg,
            queue=queue,
            acd=people.acd,
            log=people.log,
            dial=people.dial,
            listen=side.listen,
            policy=people.policy,
            tape=side.tape,
            now=side.now,
            clock=side.clock,
            reattach_s=people.reattach_s,
            ring_s=people.ring_s,
        )
        talk = LiveTalk(parts, connected, self._following)
        self._talks.append(talk)
        self.agent = connected.seat.agent.name
        people.talks.begin(side.call, talk)
        try:
            return await talk.run()
        finally:
            people.talks.end(side.call)

    async def _entertain(self, waiting: Waiting, told: Announcing) -> None:
        """Music, and now and then how things stand."""
        side, pause = self._side, FIRST_SECONDS
        try:
            while True:
                with anyio.move_on_after(pause):
                    while True:
                        await side.leg.play(hold_music())
                pause = told.seconds_again
                if ids := announcement(told, waiting.position, waiting.estimate_s, first=not self._talks):
                    await side.leg.play(side.prompts.audio(ids, {}), side.tape)
        except LegGone:
            return


def announcement(
    told: Announcing, position: int, estimate_s: float | None, *, first: bool
) -> tuple[str, ...]:
    """Prompts for how things stand; the keys are offered only to those who have not talked yet (`first`)."""
    ids: list[str] = []
    if told.place is not None and position > 0:
        ids.append(counted(told.place, position))
    if told.minutes is not None and estimate_s:
        ids.append(counted(told.minutes, max(1, round(estimate_s / 60))))
    return (*ids, *told.offer) if first else tuple(ids)
