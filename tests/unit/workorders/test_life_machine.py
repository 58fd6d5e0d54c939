"""Random lives of several orders at once, held to what must be true of them at every moment."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.fakes.memory_uow import MemoryStore
from tests.fakes.orders import NOW, shipped_rules, wage_claim
from workorders.calendar import SHANGHAI
from workorders.clockwork import Clockwork
from workorders.errors import ForbiddenMove, RoutingError, UnknownOrder
from workorders.life import dispatch
from workorders.life_table import RULES as RULES_OF_LIFE
from workorders.life_table import TABLE
from workorders.messages import ActOnOrder
from workorders.model import OPEN, Action, Actor, Kind, Pool, State, WorkOrder
from workorders.service import WITH_MORE, WorkOrderService

pytestmark = pytest.mark.unit

RULES = shipped_rules()
PEOPLE = ("li", "wang", "zhao")
ACTIONS = [each for each in Action if each not in (*WITH_MORE, Action.RECOUNT, Action.DISPATCH)]
DAYS = st.integers(1, 10)
ONWARD = {
    State.DISPATCHED: (Actor.UNIT, Action.SIGN),
    State.RETURNED: (Actor.SUPERVISOR, Action.REASSIGN),
    State.SUSPENDED: (Actor.UNIT, Action.RESUME),
    State.SIGNED: (Actor.UNIT, Action.REPLY),
    State.REPLIED: (Actor.SUPERVISOR, Action.APPROVE),
    State.VISITING: (Actor.AGENT, Action.VISIT),
    State.SETTLED: (Actor.SUPERVISOR, Action.ARCHIVE),
}
"""The plain way of an order."""


class Lives(RuleBasedStateMachine):
    """One service, one clock, orders that anybody may try anything with."""

    numbers = Bundle("numbers")

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.service = WorkOrderService(self.store, *RULES)
        self.now = NOW
        self.filed = 0

    @rule(
        target=numbers,
        service=st.sampled_from(["consult", "complaint", "lawyer.complaint"]),
        flags=st.sampled_from([(), ("callback",), ("crisis",)]),
        anonymous=st.booleans(),
    )
    def file(self, service: str, flags: tuple[str, ...], anonymous: bool) -> str:
        self.filed += 1
        claim = wage_claim(
            f"call-{self.filed}", service=service, flags=flags, filed_at=self.now, anonymous=anonymous
        )
        return self.service.handle(claim).number

    @rule(number=numbers)
    def dispatch(self, number: str) -> None:
        with self.store() as uow:
            order = uow.orders.by_number(number)
            assert order is not None
            try:
                change = dispatch(order, self.now)
            except ForbiddenMove:
                return
            uow.orders.save(change.order, change.entry)
            uow.commit()

    @rule(hours=st.integers(1, 60))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        Clockwork(self.service, clock=lambda: self.now).fire_due()

    @rule(
        number=numbers,
        action=st.sampled_from(ACTIONS),
        role=st.sampled_from([Actor.AGENT, Actor.SUPERVISOR, Actor.UNIT, Actor.SYSTEM]),
        by=st.sampled_from(PEOPLE),
    )
    def try_anything(self, number: str, action: Action, role: Actor, by: str) -> None:
        self._act(number, number, action, role, by, 3)

    @rule(number=numbers, other=numbers, choice=st.integers(0, 200), by=st.sampled_from(PEOPLE), days=DAYS)
    def try_what_may_be(self, number: str, other: str, choice: int, by: str, days: int) -> None:
        state = self.order(number).state
        may = [(each.action, min(each.roles)) for each in RULES_OF_LIFE if state in each.moves]
        may = [each for each in may if each[0] in ACTIONS] or [(Action.REMIND, Actor.SYSTEM)]
        action, role = may[choice % len(may)]
        self._act(number, other, action, role, by, days)

    @rule(number=numbers, by=st.sampled_from(PEOPLE), days=DAYS, steps=st.integers(1, 6))
    def go_on(self, number: str, by: str, days: int, steps: int) -> None:
        for _ in range(steps):
            state = self.order(number).state
            if state is State.FILED:
                self.dispatch(number)
            if state is State.VISITING and (days + by.count("a")) % 2:
                self._act(number, number, Action.SETTLE, Actor.AGENT, by, days)
                state = self.order(number).state
            if state in ONWARD:
                role, action = ONWARD[state]
                self._act(number, number, action, role, by, days)

    @rule(number=numbers, other=numbers, by=st.sampled_from(PEOPLE))
    def merge(self, number: str, other: str, by: str) -> None:
        self._act(number, other, Action.MERGE, Actor.AGENT, by, 1)

    def _act(self, number: str, other: str, action: Action, role: Actor, by: str, days: int) -> None:
        before = self.order(number)
        to = {Action.MERGE: other, Action.RELATE: other, Action.HAND_OVER: "zhao"}.get(action, "")
        inside = [each.number for each in self.store.orders.values() if each.life.parent == number]
        if action is Action.VISIT and inside and days % 2:
            to = inside[0]
        move = ActOnOrder(
            number, action, by, role, self.now, unit=before.unit if role is Actor.UNIT else "", text="理由",
            to=to, person="wang", level="orange", days=days, field="people",
            outcome=("reached", "failed", "gave_up")[days % 3],
        )  # fmt: skip
        try:
            moved = self.service.handle(move)
        except (ForbiddenMove, UnknownOrder, RoutingError):
            assert self.order(number) == before, "a refused move changed something"
            return
        again = action is Action.SIGN and before.state is State.SIGNED
        assert again or (before.state, action) in TABLE
        assert self.order(number).state == moved.state

    def order(self, number: str) -> WorkOrder:
        return self.store.orders[number]

    @invariant()
    def nothing_is_lost_and_every_change_is_written_down(self) -> None:
        assert len(self.store.orders) == self.filed
        for number, order in self.store.orders.items():
            history = self.store.history[number]
            assert len(history) == order.version
            assert history[-1].to_state is order.state
            assert order.caller_contact

    @invariant()
    def nobody_is_closed_who_was_not_asked(self) -> None:
        for order in self.store.orders.values():
            if order.state not in (State.SETTLED, State.ARCHIVED):
                continue
            inside = [each for each in self.store.orders.values() if each.life.parent == order.number]
            callers = [] if order.life.anonymous else [""]
            callers += [each.number for each in inside if not each.life.anonymous]
            for caller in callers:
                visits = [each for each in order.life.visits if each.caller == caller]
                days = {each.at.astimezone(SHANGHAI).date() for each in visits if each.outcome == "failed"}
                assert len(days) >= 3 or any(each.outcome in ("reached", "gave_up") for each in visits)

    @invariant()
    def merged_orders_hang_on_a_living_one(self) -> None:
        for order in self.store.orders.values():
            assert (order.state is State.MERGED) == bool(order.life.parent)
            if order.life.parent:
                above = self.order(order.life.parent)
                assert above.state not in (State.MERGED, State.CANCELLED, State.DRAFT)
                assert above.life.kind is order.life.kind

    @invariant()
    def complaints_stay_away_from_whom_they_are_about(self) -> None:
        for order in self.store.orders.values():
            life = order.life
            if life.kind is Kind.COMPLAINT or "crisis" in order.flags:
                assert life.pool is Pool.OUT
            if life.against_person:
                assert life.owner != life.against_person
            if life.against_unit and order.state in (State.DISPATCHED, State.SIGNED):
                assert order.unit != life.against_unit

    @invariant()
    def the_clock_stands_only_while_it_may(self) -> None:
        for order in self.store.orders.values():
            life = order.life
            stands = order.state is State.SUSPENDED or life.asked_days > 0
            assert (life.paused_at is not None) == stands
            assert not stands or order.state in OPEN
            assert life.extensions == 0 or life.added_days > 0

    @invariant()
    def nobody_holds_too_many(self) -> None:
        for person in PEOPLE:
            held = [
                each
                for each in self.store.orders.values()
                if each.life.holder == person and each.life.held_until is not None
            ]
            assert len(held) <= RULES[0].policies.life.pool.cap


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_the_clock_of_the_walks_is_a_working_day() -> None:
    assert RULES[1].is_workday(datetime(2026, 11, 23, tzinfo=SHANGHAI).date())
