"""One handler per command: what the rest of the world may do with work orders."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import overload

from workorders.attachments import Attachment, check_room
from workorders.calendar import SHANGHAI, Deadline, Term, WorkCalendar
from workorders.case_messages import CaseCommand, Recorded
from workorders.errors import ForbiddenMove, RoutingError, StaleOrder, UnknownOrder
from workorders.exchange import sent_out
from workorders.exchange_rules import TRANSFER, is_outside
from workorders.guards import Around, may_be_pooled
from workorders.handling import Work
from workorders.life import apply, counterpart
from workorders.life_rules import Case, is_under
from workorders.messages import (
    ActOnOrder,
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
    Actor,
    Change,
    HistoryEntry,
    Kind,
    Life,
    OrderField,
    Pool,
    State,
    WorkOrder,
)
from workorders.number import OrderNumber, parse
from workorders.ports import DuplicateOrder, OutboxTask, TaskKind, UnitOfWork
from workorders.recording import record
from workorders.routing import Decision, RoutingRules, Unit, case_of
from workorders.timers import wanted
from workorders.wire import event_task

PAIRED = (Action.MERGE, Action.UNMERGE, Action.RELATE)
"""Actions that concern two orders."""
NUMBERED = (*PAIRED, Action.VISIT)
"""Actions whose `to` is an order's number."""
COUNTED = (Action.MERGE, Action.VISIT, Action.SETTLE, Action.ARCHIVE, Action.CANCEL, Action.RETURN_OUTSIDE)
"""Actions that depend on the orders merged into this one."""
WITH_MORE = (Action.FILE, Action.SPLIT, Action.REFER, Action.REFER_ON, Action.GATHER)
"""Actions that stand for more than a move: only the commands for them make it."""
AGAINST_UNIT = "against_unit"
AGAINST_PERSON = "against_person"
"""Fields of a complaint that say whom it is about."""
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
    def handle(self, command: CaseCommand) -> Recorded: ...

    @overload
    def handle(
        self, command: SignWorkOrder | ReplyToWorkOrder | ReturnWorkOrder | EditWorkOrder | ActOnOrder
    ) -> Moved: ...

    def handle(self, command: Command | CaseCommand) -> Filed | Moved | Recorded:
        """Do what the command says; blocks on the database.

        Filing a call's matter again gives the order there is; signing what is signed changes nothing.
        Raises `UnknownOrder` (also for another unit's order), `ForbiddenMove`, `NotPermitted`, `StaleOrder`,
        `BadNumber`, `RoutingError`, and what the unit of work raises when the database fails.
        """
        match command:
            case FileWorkOrder():
                return self._file(command)
            case ActOnOrder():
                return self._move(command)
            case SignWorkOrder() | ReplyToWorkOrder() | ReturnWorkOrder() | EditWorkOrder():
                return self._move(_as_act(command))
            case _:
                return self._record(command)

    def _record(self, command: CaseCommand) -> Recorded:
        """What stands beside orders; a race that can be won by reading again is run again."""
        for attempt in range(ATTEMPTS, 0, -1):
            try:
                with self.uow_factory() as uow:
                    done = record(Work(uow, self.rules, self.within, self._file_within), command)
                    uow.commit()
                    return done
            except (StaleOrder, DuplicateOrder):
                if attempt == 1:
                    raise
        raise AssertionError("unreachable")

    def attach(self, act: ActOnOrder, attachment: Attachment) -> Moved:
        """Add a file that is kept already to an order; `act` is an `attach` whose text is the file's name.

        The same file again changes nothing. Raises as `handle`, and `TooManyFiles`.
        """
        act = replace(act, number=str(parse(act.number)), text=_clean(act.text))
        for attempt in range(ATTEMPTS):
            try:
                with self.uow_factory() as uow:
                    moved = self.within(uow, act)
                    there = uow.orders.attachments(act.number)
                    mine = [each for each in there if each.unit == attachment.unit]
                    if any(each.sha256 == attachment.sha256 for each in mine):
                        return Moved(moved.number, moved.state, moved.version - 1)
                    check_room(there, attachment)
                    uow.orders.attach(act.number, attachment)
                    uow.commit()
                return moved
            except StaleOrder:
                if attempt == ATTEMPTS - 1:
                    raise
        raise StaleOrder("the order keeps changing")

    def _file(self, command: FileWorkOrder) -> Filed:
        order = self._decided(command)
        try:
            with self.uow_factory() as uow:
                filed = self._put(uow, order)
                uow.commit()
            return filed
        except DuplicateOrder:
            # Somebody filed the same matter between our look and our insert: theirs is the order.
            with self.uow_factory() as uow:
                there = uow.orders.by_key(command.call_id, command.matter_no)
            if there is None:
                raise
            return _filed(there, created=False)

    def _file_within(self, uow: UnitOfWork, command: FileWorkOrder) -> Filed:
        return self._put(uow, self._decided(command))

    def _decided(self, command: FileWorkOrder) -> WorkOrder:
        fields = tuple(_best(command.fields))
        case = case_of(
            command.matter, command.service, command.flags, dict(_amounts(fields)), command.filed_at
        )
        decision = self.rules.decide(case, command.district)
        order = self._draft(command, fields, decision)
        return self._pooled(order, replace(case, flags=frozenset(decision.flags)))

    def _put(self, uow: UnitOfWork, draft: WorkOrder) -> Filed:
        there = uow.orders.by_key(draft.call_id, draft.matter_no)
        if there is not None:
            return _filed(there, created=False)
        day = draft.filed_at.astimezone(SHANGHAI).date()
        sequence = uow.orders.next_sequence(f"{day:%Y%m%d}", draft.district)
        order = replace(draft, number=str(OrderNumber(day, draft.district, sequence)))
        entry = HistoryEntry(order.filed_at, SYSTEM, Action.FILE, None, order.state)
        uow.orders.add(order, entry)
        uow.put(event_task(WorkOrderFiled(order.number, order.call_id), order.unit, order.filed_at))
        self._follow_up(uow, order, order.filed_at, was=None)
        return _filed(order, created=True)

    def _draft(self, command: FileWorkOrder, fields: tuple[FieldValue, ...], decision: Decision) -> WorkOrder:
        sign_by = self._due(command.filed_at, decision.sign)
        due = self._due(command.filed_at, decision.finish)
        life = self._life(command, fields, decision.district)
        unit, state = self._first_unit(decision.unit, life)
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
            channel=command.channel,
            fields=tuple(OrderField(item) for item in fields),
            flags=decision.flags,
            urgency=decision.urgency,
            unit=unit.code,
            unit_name=unit.name,
            state=State.DRAFT if command.draft else state,
            filed_at=command.filed_at,
            sign_by=None if sign_by is None else sign_by.at,
            due=None if due is None else due.at,
            provisional=any(item is not None and item.provisional for item in (sign_by, due)),
            policy=decision.policy,
            version=1,
            life=life,
        )

    def _life(self, command: FileWorkOrder, fields: tuple[FieldValue, ...], district: str) -> Life:
        life = self.rules.policies.life
        complaint = any(is_under(command.service, code) for code in life.complaints)
        said = {item.name: item.value[:64] for item in fields} if complaint else {}
        return Life(
            party=life.similar.party({item.name: item.value for item in fields}, district),
            kind=Kind.COMPLAINT if complaint else Kind.ORDINARY,
            owner="" if command.owner == said.get(AGAINST_PERSON) else command.owner[:64],
            anonymous=command.anonymous,
            against_unit=said.get(AGAINST_UNIT, ""),
            against_person=said.get(AGAINST_PERSON, ""),
        )

    def _first_unit(self, unit: Unit, life: Life) -> tuple[Unit, State]:
        """A complaint goes past the unit it is about, up; from the top a person must send it on."""
        try:
            while unit.code == life.against_unit:
                unit = self.rules.above(unit.code)
        except RoutingError:
            return unit, State.RETURNED
        return unit, State.FILED

    def _pooled(self, order: WorkOrder, case: Case) -> WorkOrder:
        when = self.rules.policies.life.pool.when
        if when is None or not when.holds(case) or not may_be_pooled(order, self.rules):
            return order
        return replace(order, life=replace(order.life, pool=Pool.OPEN))

    def _due(self, start: datetime, term: Term | None) -> Deadline | None:
        return None if term is None else self.calendar.due(start, term)

    def _move(self, command: ActOnOrder) -> Moved:
        if command.action in WITH_MORE:
            raise ForbiddenMove(f"{command.action} is part of another command")
        other = str(parse(command.to)) if command.action in NUMBERED and command.to else ""
        act = replace(
            command,
            number=str(parse(command.number)),
            text=_clean(command.text),
            to=other or _clean(command.to),
            person=_clean(command.person),
            field=_clean(command.field),
        )
        # A person's correction is not repeated behind his back.
        attempts = 1 if act.version is not None else ATTEMPTS
        while True:
            attempts -= 1
            try:
                return self._move_once(act)
            except StaleOrder:
                if not attempts:
                    raise

    def _move_once(self, act: ActOnOrder) -> Moved:
        with self.uow_factory() as uow:
            moved = self.within(uow, act)
            uow.commit()
        return moved

    def within(self, uow: UnitOfWork, act: ActOnOrder) -> Moved:
        """The same inside a transaction that somebody else commits; its texts are clean already."""
        order = uow.orders.by_number(act.number)
        if order is None:
            raise UnknownOrder("no order of that number")
        if _signed_already(order, act):
            return Moved(order.number, order.state, order.version)
        around = self._around(uow, order, act)
        done = apply(order, act, around)
        changes = [done]
        if around.other is not None:
            changes.append(counterpart(around.other, act, done.order))
        # Always in the order of their numbers, so that two who pair the same orders never lock crosswise.
        for change in sorted(changes, key=lambda each: each.order.number):
            uow.orders.save(change.order, change.entry)
        if order.source == TRANSFER or is_outside(order.unit) or is_outside(done.order.unit):
            sent_out(uow, self.rules, order, done)
        self._tell(uow, done, order.state)
        return Moved(done.order.number, done.order.state, done.order.version)

    def _around(self, uow: UnitOfWork, order: WorkOrder, act: ActOnOrder) -> Around:
        other: WorkOrder | None = None
        if act.action in PAIRED:
            number = order.life.parent if act.action == Action.UNMERGE else act.to
            other = uow.orders.by_number(number) if number else None
        children = uow.orders.children(order.number) if act.action in COUNTED else ()
        found = (uow.orders.by_number(child) for child in children)
        callers = tuple(each.number for each in found if each is not None and not each.life.anonymous)
        held = uow.orders.held_by(act.by) if act.action == Action.CLAIM else 0
        return Around(self.rules, self.calendar, other, children, callers, held)

    def _tell(self, uow: UnitOfWork, change: Change, was: State) -> None:
        if change.event is not None:
            uow.put(event_task(change.event, change.order.unit, change.entry.at))
        self._follow_up(uow, change.order, change.entry.at, was)

    def _follow_up(self, uow: UnitOfWork, order: WorkOrder, at: datetime, was: State | None) -> None:
        """What every change leads to: a dispatch for what waits for one, and the timers."""
        if order.state is State.FILED and was is not State.FILED:
            uow.put(OutboxTask(TaskKind.DISPATCH, order.number, order.unit, {}, at))
        uow.plan(order.number, wanted(order, self.rules.policies.life, self.calendar))


