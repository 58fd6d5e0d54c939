"""The moves of an order: the table is all there is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.orders import NOW
from workorders.errors import ForbiddenMove, StaleOrder, UnknownOrder
from workorders.messages import (
    EditWorkOrder,
    EvidenceSpan,
    FieldValue,
    ReplyToWorkOrder,
    ReturnWorkOrder,
    SignWorkOrder,
    WorkOrderDispatched,
    WorkOrderReturned,
)
from workorders.model import (
    MOVES,
    Action,
    Change,
    OrderField,
    State,
    WorkOrder,
    dispatch,
    edit,
    reply,
    send_back,
    sign,
    target,
)

pytestmark = pytest.mark.unit

UNIT = "legal_aid-510104"
SPAN = EvidenceSpan("u1", 0, 2, "三个")
ORDER = WorkOrder(
    number="SC-20261123-510104-00001-7",
    call_id="call-1",
    matter_no=1,
    matter="labour.wages",
    matter_label="欠薪",
    service="consult",
    service_label="法律咨询",
    district="510104",
    summary="拖欠工资",
    caller_contact="13800001234",
    source="speech",
    fields=(OrderField(FieldValue("people", "3", "3人", 0.6, (SPAN,))),),
    flags=("green_channel",),
    urgency="urgent",
    unit=UNIT,
    unit_name="成都市锦江区法律援助中心",
    state=State.FILED,
    filed_at=NOW,
    sign_by=None,
    due=NOW,
    provisional=False,
    policy="ordinary",
    version=1,
)


def act(order: WorkOrder, action: Action, unit: str = UNIT) -> Change:
    match action:
        case Action.DISPATCH:
            return dispatch(order, NOW)
        case Action.SIGN:
            return sign(order, SignWorkOrder(order.number, unit, "u", NOW))
        case Action.REPLY:
            return reply(order, ReplyToWorkOrder(order.number, unit, "u", "已办", NOW))
        case Action.RETURN:
            return send_back(order, ReturnWorkOrder(order.number, unit, "u", "非本辖区", NOW))
        case Action.EDIT:
            return edit(order, EditWorkOrder(order.number, order.version, "a", "people", "4", NOW))
        case Action.FILE:
            raise ForbiddenMove("an order is filed once")


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("action", list(Action))
def test_every_state_and_action(state: State, action: Action) -> None:
    order = replace(ORDER, state=state)
    if (state, action) in MOVES:
        change = act(order, action)
        assert change.order.state is MOVES[state, action]
        assert change.order.version == order.version + 1
        assert (change.entry.from_state, change.entry.to_state) == (state, change.order.state)
        assert change.entry.action is action
    else:
        with pytest.raises(ForbiddenMove):
            act(order, action)


@given(st.lists(st.sampled_from([action for action in Action if action is not Action.FILE])))
def test_no_walk_leaves_the_table(actions: list[Action]) -> None:
    order = ORDER
    for action in actions:
        try:
            change = act(order, action)
        except ForbiddenMove:
            assert (order.state, action) not in MOVES
        else:
            assert change.order.state is target(order.state, action)
            assert (
                replace(change.order, state=order.state, version=order.version, fields=order.fields) == order
            )
            order = change.order


@pytest.mark.parametrize("action", [Action.SIGN, Action.REPLY, Action.RETURN])
@pytest.mark.parametrize("state", list(State))
def test_another_units_order_is_unknown_in_every_state(state: State, action: Action) -> None:
    with pytest.raises(UnknownOrder):
        act(replace(ORDER, state=state), action, unit="legal_aid-510105")


def test_a_reply_needs_text_and_a_return_a_reason() -> None:
    signed = replace(ORDER, state=State.SIGNED)
    with pytest.raises(ForbiddenMove):
        reply(signed, ReplyToWorkOrder(ORDER.number, UNIT, "u", " \n", NOW))
    with pytest.raises(ForbiddenMove):
        send_back(signed, ReturnWorkOrder(ORDER.number, UNIT, "u", "　", NOW))


def test_events_say_what_happened() -> None:
    assert dispatch(ORDER, NOW).event == WorkOrderDispatched(
        ORDER.number, "call-1", UNIT, ORDER.unit_name, NOW
    )
    assert act(replace(ORDER, state=State.SIGNED), Action.RETURN).event == WorkOrderReturned(
        ORDER.number, UNIT, "非本辖区"
    )


def test_an_edit_keeps_the_first_machine_value_and_the_evidence() -> None:
    once = act(ORDER, Action.EDIT)
    twice = edit(once.order, EditWorkOrder(ORDER.number, 2, "a", "people", "5", NOW))
    assert twice.order.field("people") == OrderField(FieldValue("people", "5", "5", 1.0, (SPAN,)), "3")
    assert (twice.entry.machine_value, twice.entry.human_value) == ("4", "5")
    assert twice.event is None


def test_the_summary_is_edited_like_a_field() -> None:
    change = edit(ORDER, EditWorkOrder(ORDER.number, 1, "a", "summary", "拖欠三个月工资", NOW))
    assert change.order.summary == "拖欠三个月工资"
    assert change.order.fields == ORDER.fields
    assert change.entry.machine_value == "拖欠工资"


@pytest.mark.parametrize("version", [0, 2])
def test_an_edit_of_another_version_is_stale(version: int) -> None:
    with pytest.raises(StaleOrder):
        edit(ORDER, EditWorkOrder(ORDER.number, version, "a", "people", "4", NOW))


@pytest.mark.parametrize("field", ["", "x" * 65])
def test_a_field_needs_a_name_that_fits(field: str) -> None:
    with pytest.raises(ForbiddenMove):
        edit(ORDER, EditWorkOrder(ORDER.number, 1, "a", field, "4", NOW))
