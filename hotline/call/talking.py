"""A caller with an agent, from the agent's answer to the end of their talk, whoever comes and goes."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

import anyio
from anyio.abc import TaskGroup

from asr.audio import LegId
from hotline.acd.model import AcdLog, LogKind, NotAllowed, Wanted
from hotline.acd.ports import Connected, Seat
from hotline.call.bridge import Bridge, Manner, Role, hears
from hotline.call.floor import Oversight, PartyKind
from hotline.call.grace import Grace
from hotline.call.music import HoldMusic
from hotline.call.reaching import Reached, Reaching
from hotline.call.talk_parts import TalkEnd, TalkParts, TalkResult
from hotline.call.talk_party import OVERSEEING, Party, guests, kinds
from hotline.call.talk_times import TalkTimes
from hotline.conversation import EndCause, LegRecord
from hotline.gateway.media import MediaLeg


class LiveTalk:
    """One talk: a `Talk` to pages. `run` is the talk; everything else is asked of it meanwhile."""

    def __init__(self, parts: TalkParts, first: Connected, following: TaskGroup) -> None:
        """`following`: where the parties' legs are read; outlives the talk by their last words."""
        self._parts = parts
        self._first = first
        self._following = following
        self._bridge = Bridge()
        self._parties: dict[LegId, Party] = {}
        self._staff: list[Party] = []
        self._agent: Party | None = None
        self._last_agent = first.seat.agent.name
        self._third: Party | None = None
        """Consulted or in the conference."""
        self._reaching = Reaching(parts)
        self._music = HoldMusic(parts.caller)
        self._times = TalkTimes(parts.clock())
        self._muted = False
        self._tasks: TaskGroup | None = None
        self._grace = Grace()
        self._over = anyio.Event()
        self._end: TalkEnd | None = None
        self._target: Wanted | None = None

    # -- the talk -----------------------------------------------------------------------------------------

    async def run(self) -> TalkResult:
        """Talk until the agent ends it, is lost, or hands the caller on. Cancelled: the caller has gone."""
        parts = self._parts
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self._bridge.join(parts.caller, Role.CALLER, parts.tape)
                self._take_seat(self._first.seat, self._first.leg, self._first.device.kind)
                await self._over.wait()
                tasks.cancel_scope.cancel()
        finally:
            self._tasks = None
            with anyio.CancelScope(shield=True):
                await self._part()
        return self.result()

    def result(self) -> TalkResult:
        """What `run` returns; cancelled, it cannot: the caller hung up."""
        times = self._times
        talked_ms = times.talked_ms(self._parts.clock())
        return TalkResult(
            self._end or TalkEnd.CALLER, talked_ms, times.held_ms, self._last_agent, self._target
        )

    @property
    def records(self) -> tuple[LegRecord, ...]:
        """The legs of all agents who have been in it."""
        now = self._parts.clock()
        return tuple(party.record(now) for party in self._staff)

    async def _part(self) -> None:
        """Everybody but the caller goes."""
        self._unhold()
        self._times.end(self._parts.clock())
        self._reaching.give_up()
        self._bridge.part()
        kind = LogKind.COMPLETECALLER if self._end is None else LogKind.COMPLETEAGENT
        if self._end is not TalkEnd.TRANSFER:
            result = self.result()
            facts = {"talked_ms": result.talked_ms, "held_ms": result.held_ms, "end": result.end.value}
            self._log(kind, self._last_agent, **facts)
        parties, self._parties = list(self._parties.values()), {}
        for party in parties:
            party.dismissed = True
            party.release(self._parts.call)
        for party in parties:
            await party.leg.hangup()

    # -- how it stands ------------------------------------------------------------------------------------

    @property
    def agent(self) -> str:
        """User name of the agent who has the call now; empty when an outside party has."""
        return self._agent.name if self._agent is not None else ""

    @property
    def on_hold(self) -> bool:
        """The caller hears music and nobody hears the caller."""
        return self._times.on_hold

    @property
    def muted(self) -> bool:
        """The agent is not heard."""
        return self._muted

    @property
    def parties(self) -> Mapping[str, PartyKind]:
        """By leg id."""
        return kinds(self._parts.caller.leg, self._parties, self._bridge.roles)

    @property
    def guests(self) -> Mapping[str, PartyKind]:
        """Colleagues who are consulted or in the conference, by user name."""
        return guests(self._third)

    # -- what the agent asks ------------------------------------------------------------------------------

    def hold(self) -> None:
        """Music for the caller. Harmless when on hold."""
        self._must_have_agent()
        if not self._times.on_hold:
            self._times.hold(self._parts.clock())
            self._log(LogKind.HOLD, self.agent)
            self._stand()

    def resume(self) -> None:
        """Back from hold; a consulted party goes on hearing the agent alone."""
        self._must_have_agent()
        if self._times.on_hold:
            self._unhold()
            self._stand()

    def mute(self, *, on: bool) -> None:
        """Whether the agent is silent to everyone."""
        self._must_have_agent()
        self._muted = on
        self._stand()

    def press(self, key: str) -> None:
        """A key towards the outside party when there is one, else towards the caller."""
        self._must_have_agent()
        leg = self._third.leg if self._third is not None else self._parts.caller
        try:
            leg.send_digit(key)
        except ValueError:
            raise NotAllowed("no_such_key") from None

    async def transfer(self, target: str) -> None:
        """Blind: see `Talk.transfer`."""
        self._must_have_agent()
        kind, _, value = target.partition(":")
        if kind == "number":
            found = await self._reach(target)
            self._third = self._join(found.leg, Role.OUTSIDE, "")
            self._log(LogKind.TRANSFER, self.agent, to="number")
            self._dismiss_agent()
            self._unhold()
            self._stand()
            return
        self._target = self._reaching.wanted(kind, value, self.agent)
        self._log(LogKind.TRANSFER, self.agent, to=kind)
        self._finish(TalkEnd.TRANSFER)

    async def consult(self, target: str) -> None:
        """Attended: see `Talk.consult`."""
        self._must_have_agent()
        found = await self._reach(target)
        name = found.seat.agent.name if found.seat is not None else ""
        self._third = self._join(found.leg, Role.CONSULTED, name, found.seat, found.kind)
        self._log(LogKind.CONSULT, self.agent, to=target.partition(":")[0])
        self._stand()

    async def complete(self) -> None:
        """The consulted party takes the caller over; the agent is free."""
        self._must_have_agent()
        third = self._consulted()
        self._log(LogKind.TRANSFER, self.agent, to="consulted")
        self._dismiss_agent()
        if third.seat is not None:
            self._third = None
            self._become_agent(third)
        else:
            self._role(third, Role.OUTSIDE)
        self._unhold()
        self._stand()
        await anyio.lowlevel.checkpoint()

    async def back(self) -> None:
        """The consulted or outside party goes, or is rung no longer; the agent is with the caller again."""
        self._must_have_agent()
        if self._third is not None:
            self._dismiss(self._third)
            self._third = None
            self._unhold()
            self._stand()
        elif not self._reaching.give_up():
            raise NotAllowed("nobody_consulted")
        await anyio.lowlevel.checkpoint()

    async def conference(self, target: str | None = None) -> None:
        """Three-way: see `Talk.conference`."""
        if target is not None:
            await self.consult(target)
        self._must_have_agent()
        self._role(self._consulted(), Role.OUTSIDE)
        self._log(LogKind.CONFERENCE, self.agent)
        self._unhold()
        self._stand()

    async def hangup(self) -> None:
        """The agent ends the talk: the caller goes on in the flow."""
        self._finish(TalkEnd.AGENT)
        await anyio.lowlevel.checkpoint()

    def attach(self, leg: MediaLeg) -> None:
        """The agent is here again with a new leg; the old one is hung up."""
        old, muted = self._must_have_agent(), self._muted
        if old.seat is None or leg.leg in self._parties:
            raise NotAllowed("has_party")
        self._log(LogKind.REATTACH, old.name)
        self._dismiss(old, over=False)
        self._take_seat(old.seat, leg, "browser")
        self.mute(on=muted)

    # -- what a supervisor asks ---------------------------------------------------------------------------

    def oversee(self, who: str, leg: MediaLeg, mode: Oversight) -> None:
        """See `Talk.oversee`."""
        self._must_go_on()
        role, kind = OVERSEEING[mode]
        known = self._parties.get(leg.leg)
        if known is None:
            self._join(leg, role, who)
        elif known.kind is PartyKind.SUPERVISOR:
            self._role(known, role)
        else:
            raise NotAllowed("has_party")
        self._log(kind, self.agent, by=who)

    async def take_over(self, seat: Seat, leg: MediaLeg) -> None:
        """See `Talk.take_over`."""
        self._must_go_on()
        party = self._parties.get(leg.leg)
        if party is not None and party.kind is not PartyKind.SUPERVISOR:
            raise NotAllowed("has_party")
        if seat.agent.name == self.agent:
            raise NotAllowed("talking")
        seat.talk_began(self._parts.call)
        self._log(LogKind.TAKEOVER, self.agent, by=seat.agent.name)
        self._reaching.give_up()
        self._dismiss_agent()
        if party is None:
            self._take_seat(seat, leg, "browser")
        else:
            party.seat, party.name, party.device_kind = seat, seat.agent.name, "browser"
            self._become_agent(party)
        self._unhold()
        self._stand()
        await anyio.lowlevel.checkpoint()

    # -- parties ------------------------------------------------------------------------------------------

    def _join(self, leg: MediaLeg, role: Role, name: str, seat: Seat | None = None, kind: str = "") -> Party:
        party = Party(leg, role, name, self._parts.clock(), seat, kind)
        self._parties[leg.leg] = party
        self._bridge.join(leg, role)
        self._following.start_soon(party.follow, self._parts.now, self._parts.clock, self._heard, self._gone)
        return party

    def _heard(self, party: Party) -> bool:
        """Whether the caller hears it."""
        return hears(Role.CALLER, party.role, self._bridge.manner) and not party.dismissed

    def _role(self, party: Party, role: Role) -> None:
        party.role = role
        self._bridge.join(party.leg, role)

    def _take_seat(self, seat: Seat, leg: MediaLeg, kind: str) -> None:
        self._become_agent(self._join(leg, Role.AGENT, seat.agent.name, seat, kind))
        self._stand()

    def _become_agent(self, party: Party) -> None:
        self._role(party, Role.AGENT)
        self._grace.stop()
        self._times.found()
        party.transcriber = self._parts.listen(party.leg.leg)
        self._agent, self._last_agent = party, party.name
        self._muted = False
        self._staff.append(party)

    def _dismiss_agent(self) -> None:
        """The agent is free."""
        self._grace.stop()
        self._times.found()
        party, self._agent = self._agent, None
        if party is not None:
            self._dismiss(party)

    def _dismiss(self, party: Party, *, over: bool = True) -> None:
        """Somebody goes by our doing; `over`: for a member of staff the call is over with that."""
        party.dismissed = True
        self._parties.pop(party.leg.leg, None)
        self._bridge.leave(party.leg.leg)
        self._following.start_soon(party.leg.hangup)
        if over:
            party.release(self._parts.call)

    def _gone(self, party: Party, cause: EndCause) -> None:
        """A party's leg has ended."""
        if party.dismissed or self._parties.get(party.leg.leg) is not party:
            return
        if party is self._agent:
            self._bridge.leave(party.leg.leg)
            self._agent_gone(party, cause)
            return
        self._dismiss(party)
        if party is self._third:
            self._third = None
            if self._agent is None:
                self._finish(TalkEnd.AGENT)

    def _agent_gone(self, party: Party, cause: EndCause) -> None:
        """Hung up, or vanished: a browser may come back."""
        if party.device_kind == "phone":
            self._finish(TalkEnd.AGENT if cause is EndCause.REMOTE_HANGUP else TalkEnd.AGENT_LOST)
        elif self._tasks is not None:
            self._times.lost(self._parts.clock() - timedelta(seconds=party.quiet_s))
            self._stand()
            lost = partial(self._finish, TalkEnd.AGENT_LOST)
            self._grace.begin(self._tasks, self._parts.reattach_s, lost)

    def _consulted(self) -> Party:
        if self._third is None or self._third.role is not Role.CONSULTED:
            raise NotAllowed("nobody_consulted")
        return self._third

    async def _reach(self, target: str) -> Reached:
        """Ring somebody while the caller is on hold. Raises `NotAllowed`; then the caller is back."""
        if self._reaching.busy or self._third is not None:
            raise NotAllowed("has_party")
        held = self.on_hold
        self.hold()
        try:
            found = await self._reaching.reach(target, self.agent)
        except BaseException:  # the page that asked may have gone, too
            if not held and self._agent is not None and self._tasks is not None and self._end is None:
                self.resume()
            raise
        # The caller may have gone meanwhile, or the agent.
        if self._end is not None or self._tasks is None or self._agent is None:
            await self._reaching.send_away(found)
            raise NotAllowed("over")
        return found

    # -- the rest -----------------------------------------------------------------------------------------

    def _must_go_on(self) -> None:
        if self._end is not None or self._tasks is None:
            raise NotAllowed("over")

    def _must_have_agent(self) -> Party:
        self._must_go_on()
        if self._agent is None:
            raise NotAllowed("no_agent")
        return self._agent

    def _finish(self, end: TalkEnd) -> None:
        if self._end is None:
            self._end = end
            self._over.set()

    def _stand(self) -> None:
        """Tell the bridge how things stand, and begin or end the music."""
        waiting = self.on_hold or (self._agent is not None and self._agent.leg.leg not in self._bridge.roles)
        self._bridge.stand(Manner(held=waiting, muted=self._muted))
        if waiting and self._tasks is not None:
            self._music.begin(self._tasks)
        else:
            self._music.stop()

    def _unhold(self) -> None:
        if self._times.on_hold:
            held = self._times.resume(self._parts.clock())
            self._log(LogKind.UNHOLD, self.agent, held_ms=held)

    def _log(self, kind: LogKind, agent: str, **facts: str | int) -> None:
        parts = self._parts
        parts.log(AcdLog(parts.clock(), kind, parts.call, agent or None, parts.queue, facts))
