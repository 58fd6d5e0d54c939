"""Orders and other orders, complaints, the pool, and corrections."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.order_life import ABOVE, AROUND, DUE, ORDER, OTHER, SPAN, UNIT, act, do
from tests.fakes.orders import NOW
from workorders.errors import ForbiddenMove, NotPermitted, StaleOrder, UnknownOrder
from workorders.life import apply, counterpart, dispatch
from workorders.life_table import TABLE
from workorders.messages import (
    FieldValue,
    WorkOrderDispatched,
    WorkOrderMoved,
    WorkOrderReturned,
)
from workorders.model import (
    OPEN,
    Action,
    Actor,
    Change,
    Kind,
    Life,
    OrderField,
    Pool,
    State,
    WorkOrder,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("state", [State.DRAFT, State.MERGED, State.CANCELLED, State.SETTLED, State.ARCHIVED])
def test_nothing_is_merged_into_what_is_not_open(state: State) -> None:
    around = replace(AROUND, other=replace(OTHER, state=state))
    with pytest.raises(ForbiddenMove):
        apply(ORDER, act(Action.MERGE, Actor.AGENT, to=OTHER.number), around)


def test_a_merged_order_is_not_dispatched_and_comes_back_where_it_was() -> None:
    signed = replace(ORDER, state=State.SIGNED)
    around = replace(AROUND, other=OTHER)
    merged = apply(signed, act(Action.MERGE, Actor.AGENT, to=OTHER.number), around)
    assert merged.order.life.parent == OTHER.number
    for action in (Action.REASSIGN, Action.SIGN, Action.MERGE, Action.SUBMIT):
        with pytest.raises(ForbiddenMove):
            do(merged.order, action)
    with pytest.raises(ForbiddenMove):
        dispatch(merged.order, NOW)
    line = counterpart(OTHER, act(Action.MERGE, Actor.AGENT, to=OTHER.number), merged.order)
    assert (line.entry.human_value, line.order.version) == (ORDER.number, 2)
    back = apply(merged.order, act(Action.UNMERGE, Actor.AGENT), around).order
    assert (back.state, back.life.parent, back.caller_contact) == (State.SIGNED, "", ORDER.caller_contact)


def test_no_merge_with_itself_of_a_parent_or_of_a_complaint_with_another() -> None:
    move = act(Action.MERGE, Actor.AGENT, to=OTHER.number)
    complaint = replace(OTHER, life=Life(kind=Kind.COMPLAINT))
    for around in (
        replace(AROUND, other=ORDER),
        replace(AROUND, other=OTHER, children=("x",)),
        replace(AROUND, other=complaint),
    ):
        with pytest.raises(ForbiddenMove):
            apply(ORDER, move, around)
    with pytest.raises(UnknownOrder):
        apply(ORDER, move, AROUND)


def test_a_complaint_is_hidden_from_and_never_given_to_whom_it_is_about() -> None:
    complaint = replace(ORDER, state=State.DISPATCHED, life=Life(kind=Kind.COMPLAINT, owner="bad"))
    named = do(complaint, Action.NAME_SUBJECT, Actor.SUPERVISOR, to=UNIT, person="bad")
    assert (named.state, named.life.owner) == (State.RETURNED, "")
    with pytest.raises(UnknownOrder):
        do(named, Action.SIGN, Actor.UNIT)
    for role in (Actor.AGENT, Actor.SUPERVISOR):
        with pytest.raises(UnknownOrder):
            do(named, Action.URGE, role, by="bad")
        with pytest.raises(ForbiddenMove):
            do(named, Action.REASSIGN, role, to=UNIT)
        with pytest.raises(ForbiddenMove):
            do(named, Action.HAND_OVER, role, to="bad")
    assert do(named, Action.REASSIGN, Actor.AGENT).unit == ABOVE
    with pytest.raises(ForbiddenMove):
        dispatch(replace(named, state=State.FILED), NOW)
    answered = replace(named, state=State.REPLIED)
    with pytest.raises(NotPermitted):
        do(answered, Action.APPROVE, Actor.AGENT)
    with pytest.raises(ForbiddenMove):
        do(replace(ORDER, state=State.SIGNED), Action.NAME_SUBJECT, Actor.AGENT, person="bad")


@pytest.mark.parametrize(
    "wrong",
    [{"life": Life(kind=Kind.COMPLAINT)}, {"urgency": "critical"}, {"flags": ("crisis",)}],
)
def test_complaints_and_emergencies_are_never_pooled(wrong: dict[str, Any]) -> None:
    order = replace(ORDER, **wrong)
    with pytest.raises(ForbiddenMove):
        do(order, Action.POOL, Actor.SUPERVISOR)
    slipped_in = replace(order, life=replace(order.life, pool=Pool.OPEN))
    with pytest.raises(ForbiddenMove):
        do(slipped_in, Action.CLAIM, Actor.AGENT)


def test_a_claim_has_one_holder_a_lease_and_a_cap() -> None:
    pooled = do(ORDER, Action.POOL, Actor.SUPERVISOR)
    mine = do(pooled, Action.CLAIM, Actor.AGENT, by="li")
    with pytest.raises(ForbiddenMove):
        do(mine, Action.CLAIM, Actor.AGENT, by="wang")
    with pytest.raises(ForbiddenMove):
        do(mine, Action.RELEASE, Actor.SYSTEM, at=NOW + timedelta(hours=1, minutes=29))
    over = NOW + timedelta(hours=1, minutes=30)
    with pytest.raises(ForbiddenMove):
        do(mine, Action.CONTACT, Actor.AGENT, by="li", at=over)
    assert do(mine, Action.RELEASE, Actor.SYSTEM, at=over).life.pool is Pool.OPEN
    assert do(mine, Action.CLAIM, Actor.AGENT, by="wang", at=over).life.holder == "wang"
    kept = do(mine, Action.CONTACT, Actor.AGENT, by="li")
    with pytest.raises(ForbiddenMove):
        do(kept, Action.RELEASE, Actor.SYSTEM, at=over)
    with pytest.raises(ForbiddenMove):
        do(replace(kept, state=State.DISPATCHED), Action.SIGN, Actor.UNIT)
    answered = do(replace(kept, state=State.DISPATCHED), Action.REPLY, Actor.AGENT, by="li")
    assert answered.state is State.REPLIED
    with pytest.raises(ForbiddenMove):
        apply(pooled, act(Action.CLAIM, Actor.AGENT), replace(AROUND, held=3))


@pytest.mark.parametrize("action", [Action.SIGN, Action.REPLY, Action.RETURN])
@pytest.mark.parametrize("state", list(State))
def test_another_units_order_is_unknown_in_every_state(state: State, action: Action) -> None:
    with pytest.raises(UnknownOrder):
        do(replace(ORDER, state=state), action, Actor.UNIT, unit="legal_aid-510105")


def test_the_first_agent_owns_the_contact_until_it_is_handed_over() -> None:
    mine = do(ORDER, Action.URGE, Actor.AGENT, by="li")
    assert do(mine, Action.URGE, Actor.AGENT, by="wang").life.owner == "li"
    with pytest.raises(NotPermitted):
        do(mine, Action.HAND_OVER, Actor.AGENT, by="wang", to="wang")
    change = apply(mine, act(Action.HAND_OVER, Actor.AGENT, by="li", to="wang"), AROUND)
    assert (change.entry.machine_value, change.entry.human_value) == ("li", "wang")


def test_events_say_what_happened() -> None:
    assert dispatch(ORDER, NOW).event == WorkOrderDispatched(
        ORDER.number, "call-1", UNIT, ORDER.unit_name, DUE
    )
    signed = replace(ORDER, state=State.SIGNED)
    back = apply(signed, act(Action.RETURN, Actor.UNIT), AROUND)
    assert back.event == WorkOrderReturned(ORDER.number, UNIT, "理由")
    urged = apply(signed, act(Action.URGE, Actor.AGENT), AROUND)
    assert urged.event == WorkOrderMoved(ORDER.number, UNIT, "urge", "signed")


def test_an_edit_keeps_the_first_machine_value_and_the_evidence() -> None:
    once = apply(ORDER, act(Action.EDIT, Actor.AGENT, text="4", version=1), AROUND)
    twice = apply(once.order, act(Action.EDIT, Actor.AGENT, text="5", version=2), AROUND)
    assert twice.order.field("people") == OrderField(FieldValue("people", "5", "5", 1.0, (SPAN,)), "3")
    assert (twice.entry.machine_value, twice.entry.human_value, twice.event) == ("4", "5", None)
    summed = apply(ORDER, act(Action.EDIT, Actor.AGENT, field="summary", text="三个月"), AROUND)
    assert (summed.order.summary, summed.entry.machine_value) == ("三个月", "拖欠工资")


@pytest.mark.parametrize("version", [0, 2])
def test_an_edit_of_another_version_is_stale(version: int) -> None:
    with pytest.raises(StaleOrder):
        do(ORDER, Action.EDIT, Actor.AGENT, version=version)


@pytest.mark.parametrize("field", ["", "x" * 65])
def test_a_field_needs_a_name_that_fits(field: str) -> None:
    with pytest.raises(ForbiddenMove):
        do(ORDER, Action.EDIT, Actor.AGENT, field=field)


@given(st.lists(st.tuples(st.sampled_from(list(Action)), st.sampled_from(list(Actor)))))
def test_no_walk_leaves_the_table_or_loses_the_caller(moves: list[tuple[Action, Actor]]) -> None:
    order: WorkOrder = ORDER
    for action, role in moves:
        try:
            change: Change = apply(order, act(action, role), replace(AROUND, other=OTHER))
        except (ForbiddenMove, UnknownOrder):
            continue
        assert (order.state, action) in TABLE
        assert change.order.caller_contact == order.caller_contact
        assert (change.order.life.paused_at is None) or change.order.state in OPEN
        order = change.order
