"""Whatever happens in whatever order: one winner a call, one call an agent, no call lost, a sound log."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hotline.acd.model import LogKind, NotAllowed, Presence
from hotline.acd.ports import Left, Offer
from hotline.acd.queue import SkillRules
from hotline.acd.round import Round
from hotline.acd.waiting import QueuedCall
from hotline.conversation import CallId
from hotline.settings import AcdSettings
from tests.fakes.acd_parts import Hall, NotingDevice, StillLeg

pytestmark = pytest.mark.unit

RULES = SkillRules(give_up=("dialect.*",), keep=("language.*",))
NAMES = ("li", "wu", "chen")
SKILLS = st.sets(st.sampled_from(["labour", "dialect.zigong", "language.yi"]))
EXITS = {
    LogKind.CONNECT,
    LogKind.ABANDON,
    LogKind.EXITWITHTIMEOUT,
    LogKind.EXITEMPTY,
    LogKind.CALLBACK,
}
RING_ENDS = {LogKind.CONNECT, LogKind.RINGNOANSWER, LogKind.RINGCANCELED, LogKind.REFUSE}


class Floor(RuleBasedStateMachine):
    """Agents and callers doing anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.hall = Hall(AcdSettings(ring_s=10, wrap_up_s=5, grace_s=5, relax_s=15, again_s=8), RULES)
        self.entered: list[QueuedCall] = []
        self.old_offers: list[tuple[Offer, NotingDevice]] = []
        self.winners: Counter[str] = Counter()

    @rule(name=st.sampled_from(NAMES), skills=SKILLS, ready=st.booleans())
    def sign_in(self, name: str, skills: set[str], ready: bool) -> None:
        if name not in self.hall.acd.seats:
            self.hall.seat(name, *skills, ready=ready)

    @rule(name=st.sampled_from(NAMES))
    def sign_out(self, name: str) -> None:
        self.hall.acd.sign_out(name, by="boss")

    @rule(name=st.sampled_from(NAMES), what=st.sampled_from(["ready", "busy", "plug", "unplug", "phone"]))
    def presence(self, name: str, what: str) -> None:
        seat = self.hall.acd.seats.get(name)
        if seat is None:
            return
        try:
            match what:
                case "ready":
                    seat.ready()
                case "busy":
                    seat.busy("rest")
                case "plug":
                    seat.plug(self.hall.devices[name])
                case "phone":
                    seat.plug(NotingDevice("phone"))
                case _:
                    seat.unplug(self.hall.devices[name])
                    self.hall.devices[name].ringing.clear()  # a closed page shows nothing
        except NotAllowed:
            pass

    @rule(skills=SKILLS, priority=st.integers(0, 2), head=st.booleans())
    def caller(self, skills: set[str], priority: int, head: bool) -> None:
        self.entered.append(self.hall.call("", *skills, priority=priority, head=head))

    @rule(name=st.sampled_from(NAMES))
    def transfer_to(self, name: str) -> None:
        self.entered.append(self.hall.call(agent=name))

    @precondition(lambda self: self.entered)
    @rule(data=st.data(), why=st.sampled_from(list(Left)))
    def caller_leaves(self, data: st.DataObject, why: Left) -> None:
        data.draw(st.sampled_from(self.entered)).leave(why)

    @rule(name=st.sampled_from(NAMES), accept=st.booleans())
    def answer(self, name: str, accept: bool) -> None:
        seat = self.hall.acd.seats.get(name)
        if seat is None or seat.offer is None:
            return
        offer, device = seat.offer, seat.devices[0]
        assert isinstance(device, NotingDevice)
        self.old_offers.append((offer, device))
        if accept:
            self.winners[offer.id] += offer.accept(StillLeg(), device)
            device.ringing.clear()  # the winner is not told to stop
        else:
            offer.refuse()

    @precondition(lambda self: self.old_offers)
    @rule(data=st.data())
    def late(self, data: st.DataObject) -> None:
        offer, device = data.draw(st.sampled_from(self.old_offers))
        self.winners[offer.id] += offer.accept(StillLeg(), device)
        offer.refuse()

    @rule(name=st.sampled_from(NAMES))
    def hangs_up(self, name: str) -> None:
        seat = self.hall.acd.seats.get(name)
        if seat is not None and seat.call is not None:
            seat.talk_over(seat.call)

    @rule(name=st.sampled_from(NAMES))
    def take_over(self, name: str) -> None:
        seat = self.hall.acd.seats.get(name)
        if seat is not None:
            try:
                seat.talk_began(CallId(f"taken-{len(self.hall.logged)}"))
            except NotAllowed:
                assert seat.presence is Presence.TALKING

    @rule(seconds=st.sampled_from([0.5, 3.0, 5.0, 10.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.hall.after(seconds)

    @invariant()
    def each_offer_has_at_most_one_winner(self) -> None:
        assert all(count <= 1 for count in self.winners.values())

    @invariant()
    def seats_and_calls_agree(self) -> None:
        acd = self.hall.acd
        offered = [call.offer for call in acd.waiting if call.offer is not None]
        ringing = [seat.offer for seat in acd.seats.values() if seat.offer is not None]
        assert sorted(offer.id for offer in offered) == sorted(offer.id for offer in ringing)
        assert all(offer.open and offer.seat.offer is offer for offer in offered)
        for seat in acd.seats.values():
            assert (seat.presence is Presence.RINGING) == (seat.offer is not None)
            assert (seat.call is not None) == (seat.presence in {Presence.TALKING, Presence.WRAP_UP})
            assert seat.presence is not Presence.OFFLINE
            if seat.offer is not None:
                assert seat.devices
                assert seat.offer.rung == seat.devices
        talking = [seat.call for seat in acd.seats.values() if seat.presence is Presence.TALKING]
        assert len(set(talking)) == len(talking)

    @invariant()
    def nobody_waits_while_somebody_free_could_serve(self) -> None:
        for call in self.hall.acd.waiting:
            if call.offer is None:
                seats = Round(self.hall.acd.seats.values(), RULES)
                for seat in seats.able(call.wanted, int((self.hall.seconds - call.since) // 15)):
                    resting = call.again.get(seat.agent.name, 0.0) > self.hall.seconds
                    assert resting or not seat.free

    @invariant()
    def no_call_is_lost(self) -> None:
        waiting = {call.wanted.call for call in self.hall.acd.waiting}
        exits = Counter(
            line.call for line in self.hall.logged if line.kind in EXITS and not line.facts.get("handed")
        )
        for call in self.entered:
            assert exits[call.wanted.call] == (0 if call.wanted.call in waiting else 1)
            assert (call.position > 0) == (call.wanted.call in waiting)

    @invariant()
    def every_ring_ends_once(self) -> None:
        rings: Counter[tuple[str | None, str | None]] = Counter()
        for line in self.hall.logged:
            if line.kind is LogKind.RINGAGENT:
                rings[line.call, line.agent] += 1
            elif line.kind in RING_ENDS and not line.facts.get("handed"):
                rings[line.call, line.agent] -= 1
            assert all(count in {0, 1} for count in rings.values())
        now = {(call.wanted.call, call.offer.seat.agent.name) for call in self.hall.acd.waiting if call.offer}
        assert {key for key, count in rings.items() if count} == now

    @invariant()
    def sign_ins_and_outs_agree(self) -> None:
        there: Counter[str | None] = Counter()
        for line in self.hall.logged:
            there[line.agent] += line.kind is LogKind.AGENTLOGIN
            there[line.agent] -= line.kind is LogKind.AGENTLOGOFF
        assert {name for name, count in there.items() if count} == set(self.hall.acd.seats)
        assert max(there.values(), default=0) <= 1

    @invariant()
    def devices_ring_exactly_while_there_is_an_offer(self) -> None:
        for name, device in self.hall.devices.items():
            seat = self.hall.acd.seats.get(name)
            if seat is not None and device in seat.devices:
                assert device.ringing == ([seat.offer] if seat.offer is not None else [])


TestFloor = Floor.TestCase
TestFloor.settings = settings(max_examples=50, stateful_step_count=40)
