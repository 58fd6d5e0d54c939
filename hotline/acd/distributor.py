"""Gives waiting calls to agents: who is rung, for how long, who has the call, and what is logged of it."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import fmean

import anyio

from hotline.acd.clockwork import keep_time
from hotline.acd.model import AcdLog, Agent, LogKind, Presence, Wanted
from hotline.acd.offer import RingingOffer
from hotline.acd.ports import Connected, Device, Left, Seat
from hotline.acd.queue import SkillRules, estimate, position, served_order
from hotline.acd.round import Round
from hotline.acd.seat import NO_ANSWER, ON_DUTY, StaffSeat
from hotline.acd.waiting import QueuedCall
from hotline.conversation import CallId
from hotline.gateway.media import MediaLeg
from hotline.settings import AcdSettings

MEASURED = 50
"""So many of the last talks, with their wrap-up, make the mean of the estimate."""
ENOUGH = 5
"""Before so many, the setting stands in for the mean."""

Facts = dict[str, str | float]

_EXITS = {
    Left.ABANDONED: LogKind.ABANDON,
    Left.TIMED_OUT: LogKind.EXITWITHTIMEOUT,
    Left.NOBODY: LogKind.EXITEMPTY,
    Left.CALLBACK: LogKind.CALLBACK,
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Distributor:
    """All seats and all waiting calls. Every method is synchronous and belongs on one thread; `run` only
    wakes it when something is due, so tests drive it with a clock of their own and `tick`.

    Each ENTERQUEUE or REQUEUE is followed by exactly one CONNECT (not a `handed` one), ABANDON,
    EXITWITHTIMEOUT, EXITEMPTY or CALLBACK of that call; each RINGAGENT by exactly one CONNECT, RINGNOANSWER,
    RINGCANCELED or REFUSE of that call and agent.
    """

    def __init__(
        self,
        settings: AcdSettings,
        sink: Callable[[AcdLog], None],
        *,
        rules: SkillRules | None = None,
        now: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`sink` takes each line of the log and returns at once; `now`: steady seconds."""
        self.settings = settings
        self._now = now
        self.utc_now = utc_now
        self._sink = sink
        self._rules = rules or SkillRules()
        self._seats: dict[str, StaffSeat] = {}
        self._calls: list[QueuedCall] = []
        self._order: list[QueuedCall] | None = None
        self._round: Round | None = None
        self._number = 0
        self._handled: deque[float] = deque(maxlen=MEASURED)
        self._notices: deque[Callable[[], None]] = deque()
        self._settling = False
        self.strays: deque[MediaLeg] = deque()
        self.wake = anyio.Event()

    # What others see: the contract of hotline.acd.ports.Acd.

    @property
    def seats(self) -> Mapping[str, StaffSeat]:
        """Everyone signed in, by user name."""
        return self._seats

    @property
    def waiting(self) -> tuple[QueuedCall, ...]:
        """In the order they would be served."""
        return tuple(self._served())

    def sign_in(self, agent: Agent) -> Seat:
        """The agent's seat: a new one, busy with the reason `signed_in`, or the one there is, which then has
        the profile given here. One's own sign-out that waits for the end of a talk is taken back; a
        supervisor's is not: a page reload must not undo it."""
        seat = self._seats.get(agent.name)
        if seat is not None:
            seat.agent = agent
            if not seat.leaving:
                seat.leaving = None
            self.settle()
            return seat
        seat = self._seats[agent.name] = StaffSeat(self, agent)
        self.log(LogKind.AGENTLOGIN, None, agent.name)
        self.settle()
        return seat

    def sign_out(self, name: str, by: str | None = None) -> None:
        """Leave; a talk going on goes on, and the seat is there until it is over. Harmless when not there."""
        seat = self._seats.get(name)
        if seat is None:
            return
        if seat.offer is not None:
            self.withdraw(seat.offer, "signed_out")
        if seat.presence is Presence.TALKING:
            seat.leaving = by or ""
        else:
            seat.go_offline("signed_out", by)
        self.settle()

    def refresh(self, agent: Agent) -> None:
        """Use a changed profile from now on, where the agent is signed in."""
        seat = self._seats.get(agent.name)
        if seat is not None and seat.agent != agent:
            seat.agent = agent
            self.settle()

    def close(self) -> None:
        """Everyone is offline: the line shuts down, its calls are over."""
        for seat in list(self._seats.values()):
            if seat.offer is not None:
                self.withdraw(seat.offer, "shutdown")
            seat.go_offline("shutdown", None)
        self.settle()

    def on_duty(self, queue: str) -> bool:
        """Whether anybody is signed in who may get calls of that queue, now or after a pause."""
        asked = self._rules.queues.get(queue, frozenset())
        kept = asked - frozenset(self._rules.droppable(asked))
        return any(seat.serving and kept <= seat.agent.skills for seat in self._seats.values())

    def enter(self, wanted: Wanted, *, head: bool = False) -> QueuedCall:
        """Put a call into the queue; `head`: before all others of its priority (its agent's leg died).

        Logged as ENTERQUEUE, or REQUEUE when it comes back to the head.
        """
        self._number += 1
        call = QueuedCall(self, wanted, self._number, head=head)
        self._calls.append(call)
        self._order = None
        facts: Facts = {"priority": wanted.priority, "position": self.position(call)}
        if wanted.reasons:
            facts["reasons"] = ",".join(wanted.reasons)
        kind = LogKind.REQUEUE if head else LogKind.ENTERQUEUE
        self.log(kind, wanted.call, wanted.agent, wanted.queue, **facts)
        self.settle()
        return call

    # What seats, offers and waiting calls ask for.

    def position(self, call: QueuedCall) -> int:
        """Of a call, from 1; 0 when it no longer waits."""
        return position(call, self._served())

    def estimate(self, call: QueuedCall) -> float | None:
        """How long a call may still wait, in seconds."""
        if self._round is None:
            self._round = Round(self._seats.values(), self._rules)
        able = [seat for seat in self._round.able(call.wanted, self._steps(call)) if seat.presence in ON_DUTY]
        free = sum(seat.free for seat in able)
        return estimate(self.position(call), len(able), free, self.handle_s)

    def droppable(self, wanted: Wanted) -> int:
        """How many skills a call may give up."""
        return len(self._rules.droppable(wanted.skills))

    @property
    def handle_s(self) -> float:
        """Mean of talk and wrap-up of the last talks, in seconds."""
        return fmean(self._handled) if len(self._handled) >= ENOUGH else self.settings.handle_s

    def measured(self, seconds: float) -> None:
        """An agent is free again after so much talk and wrap-up."""
        self._handled.append(seconds)

    def ring_until(self) -> datetime:
        """When an offer made now ends."""
        return self.utc_now() + timedelta(seconds=self.settings.ring_s)

    def accept(self, offer: RingingOffer, leg: MediaLeg, device: Device) -> bool:
        """An agent answers; whether it was in time."""
        call, seat = offer.queued, offer.seat
        if not (offer.open and call.open and device in seat.devices):
            return False
        place = self.position(call)
        if device in offer.rung:
            offer.rung.remove(device)  # it knows
        self._end(offer)
        self._drop(call)
        call.close(Connected(seat, leg, device))
        seat.offer = None
        seat.become_talking(call.wanted.call)
        facts: Facts = {"position": place, "ring_ms": self._ms(offer.began), "device": device.kind}
        self._log_call(LogKind.CONNECT, call, seat.agent.name, **facts)
        self.settle()
        return True

    def refuse(self, offer: RingingOffer, reason: str = "", *, pausing: bool = False) -> None:
        """An agent will not have the call. `pausing`: and no other one, which the seat sees to itself."""
        if not offer.open:
            return
        seat = offer.seat
        seat.refusals += 1
        seat.misses = 0
        facts: Facts = {"ring_ms": self._ms(offer.began), "refusals": seat.refusals, "reason": reason}
        self._over(offer, LogKind.REFUSE, missed=True, **facts)
        if not pausing:
            self.settle()

    def withdraw(self, offer: RingingOffer, reason: str) -> None:
        """An offer is over without the agent's doing."""
        if offer.open:
            facts: Facts = {"ring_ms": self._ms(offer.began), "reason": reason}
            self._over(offer, LogKind.RINGCANCELED, missed=False, **facts)

    def ring(self, offer: RingingOffer, device: Device) -> None:
        """Have a device ring, when the present change is done."""
        self._notices.append(partial(offer.ring_at, device))

    def leave(self, call: QueuedCall, why: Left) -> None:
        """A call waits no longer."""
        if call.open:
            self._exit(call, why)
        elif call.answer is not None and not call.collected:
            self._cross(call, call.answer)
        self.settle()

    def forget(self, seat: StaffSeat) -> None:
        """A seat is offline."""
        if self._seats.get(seat.agent.name) is seat:
            del self._seats[seat.agent.name]

    def log(
        self,
        kind: LogKind,
        call: CallId | None,
        agent: str | None,
        queue: str = "",
        **facts: str | float,
    ) -> None:
        """Write a line of the log."""
        self._sink(AcdLog(self.utc_now(), kind, call, agent, queue, facts))

    # Time.

    def now(self) -> float:
        """Steady seconds."""
        return self._now()

    async def run(self) -> None:
        """Do what is due when it is due, and hang up legs that nobody takes, until cancelled."""
        await keep_time(self)

    def tick(self) -> None:
        """Do what is due now."""
        now = self.now()
        for call in list(self._calls):
            if call.offer is not None and call.offer.ends <= now:
                self._missed(call.offer)
        for seat in list(self._seats.values()):
            seat.tick(now)
        self.settle()

    def due(self) -> float | None:
        """When `tick` has something to do next (steady seconds); None: nothing until something happens."""
        now = self.now()
        times = [due for seat in self._seats.values() if (due := seat.due(now)) is not None]
        for call in self._calls:
            if call.offer is not None:
                times.append(call.offer.ends)
                continue
            times += [again for again in call.again.values() if again > now]
            if (relaxes := self._relaxes(call)) is not None:
                times.append(relaxes)
        return min(times, default=None)

    def settle(self) -> None:
        """Offer what can be offered and tell devices, after every change; a device that acts while it is
        told only adds to what is to be settled."""
        if self._settling:
            return
        self._settling = True
        try:
            while True:
                self._dispatch()
                if not self._notices:
                    break
                while self._notices:
                    self._notices.popleft()()
        finally:
            self._settling = False
            self.wake.set()

    def _served(self) -> list[QueuedCall]:
        if self._order is None:
            self._order = served_order(self._calls)
        return self._order

    def _drop(self, call: QueuedCall) -> None:
        self._calls.remove(call)
        self._order = None

    def _dispatch(self) -> None:
        if not self._calls:
            self._round = None
            return
        now = self.now()
        seats = self._round = Round(self._seats.values(), self._rules, self._round)
        free = seats.free()
        waiting = [call for call in self._served() if call.offer is None]
        for call in waiting:
            able = seats.able(call.wanted, self._steps(call))
            if not able:
                self._exit(call, Left.NOBODY)
                continue
            seat = next((each for each in free if each in able and _may(call, each, now)), None)
            if seat is not None:
                free.remove(seat)
                self._offer(call, seat)

    def _offer(self, call: QueuedCall, seat: StaffSeat) -> None:
        self._number += 1
        offer = call.offer = RingingOffer(self, call, seat, self._number)
        seat.become_ringing(offer)
        self._log_call(LogKind.RINGAGENT, call, seat.agent.name)
        for device in seat.devices:
            self.ring(offer, device)

    def _steps(self, call: QueuedCall) -> int:
        every = self.settings.relax_s
        return int((self.now() - call.since) // every) if every > 0 else len(call.wanted.skills)

    def _relaxes(self, call: QueuedCall) -> float | None:
        steps = self._steps(call)
        if steps >= call.droppable:
            return None
        return call.since + (steps + 1) * self.settings.relax_s

    def _missed(self, offer: RingingOffer) -> None:
        seat = offer.seat
        seat.misses += 1
        facts = {"ring_ms": self._ms(offer.began), "misses": seat.misses}
        self._over(offer, LogKind.RINGNOANSWER, missed=True, **facts)
        if seat.misses >= self.settings.misses:
            seat.misses = 0
            seat.become_busy(NO_ANSWER)

    def _over(self, offer: RingingOffer, kind: LogKind, *, missed: bool, **facts: str | float) -> None:
        call, seat = offer.queued, offer.seat
        self._end(offer)
        call.offer = None
        if missed:
            call.again[seat.agent.name] = self.now() + self.settings.again_s
        seat.stop_ringing(missed=missed)
        self._log_call(kind, call, seat.agent.name, **facts)

    def _end(self, offer: RingingOffer) -> None:
        offer.open = False
        offer.queued.offer = None
        for device in offer.rung:
            self._notices.append(partial(offer.stop_at, device))

    def _exit(self, call: QueuedCall, why: Left) -> None:
        if call.offer is not None:
            self.withdraw(call.offer, "caller_left" if why is Left.ABANDONED else why.value)
        place = self.position(call)
        self._drop(call)
        call.close()
        self._log_call(_EXITS[why], call, None, position=place)

    def _cross(self, call: QueuedCall, answer: Connected) -> None:
        call.answer = None
        self.strays.append(answer.leg)
        seat = self._seats.get(answer.seat.agent.name)
        self._log_call(LogKind.COMPLETECALLER, call, answer.seat.agent.name, talked_ms=0)
        if seat is answer.seat and seat is not None:
            seat.free_at_once(call.wanted.call)

    def _log_call(self, kind: LogKind, call: QueuedCall, agent: str | None, **facts: str | float) -> None:
        waited = self._ms(call.since)
        self.log(kind, call.wanted.call, agent, call.wanted.queue, waited_ms=waited, **facts)

    def _ms(self, since: float) -> int:
        return round((self.now() - since) * 1000)


def _may(call: QueuedCall, seat: StaffSeat, now: float) -> bool:
    """Whether the call may be offered to the agent again, or for the first time."""
    return call.again.get(seat.agent.name, now) <= now
