"""Rings those an agent asks for: a colleague, or a number outside."""

from dataclasses import dataclass, replace

import anyio

from hotline.acd.model import NotAllowed, Presence, Wanted
from hotline.acd.ports import Connected, Left, Seat
from hotline.call.talk_parts import TalkParts
from hotline.errors import HotlineError
from hotline.gateway.media import MediaLeg
from hotline.gateway.sip.trunk import NotPermitted

CONSULTING = "consult"
"""The queue under which a colleague is rung for a consultation: no caller waits in it."""
_AT_ONCE = 1_000
"""Priority of a call that is handed over."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody who has answered."""

    leg: MediaLeg
    seat: Seat | None
    """Of a colleague."""
    kind: str = ""
    """Of the colleague's device."""


class Reaching:
    """Of one talk; one party at a time."""

    def __init__(self, parts: TalkParts) -> None:
        self._parts = parts
        self._ringing: anyio.CancelScope | None = None

    @property
    def busy(self) -> bool:
        """Somebody is being rung."""
        return self._ringing is not None

    def give_up(self) -> bool:
        """Ring no longer: `reach` raises `NotAllowed`, `given_up`. False when nobody is rung."""
        if self._ringing is None:
            return False
        self._ringing.cancel()
        return True

    def wanted(self, kind: str, value: str, agent: str) -> Wanted:
        """What a caller whom `agent` hands on waits for. Raises `NotAllowed`."""
        parts = self._parts
        if kind == "agent":
            self._free_colleague(value, agent)
            return Wanted(parts.call, parts.queue, _AT_ONCE, agent=value, reasons=("transfer",))
        if kind == "queue" and (value in parts.policy.queues or value == parts.queue):
            return replace(parts.policy.want(parts.call, value, ("transfer",)), priority=_AT_ONCE)
        if kind == "skill" and value in parts.policy.skills:
            return Wanted(parts.call, parts.queue, _AT_ONCE, frozenset({value}), ("transfer",))
        raise NotAllowed("bad_target")

    async def reach(self, target: str, agent: str) -> Reached:
        """Ring `agent:NAME`, somebody of `skill:CODE` or `queue:NAME`, or `number:DIGITS`, until answered.

        `agent`: who asks. Raises `NotAllowed`.
        """
        kind, _, value = target.partition(":")
        found: Reached | None = None
        try:
            with anyio.CancelScope() as self._ringing:
                found = await self._answered(kind, value, agent)
        finally:
            self._ringing = None
        if found is None:
            raise NotAllowed("given_up")
        return found

    async def _answered(self, kind: str, value: str, agent: str) -> Reached:
        if kind == "number" and value:
            return Reached(await self._ring_number(value), None)
        wanted = replace(self.wanted(kind, value, agent), queue=CONSULTING, reasons=())
        connected = await self._ring_colleague(wanted)
        return Reached(connected.leg, connected.seat, connected.device.kind)

    async def send_away(self, found: Reached) -> None:
        """Too late: the talk is over."""
        await found.leg.hangup()
        if found.seat is not None:
            found.seat.talk_over(self._parts.call)

    def _free_colleague(self, name: str, agent: str) -> None:
        seat = self._parts.acd.seats.get(name)
        if seat is None or name == agent:
            raise NotAllowed("no_such_agent")
        if seat.presence is not Presence.READY:
            raise NotAllowed("agent_busy")

    async def _ring_colleague(self, wanted: Wanted) -> Connected:
        waiting = self._parts.acd.enter(wanted)
        connected: Connected | None = None
        try:
            with anyio.move_on_after(self._parts.ring_s):
                connected = await waiting.connected()
        finally:
            if connected is None:
                waiting.leave(Left.TIMED_OUT)
        if connected is None:
            raise NotAllowed("no_answer")
        return connected

    async def _ring_number(self, number: str) -> MediaLeg:
        try:
            with anyio.fail_after(self._parts.ring_s):
                return await self._parts.dial(number)
        except NotPermitted:
            raise NotAllowed("not_permitted") from None
        except (HotlineError, TimeoutError):
            raise NotAllowed("unreachable") from None
