"""Gives waiting calls to agents: who is rung, for how long, who has the call, and what is logged of it."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import fmean

import anyio

from hotline.acd.model import AcdLog, Agent, LogKind, Presence, Wanted
from hotline.acd.offer import RingingOffer
from hotline.acd.ports import Connected, Device, Left, Seat
from hotline.acd.queue import SkillRules, estimate, position, served_order
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
        self.now = now
        self.utc_now = utc_now
        self._sink = sink
        self._rules = rules or SkillRules()
        self._seats: dict[str, StaffSeat] = {}
        self._calls: list[QueuedCall] = []
        self._number = 0
        self._handled: deque[float] = deque(maxlen=MEASURED)
        self._notices: deque[Callable[[], None]] = deque()
        self._settling = False
        self._strays: deque[MediaLeg] = deque()
        self._wake = anyio.Event()

    # What others see: the contract of hotline.acd.ports.Acd.

    @property
    def seats(self) -> Mapping[str, StaffSeat]:
        """Everyone signed in, by user name."""
        return self._seats

    @property
    def waiting(self) -> tuple[QueuedCall, ...]:
        """In the order they would be served."""
        return tuple(served_order(self._calls))

    def sign_in(self, agent: Agent) -> Seat:
        """The agent's seat: a new one, busy with the reason `signed_in`, or the one there is, which then has
        the profile given here. A sign-out that waits for the end of a talk is taken back."""
        seat = self._seats.get(agent.name)
        if seat is not None:
            seat.agent = agent
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
        return position(call, served_order(self._calls))

    def estimate(self, call: QueuedCall) -> float | None:
        """How long a call may still wait, in seconds."""
        able = [seat for seat in self._able(call) if seat.presence in ON_DUTY]
        free = sum(seat.offerable for seat in able)
        return estimate(self.position(call), len(able), free, self.handle_s)

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
        self._calls.remove(call)
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

    async def run(self) -> None:
        """Do what is due when it is due, and hang up legs that nobody takes, until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                self.tick()
                while self._strays:
                    tasks.start_soon(self._strays.popleft().hangup)
                self._wake = anyio.Event()
                due = self.due()
                with anyio.move_on_after(None if due is None else max(0.0, due - self.now())):
                    await self._wake.wait()

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
            self._wake.set()

    def _dispatch(self) -> None:
        now = self.now()
        for call in served_order(self._calls):
            if call.offer is not None:
                continue
            able = self._able(call)
            if not able:
                self._exit(call, Left.NOBODY)
                continue
            free = [seat for seat in able if seat.offerable and call.again.get(seat.agent.name, now) <= now]
            if free:
                self._offer(call, min(free, key=lambda seat: (seat.idle_since, seat.agent.name)))

    def _offer(self, call: QueuedCall, seat: StaffSeat) -> None:
        self._number += 1
        offer = call.offer = RingingOffer(self, call, seat, self._number)
        seat.become_ringing(offer)
        self._log_call(LogKind.RINGAGENT, call, seat.agent.name)
        for device in seat.devices:
            self.ring(offer, device)

    def _able(self, call: QueuedCall) -> list[StaffSeat]:
        serving = [seat for seat in self._seats.values() if seat.serving]
        if call.wanted.agent is not None:
            return [seat for seat in serving if seat.agent.name == call.wanted.agent]
        on_duty = [seat.agent.skills for seat in serving]
        needed = self._rules.needed(call.wanted.skills, self._steps(call), on_duty)
        return [seat for seat in serving if needed <= seat.agent.skills]

    def _steps(self, call: QueuedCall) -> int:
        every = self.settings.relax_s
        return int((self.now() - call.since) // every) if every > 0 else len(call.wanted.skills)

    def _relaxes(self, call: QueuedCall) -> float | None:
        steps = self._steps(call)
        if steps >= len(self._rules.droppable(call.wanted.skills)):
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
        self._calls.remove(call)
        call.close()
        self._log_call(_EXITS[why], call, None, position=place)

    def _cross(self, call: QueuedCall, answer: Connected) -> None:
        call.answer = None
        self._strays.append(answer.leg)
        seat = self._seats.get(answer.seat.agent.name)
        self._log_call(LogKind.COMPLETECALLER, call, answer.seat.agent.name, talked_ms=0)
        if seat is answer.seat and seat is not None:
            seat.free_at_once(call.wanted.call)

    def _log_call(self, kind: LogKind, call: QueuedCall, agent: str | None, **facts: str | float) -> None:
        waited = self._ms(call.since)
        self.log(kind, call.wanted.call, agent, call.wanted.queue, waited_ms=waited, **facts)

    def _ms(self, since: float) -> int:
        return round((self.now() - since) * 1000)
