"""One handler per command: what the rest of the world may do with work orders."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never, overload

from workorders.calendar import SHANGHAI, Deadline, Term, WorkCalendar
from workorders.errors import StaleOrder, UnknownOrder
from workorders.messages import (
    Command,
    EditWorkOrder,
    FieldValue,
    Filed,
    FileWorkOrder,
    Moved,
    ReplyToWorkOrder,
    ReturnWorkOrder,
    SignWorkOrder,
    WorkOrderFiled,
)
from workorders.model import (
    SYSTEM,
    Action,
    Change,
    HistoryEntry,
    OrderField,
    State,
    WorkOrder,
    edit,
    reply,
    send_back,
    sign,
)
from workorders.number import OrderNumber, parse
from workorders.ports import DuplicateOrder, OutboxTask, TaskKind, UnitOfWork
from workorders.routing import Decision, RoutingRules, case_of
from workorders.wire import event_task

ATTEMPTS = 4
"""Tries of a command that lost a race it can win by reading again."""


@dataclass(frozen=True, slots=True)
class WorkOrderService:
    """Handles commands, each in one transaction; safe to call from many threads and processes."""

    uow_factory: Callable[[], UnitOfWork]
    rules: RoutingRules
    calendar: WorkCalendar

    @overload
    def handle(self, command: FileWorkOrder) -> Filed: ...

    @overload
    def handle(
        self, command: SignWorkOrder | ReplyToWorkOrder | ReturnWorkOrder | EditWorkOrder
    ) -> Moved: ...

    def handle(self, command: Command) -> Filed | Moved:
        """Do what the command says; blocks on the database.

        Filing a call's matter again gives the order there is; signing what is signed changes nothing.
        Raises `UnknownOrder` (also for another unit's order), `ForbiddenMove`, `StaleOrder`, `BadNumber`,
        `RoutingError`, and what the unit of work raises when the database fails.
        """
        match command:
            case FileWorkOrder():
                return self._file(command)
            case SignWorkOrder():
                return self._move(command.number, lambda order: _sign_once(order, command))
            case ReplyToWorkOrder():
                return self._move(command.number, lambda order: reply(order, _clean_reply(command)))
            case ReturnWorkOrder():
                return self._move(command.number, lambda order: send_back(order, _clean_return(command)))
            case EditWorkOrder():
                corrected = replace(command, value=_clean(command.value).strip())
                return self._move(command.number, lambda order: edit(order, corrected), attempts=1)
            case _:
                assert_never(command)

    def _file(self, command: FileWorkOrder) -> Filed:
        fields = tuple(_best(command.fields))
        case = case_of(
            command.matter, command.service, command.flags, dict(_amounts(fields)), command.filed_at
        )
        decision = self.rules.decide(case, command.district)
        order = self._draft(command, fields, decision)
        try:
            return self._file_once(order)
        except DuplicateOrder:
            # Somebody filed the same matter between our look and our insert: theirs is the order.
            with self.uow_factory() as uow:
                there = uow.orders.by_key(command.call_id, command.matter_no)
            if there is None:
                raise
            return _filed(there, created=False)

    def _file_once(self, draft: WorkOrder) -> Filed:
        with self.uow_factory() as uow:
            there = uow.orders.by_key(draft.call_id, draft.matter_no)
            if there is not None:
                return _filed(there, created=False)
            day = draft.filed_at.astimezone(SHANGHAI).date()
            sequence = uow.orders.next_sequence(f"{day:%Y%m%d}", draft.district)
            order = replace(draft, number=str(OrderNumber(day, draft.district, sequence)))
            entry = HistoryEntry(order.filed_at, SYSTEM, Action.FILE, None, State.FILED)
            uow.orders.add(order, entry)
            uow.put(event_task(WorkOrderFiled(order.number, order.call_id), order.unit, order.filed_at))
            uow.put(OutboxTask(TaskKind.DISPATCH, order.number, order.unit, {}, order.filed_at))
            uow.commit()
        return _filed(order, created=True)

    def _draft(self, command: FileWorkOrder, fields: tuple[FieldValue, ...], decision: Decision) -> WorkOrder:
        sign_by = self._due(command.filed_at, decision.sign)
        due = self._due(command.filed_at, decision.finish)
        return WorkOrder(
            number="",
            call_id=command.call_id,
            matter_no=command.matter_no,
            matter=command.matter,
            matter_label=command.matter_label,
            service=command.service,
            service_label=command.service_label,
            district=decision.district,
            summary=_clean(command.summary),
            caller_contact=_clean(command.caller_contact)[:255],
            source=command.source,
            fields=tuple(OrderField(item) for item in fields),
            flags=decision.flags,
            urgency=decision.urgency,
            unit=decision.unit.code,
            unit_name=decision.unit.name,
            state=State.FILED,
            filed_at=command.filed_at,
            sign_by=None if sign_by is None else sign_by.at,
            due=None if due is None else due.at,
            provisional=any(item is not None and item.provisional for item in (sign_by, due)),
            policy=decision.policy,
            version=1,
        )

    def _due(self, start: datetime, term: Term | None) -> Deadline | None:
        return None if term is None else self.calendar.due(start, term)

    def _move(
        self, number: str, change: Callable[[WorkOrder], Change | None], attempts: int = ATTEMPTS
    ) -> Moved:
        canonical = str(parse(number))
        while True:
            attempts -= 1
            try:
                return self._move_once(canonical, change)
            except StaleOrder:
                if not attempts:
                    raise

    def _move_once(self, number: str, change: Callable[[WorkOrder], Change | None]) -> Moved:
        with self.uow_factory() as uow:
            order = uow.orders.by_number(number)
            if order is None:
                raise UnknownOrder("no order of that number")
            done = change(order)
            if done is None:
                return Moved(order.number, order.state, order.version)
            uow.orders.save(done.order, done.entry)
            if done.event is not None:
                uow.put(event_task(done.event, order.unit, done.entry.at))
            uow.commit()
        return Moved(done.order.number, done.order.state, done.order.version)


def _filed(order: WorkOrder, *, created: bool) -> Filed:
    return Filed(order.number, order.unit, order.unit_name, order.due, created)


def _sign_once(order: WorkOrder, command: SignWorkOrder) -> Change | None:
    if order.state is State.SIGNED and order.unit == command.unit:
        return None
    return sign(order, command)


def _clean_reply(command: ReplyToWorkOrder) -> ReplyToWorkOrder:
    return replace(command, text=_clean(command.text))


def _clean_return(command: ReturnWorkOrder) -> ReturnWorkOrder:
    return replace(command, reason=_clean(command.reason))


def _clean(text: str) -> str:
    return text.replace("\x00", "")  # PostgreSQL stores no NUL


def _best(fields: Iterable[FieldValue]) -> Iterable[FieldValue]:
    """One field a name, the most confident, in the order of first mention."""
    best: dict[str, FieldValue] = {}
    for item in fields:
        if item.name not in best or item.confidence > best[item.name].confidence:
            best[item.name] = item
    return (replace(item, value=_clean(item.value), display=_clean(item.display)) for item in best.values())


def _amounts(fields: Iterable[FieldValue]) -> Iterable[tuple[str, float]]:
    for item in fields:
        try:
            yield item.name, float(item.value)
        except ValueError:
            continue
