"""The life of an order: the whole matrix of state, action and role, and every forbidden move by name."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.order_life import ABOVE, AROUND, DUE, ORDER, REACHED, UNIT, do, prepared
from tests.fakes.orders import NOW
from workorders.calendar import SHANGHAI
from workorders.errors import ForbiddenMove, NotPermitted
from workorders.life import apply, choices, dispatch, permitted
from workorders.life_table import TABLE
from workorders.model import (
    Action,
    Actor,
    Life,
    State,
    Visit,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Actor))
def test_every_state_action_and_role(state: State, action: Action, role: Actor) -> None:
    order, move, around = prepared(state, action, role)
    rule = TABLE.get((order.state, action))
    if rule is None or role not in rule.roles:
        with pytest.raises(ForbiddenMove if rule is None else NotPermitted):
            apply(order, move, around)
        return
    change = apply(order, move, around)
    assert change.order.state in (rule.moves[order.state], *rule.elsewhere)
    assert change.order.version == order.version + 1
    assert (change.entry.from_state, change.entry.to_state) == (order.state, change.order.state)
    assert (change.entry.action, change.entry.actor, change.entry.at) == (action, "somebody", move.at)
    assert action in choices(order, role, "somebody")


def test_nobody_but_the_line_and_its_people_does_anything() -> None:
    for state in State:
        for action in Action:
            assert not permitted(state, action, Actor.AUDITOR)
            assert not permitted(state, action, Actor.ADMIN)


def test_an_order_is_never_deleted_and_what_is_over_stays_over() -> None:
    assert not any(action.value in ("delete", "remove") for action in Action)
    for state in (State.CANCELLED, State.ARCHIVED):
        late = {Action.RELATE, Action.GATHER, Action.REFER_ON}  # what stands beside it may go on
        assert {action for action in Action if (state, action) in TABLE} <= late


def test_the_whole_way_in_one_walk() -> None:
    order = replace(ORDER, state=State.DRAFT)
    order = do(order, Action.SUBMIT, Actor.AGENT)
    order = dispatch(order, NOW).order
    order = do(order, Action.SIGN, Actor.UNIT)
    order = do(order, Action.REPLY, Actor.UNIT)
    order = do(order, Action.APPROVE, Actor.AGENT)
    order = do(order, Action.VISIT, Actor.AGENT, outcome="reached", rating=5)
    order = do(order, Action.SETTLE, Actor.AGENT)
    order = do(order, Action.ARCHIVE, Actor.SYSTEM)
    assert (order.state, order.version, order.life.owner) == (State.ARCHIVED, 9, "somebody")


@pytest.mark.parametrize(
    "life",
    [
        Life(),
        Life(visits=tuple(Visit(NOW + timedelta(hours=n), "a", "robot", "failed") for n in range(5))),
        Life(visits=tuple(Visit(NOW + timedelta(days=n), "a", "robot", "failed") for n in range(2))),
    ],
)
@pytest.mark.parametrize(
    ("state", "action"), [(State.VISITING, Action.SETTLE), (State.SETTLED, Action.ARCHIVE)]
)
def test_nothing_is_closed_before_the_caller_was_asked(life: Life, state: State, action: Action) -> None:
    with pytest.raises(ForbiddenMove, match="asked"):
        do(replace(ORDER, state=state, life=life), action)


@pytest.mark.parametrize(
    "life",
    [
        Life(anonymous=True),
        Life(visits=REACHED),
        Life(visits=(Visit(NOW, "a", "agent", "gave_up"),)),
        Life(visits=tuple(Visit(NOW + timedelta(days=n), "a", "robot", "failed") for n in range(3))),
    ],
)
def test_asked_anonymous_gave_up_or_not_reached_on_three_days(life: Life) -> None:
    order = do(replace(ORDER, state=State.VISITING, life=life), Action.SETTLE)
    assert do(order, Action.ARCHIVE, Actor.SUPERVISOR).state is State.ARCHIVED


@pytest.mark.parametrize(
    ("state", "action", "role"),
    [
        (State.SIGNED, Action.REPLY, Actor.UNIT),
        (State.SIGNED, Action.RETURN, Actor.UNIT),
        (State.DISPATCHED, Action.RETURN, Actor.UNIT),
        (State.SIGNED, Action.SUSPEND, Actor.UNIT),
        (State.SIGNED, Action.ASK_EXTENSION, Actor.UNIT),
        (State.REPLIED, Action.REJECT, Actor.SUPERVISOR),
        (State.FILED, Action.CANCEL, Actor.AGENT),
        (State.SIGNED, Action.CANCEL, Actor.SUPERVISOR),
    ],
)
@pytest.mark.parametrize("text", ["", " \n", "　", "字" * 4001])
def test_a_reply_or_reason_is_needed_and_fits(state: State, action: Action, role: Actor, text: str) -> None:
    with pytest.raises(ForbiddenMove):
        do(replace(ORDER, state=state), action, role, text=text)


def test_a_second_return_needs_a_supervisor_and_no_return_resets_the_clock() -> None:
    back = do(replace(ORDER, state=State.SIGNED), Action.RETURN, Actor.UNIT)
    assert (back.state, back.due, back.life.returned_by) == (State.RETURNED, DUE, (UNIT,))
    again = do(back, Action.REASSIGN, Actor.AGENT)
    assert (again.state, again.unit, again.due) == (State.FILED, ABOVE, DUE)
    there = do(dispatch(again, NOW).order, Action.SIGN, Actor.UNIT, unit=ABOVE)
    with pytest.raises(NotPermitted):
        do(there, Action.RETURN, Actor.UNIT, unit=ABOVE)
    assert do(there, Action.RETURN, Actor.SUPERVISOR).life.returns == 2
    with pytest.raises(NotPermitted):
        do(back, Action.REASSIGN, Actor.AGENT, to=UNIT)
    assert do(back, Action.REASSIGN, Actor.SUPERVISOR, to=UNIT).unit == UNIT


def test_an_extension_pauses_lengthens_and_comes_once_without_a_supervisor() -> None:
    signed = replace(ORDER, state=State.SIGNED)
    asked = do(signed, Action.ASK_EXTENSION, Actor.UNIT, at=NOW + timedelta(days=1))
    assert asked.life.paused_at is not None
    with pytest.raises(ForbiddenMove):
        do(asked, Action.ASK_EXTENSION, Actor.UNIT)
    with pytest.raises(ForbiddenMove):
        do(asked, Action.SUSPEND, Actor.UNIT)
    granted = do(asked, Action.GRANT_EXTENSION, Actor.AGENT, at=NOW + timedelta(days=2))
    assert granted.due == datetime(2026, 12, 4, 23, 59, 59, tzinfo=SHANGHAI)  # one day of pause, three asked
    assert (granted.life.paused_at, granted.life.added_days) == (None, 4)
    twice = do(granted, Action.ASK_EXTENSION, Actor.UNIT)
    with pytest.raises(NotPermitted):
        do(twice, Action.GRANT_EXTENSION, Actor.AGENT)
    assert do(twice, Action.GRANT_EXTENSION, Actor.SUPERVISOR).life.extensions == 2
    refused = do(asked, Action.REFUSE_EXTENSION, Actor.AGENT, at=NOW + timedelta(days=1, hours=1))
    assert (refused.due, refused.life.asked_days, refused.life.extensions) == (DUE, 0, 0)


@pytest.mark.parametrize("change", [{"at": DUE + timedelta(seconds=1)}, {"days": 0}, {"days": 11}])
def test_no_extension_after_due_nor_longer_than_allowed(change: dict[str, Any]) -> None:
    with pytest.raises(ForbiddenMove):
        do(replace(ORDER, state=State.SIGNED), Action.ASK_EXTENSION, Actor.UNIT, **change)
    with pytest.raises(ForbiddenMove):
        do(replace(ORDER, state=State.SIGNED, due=None), Action.ASK_EXTENSION, Actor.UNIT)


@given(st.integers(0, 60 * 24 * 30), st.integers(0, 60 * 24 * 30))
def test_a_pause_adds_the_working_days_that_began_in_it(before: int, length: int) -> None:
    begin = NOW + timedelta(minutes=before)
    end = begin + timedelta(minutes=length)
    held = do(replace(ORDER, state=State.SIGNED), Action.SUSPEND, Actor.UNIT, at=begin)
    after = do(held, Action.RESUME, Actor.UNIT, at=end)
    assert after.due is not None
    assert after.due >= DUE
    expected = 0 if begin >= DUE else AROUND.calendar.workdays_begun(begin, end)
    assert after.life.added_days == expected
    assert AROUND.calendar.later(after.due, -expected) == DUE


def test_supervision_rises_and_only_with_a_known_level() -> None:
    yellow = do(ORDER, Action.SUPERVISE, Actor.SYSTEM, level="yellow")
    red = do(yellow, Action.SUPERVISE, Actor.SUPERVISOR, level="red")
    for level in ("red", "orange", "", "purple"):
        with pytest.raises(ForbiddenMove):
            do(red, Action.SUPERVISE, Actor.SUPERVISOR, level=level)


def test_doing_it_again_counts_needs_an_answer_and_gives_a_new_term() -> None:
    with pytest.raises(ForbiddenMove):
        do(replace(ORDER, state=State.VISITING), Action.REDO, Actor.AGENT)
    late = NOW + timedelta(days=14)
    again = do(
        replace(ORDER, state=State.VISITING, life=Life(visits=REACHED)), Action.REDO, Actor.AGENT, at=late
    )
    assert (again.state, again.life.redos, again.life.visits) == (State.DISPATCHED, 1, ())
    assert again.due == datetime(2026, 12, 14, 23, 59, 59, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "perhaps"},
        {"how": "letter"},
        {"outcome": "failed", "rating": 5},
        {"outcome": "reached", "rating": 6},
    ],
)
def test_a_visit_has_an_outcome_and_a_mark_only_when_reached(wrong: dict[str, Any]) -> None:
    with pytest.raises(ForbiddenMove):
        do(replace(ORDER, state=State.VISITING), Action.VISIT, Actor.AGENT, **wrong)
