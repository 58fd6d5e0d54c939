"""Orders that come from another line and go to one: once each, under both numbers, in step."""

import hashlib
from dataclasses import replace

from workorders.case_messages import HearOutside, Recorded, TakeTransfer
from workorders.cases import Reference
from workorders.errors import UnknownOrder
from workorders.exchange_rules import TRANSFER, is_outside
from workorders.handling import Work, fitting, refuse
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor, Change, State, WorkOrder
from workorders.ports import OutboxTask, TaskKind, UnitOfWork
from workorders.routing import RoutingRules

IN, OUT = "in", "out"
STATUSES = ("accepted", "finished", "returned")
TOLD = frozenset(
    {
        Action.SIGN,
        Action.REPLY,
        Action.REASSIGN,
        Action.SUSPEND,
        Action.RESUME,
        Action.APPROVE,
        Action.REJECT,
        Action.REDO,
        Action.SETTLE,
        Action.CANCEL,
        Action.MERGE,
        Action.UNMERGE,
        Action.RETURN_OUTSIDE,
    }
)
"""Moves that the line an order came from is told of; the rest is this line's own business."""
WITH_WORDS = frozenset({Action.REPLY, Action.CANCEL, Action.RETURN_OUTSIDE, Action.SUSPEND})
"""Of these, with what was written."""
_CALL_LENGTH = 64


def take_transfer(work: Work, command: TakeTransfer) -> Recorded:
    """File what another line sends; the same outside number again is the same order."""
    refuse(TRANSFER not in work.rules.exchange.system(command.system).takes, "that system sends no orders")
    number = fitting(command.outside_number, "an outside number", 64)
    there = work.uow.exchange.by_number(command.system, number)
    if there is not None:
        order = work.order(there.order)
        return Recorded(order.number, order.state, created=False)
    call = f"{command.system}:{number}"
    if len(call) > _CALL_LENGTH:
        call = f"{command.system}:{hashlib.sha256(number.encode()).hexdigest()[:32]}"
    filed = work.file(work.uow, replace(command.order, call_id=call, matter_no=1, source=TRANSFER))
    at = command.order.filed_at
    work.uow.exchange.note(Reference(filed.number, command.system, IN, number, "filed", "", at, at))
    return Recorded(filed.number, work.order(filed.number).state, created=filed.created)


def hear_outside(work: Work, command: HearOutside) -> Recorded:
    """How an order stands that was sent out: taken, answered, or sent back with a reason."""
    refuse(command.status not in STATUSES, f"a status is one of {', '.join(STATUSES)}")
    order = work.order(command.number)
    if order.unit != command.system:
        raise UnknownOrder("no order of that number")
    event = fitting(command.event, "an event's id", 64)
    if not work.uow.exchange.first_time(command.system, event, order.number, command.at):
        return Recorded(order.number, order.state, created=False)
    needed = command.status != "accepted"
    text = fitting(command.text, "an answer or a reason", 4_000, needed=needed)
    number = fitting(command.outside_number, "an outside number", 64, needed=False)
    known = next((each for each in work.uow.exchange.of_order(order.number) if _sent(each, command)), None)
    base = known or Reference(order.number, command.system, OUT, None, "sent", "", command.at, command.at)
    work.uow.exchange.note(
        replace(base, number=number or base.number, status=command.status, text=text, updated_at=command.at)
    )
    moved = _follow(work, order, command, text)
    return Recorded(order.number, moved)


def _sent(reference: Reference, command: HearOutside) -> bool:
    return reference.system == command.system and reference.direction == OUT


def _follow(work: Work, order: WorkOrder, command: HearOutside, text: str) -> str:
    """The moves of the order's life that the news mean; a step that was skipped is made up for."""

    def act(action: Action) -> str:
        move = ActOnOrder(
            order.number, action, command.system, Actor.UNIT, command.at, unit=command.system, text=text
        )
        return work.move(work.uow, move).state

    if command.status == "returned":
        return act(Action.RETURN)
    state = act(Action.SIGN)
    return act(Action.REPLY) if command.status == "finished" else state


def sent_out(uow: UnitOfWork, rules: RoutingRules, before: WorkOrder, change: Change) -> None:
    """What a move means for the systems outside that know the order.

    An order that goes out is noted; one that is taken back from them, or that came from them and goes on,
    is told, where they have an address.
    """
    after, action = change.order, change.entry.action
    at = change.entry.at
    if is_outside(after.unit) and after.unit != before.unit:
        uow.exchange.note(Reference(after.number, after.unit, OUT, None, "sent", "", at, at))
    if is_outside(before.unit) and after.unit != before.unit and before.state is not State.RETURNED:
        _tell(uow, rules, before.unit, change, "recalled")
    if after.source == TRANSFER and action in TOLD:
        for each in uow.exchange.of_order(after.number):
            if each.direction == IN:
                status = "returned" if action is Action.RETURN_OUTSIDE else after.state.value
                text = (change.entry.text or "") if action in WITH_WORDS else ""
                uow.exchange.note(replace(each, status=status, text=text, updated_at=at))
                _tell(uow, rules, each.system, change, status, each.number)


def _tell(
    uow: UnitOfWork,
    rules: RoutingRules,
    system: str,
    change: Change,
    status: str,
    outside_number: str | None = None,
) -> None:
    if not rules.exchange.system(system).address:
        return
    payload: dict[str, str | None] = {
        "type": "status",
        "number": change.order.number,
        "outside_number": outside_number,
        "status": status,
        "action": change.entry.action.value,
        "text": change.entry.text if change.entry.action in WITH_WORDS else None,
        "at": change.entry.at.isoformat(),
    }
    uow.put(OutboxTask(TaskKind.WEBHOOK, change.order.number, system, payload, change.entry.at))