def _filed(order: WorkOrder, *, created: bool) -> Filed:
    return Filed(order.number, order.unit, order.unit_name, order.due, created)


def _signed_already(order: WorkOrder, act: ActOnOrder) -> bool:
    mine = act.role == Actor.UNIT and order.unit == act.unit and order.life.against_unit != act.unit
    return act.action == Action.SIGN and mine and order.state is State.SIGNED


def _as_act(
    command: SignWorkOrder | ReplyToWorkOrder | ReturnWorkOrder | EditWorkOrder,
) -> ActOnOrder:
    number, by, at = command.number, command.by, command.at
    match command:
        case SignWorkOrder():
            return ActOnOrder(number, Action.SIGN, by, Actor.UNIT, at, unit=command.unit)
        case ReplyToWorkOrder():
            return ActOnOrder(
                number, Action.REPLY, by, Actor.UNIT, at, unit=command.unit, text=command.text.strip()
            )
        case ReturnWorkOrder():
            return ActOnOrder(
                number, Action.RETURN, by, Actor.UNIT, at, unit=command.unit, text=command.reason.strip()
            )
        case EditWorkOrder():
            return ActOnOrder(
                number,
                Action.EDIT,
                by,
                Actor.AGENT,
                at,
                text=_clean(command.value).strip(),
                field=command.field,
                version=command.version,
            )


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
