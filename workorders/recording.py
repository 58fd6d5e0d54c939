"""Which handler takes which command about what stands beside orders; and splitting, the shortest of them."""

from dataclasses import replace
from typing import assert_never

from workorders.case_messages import (
    ActOnReferral,
    CaseCommand,
    CloseIncident,
    Gather,
    HearOutside,
    OpenIncident,
    OpenSlot,
    Recorded,
    ReferOrder,
    SplitOrder,
    TakeTransfer,
)
from workorders.exchange import hear_outside, take_transfer
from workorders.handling import Work, fitting, only
from workorders.incidents import close_incident, gather, open_incident
from workorders.messages import ActOnOrder, FileWorkOrder
from workorders.model import Action, Actor
from workorders.referrals import act_on, open_slot, refer


def record(work: Work, command: CaseCommand) -> Recorded:
    """Handle the command inside the open transaction. Raises what the handlers do."""
    match command:
        case SplitOrder():
            return split(work, command)
        case OpenIncident():
            return open_incident(work, command)
        case Gather():
            return gather(work, command)
        case CloseIncident():
            return close_incident(work, command)
        case TakeTransfer():
            return take_transfer(work, command)
        case HearOutside():
            return hear_outside(work, command)
        case ReferOrder() | ActOnReferral() | OpenSlot():
            return _referral(work, command)
        case _:
            assert_never(command)


def _referral(work: Work, command: ReferOrder | ActOnReferral | OpenSlot) -> Recorded:
    match command:
        case ReferOrder():
            return refer(work, command)
        case ActOnReferral():
            return act_on(work, command)
        case OpenSlot():
            return open_slot(work, command)


def split(work: Work, command: SplitOrder) -> Recorded:
    """A second matter becomes an order of its own; both know each other."""
    only(command.role, Actor.AGENT, Actor.SUPERVISOR)
    order = work.order(command.number)
    filed = work.file(
        work.uow,
        FileWorkOrder(
            call_id=order.call_id,
            matter_no=work.uow.orders.last_matter(order.call_id) + 1,
            matter=fitting(command.matter, "a matter", 64),
            matter_label=fitting(command.matter_label, "a matter", 64),
            service=fitting(command.service, "a service", 64),
            service_label=fitting(command.service_label, "a service", 64),
            district=order.district,
            summary=fitting(command.summary, "a summary", 4_000),
            caller_contact=order.caller_contact,
            fields=tuple(item.field for item in order.fields if item.field.name in ("caller_name", "phone")),
            flags=tuple(flag for flag in order.flags if flag not in work.rules.policies.flags_of_rules),
            source=order.source if order.source != "transfer" else "agent",
            filed_at=command.at,
            owner=order.life.owner or command.by,
            anonymous=order.life.anonymous,
        ),
    )
    act = ActOnOrder(order.number, Action.SPLIT, command.by, command.role, command.at, text=filed.number)
    work.move(work.uow, act)
    relate = replace(act, action=Action.RELATE, text="", to=filed.number)
    work.move(work.uow, relate)
    return Recorded(filed.number, work.order(filed.number).state, filed.created)
