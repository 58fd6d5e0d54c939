"""Referrals: where an order's caller is sent besides its unit. One table of steps for all kinds, `STEPS`."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workorders.case_messages import ActOnReferral, OpenSlot, Recorded, ReferOrder
from workorders.cases import Referral, Slot
from workorders.effects import APPOINTMENT
from workorders.errors import ForbiddenMove, NotPermitted, UnknownOrder
from workorders.exchange_rules import EXPORTS
from workorders.handling import Work, fitting, only, refuse
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor
from workorders.ports import OutboxTask, TaskKind

AID, MEDIATION, NOTARY, VIDEO = "aid", "mediation", "notary", "video"
KINDS = (AID, MEDIATION, NOTARY, VIDEO, *EXPORTS)
MODES = ("online", "offline")
MOST_MINUTES = 7 * 24 * 60
"""A video link holds for a week at most."""
_DESK = frozenset({Actor.AGENT, Actor.SUPERVISOR})
_HANDLERS = _DESK | {Actor.UNIT}
_SYSTEM = frozenset({Actor.SYSTEM})


class UnknownReferral(UnknownOrder):
    """No referral of that id."""

    code = "referral.unknown"


class NoSeat(ForbiddenMove):
    """The slot is full, over, or there is none."""

    code = "referral.no_seat"


@dataclass(frozen=True, slots=True)
class Step:
    """What can be done to a referral."""

    moves: Mapping[str, str]
    """Status → status."""
    roles: frozenset[Actor] = _HANDLERS
    text: bool = False
    """Needs words: a reason, a result, who was assigned."""


def _all(to: str, *statuses: str) -> Mapping[str, str]:
    return dict.fromkeys(statuses, to)


_EXPORT: Mapping[str, Step] = {
    "accepted": Step(_all("accepted", "sent", "accepted"), _SYSTEM),
    "registered": Step(_all("registered", "sent", "accepted", "registered"), _SYSTEM),
    "finished": Step(_all("finished", "sent", "accepted", "registered"), _SYSTEM, text=True),
    "returned": Step(_all("returned", "sent", "accepted", "registered"), _SYSTEM, text=True),
    "withdraw": Step(_all("withdrawn", "sent", "accepted"), _DESK, text=True),
}
FIRST: Mapping[str, str] = {
    AID: "applied",
    MEDIATION: "applied",
    NOTARY: "booked",
    VIDEO: "offered",
    **dict.fromkeys(EXPORTS, "sent"),
}
STEPS: Mapping[str, Mapping[str, Step]] = {
    AID: {
        "accept": Step({"applied": "accepted"}),
        "approve": Step({"accepted": "approved"}),
        "assign": Step({"approved": "assigned"}, text=True),
        "finish": Step({"assigned": "finished"}, text=True),
        "refuse": Step(_all("refused", "applied", "accepted"), text=True),
        "withdraw": Step(_all("withdrawn", "applied", "accepted", "approved", "assigned")),
    },
    MEDIATION: {
        "accept": Step({"applied": "accepted"}),
        "switch": Step({"applied": "applied", "accepted": "accepted"}),
        "success": Step({"accepted": "success"}),
        "fail": Step({"accepted": "failed"}, text=True),
        "withdraw": Step(_all("withdrawn", "applied", "accepted")),
    },
    NOTARY: {
        "rebook": Step(_all("booked", "booked", "missed")),
        "attend": Step({"booked": "attended"}),
        "miss": Step({"booked": "missed"}),
        "cancel": Step({"booked": "cancelled"}),
    },
    VIDEO: {
        "open": Step(_all("opened", "offered", "opened"), _SYSTEM),
        "finish": Step({"opened": "finished"}),
        "revoke": Step(_all("revoked", "offered", "opened")),
    },
    **dict.fromkeys(EXPORTS, _EXPORT),
}
"""Kind → step → what it does. What is not in it is refused."""
_LEAVES = ("attend", "miss", "cancel")


def choices(referral: Referral, role: Actor) -> tuple[str, ...]:
    """What a page may offer to somebody."""
    steps = STEPS[referral.kind].items()
    return tuple(name for name, step in steps if referral.status in step.moves and role in step.roles)


def refer(work: Work, command: ReferOrder) -> Recorded:
    """Begin one; the order gets a line of history."""
    only(command.role, *_DESK)
    refuse(command.kind not in KINDS, f"a referral is one of {', '.join(KINDS)}")
    order = work.order(command.number)
    referral = _sound(work, command, order.number)
    made = work.uow.referrals.add(referral)
    slot = _seat(work, made, command.slot, command.at) if command.kind == NOTARY else None
    room = ""
    if command.kind == VIDEO:
        refuse(not 1 <= command.minutes <= MOST_MINUTES, f"a link holds for 1 to {MOST_MINUTES} minutes")
        room = secrets.token_hex(12)
        work.uow.referrals.add_link(made, room, command.at + timedelta(minutes=command.minutes))
    if slot is not None:
        work.uow.referrals.save(replace(referral, id=made, institution=slot.institution, version=2))
    _history(work, command, order.number, f"{command.kind} {made}", slot)
    if command.kind in EXPORTS:
        _export(work, replace(referral, id=made), command.at)
    return Recorded(str(made), referral.status, link=room)


def act_on(work: Work, command: ActOnReferral) -> Recorded:
    """One step; the order gets a line of history."""
    there = work.uow.referrals.get(command.referral)
    if there is None:
        raise UnknownReferral("no referral of that number")
    if command.event and not _new(work, command, there):
        return Recorded(str(there.id), there.status, created=False)
    step = STEPS[there.kind].get(command.step)
    if step is None or there.status not in step.moves:
        raise ForbiddenMove(f"cannot {command.step[:16]} a referral that is {there.status}")
    if command.role not in step.roles:
        raise NotPermitted("that role may not do it")
    text = fitting(command.text, "words", 2_000, needed=step.text)
    after = replace(
        there,
        status=step.moves[there.status],
        text=text or there.text,
        outside_number=_number(command) or there.outside_number,
        updated_at=command.at,
        version=there.version + 1,
    )
    slot = None
    if there.kind == MEDIATION and command.step == "switch":
        refuse(command.mode not in MODES or command.mode == there.mode, "name the other way of mediating")
        after = replace(after, mode=command.mode)
    elif command.step == "rebook":
        work.uow.referrals.leave_seat(there.id)
        slot = _seat(work, there.id, command.slot, command.at)
        after = replace(after, institution=slot.institution)
    elif there.kind == NOTARY and command.step in _LEAVES:
        work.uow.referrals.leave_seat(there.id)
    elif there.kind == VIDEO:
        _touch(work, command, there)
    work.uow.referrals.save(after)
    _history(work, command, there.order, f"{there.kind} {there.id} {after.status}", slot, there.kind)
    return Recorded(str(there.id), after.status)


def open_slot(work: Work, command: OpenSlot) -> Recorded:
    """A notary's office receives callers then."""
    only(command.role, Actor.SUPERVISOR)
    institution = fitting(command.institution, "an institution", 128)
    refuse(not 5 <= command.minutes <= 480, "a slot has 5 to 480 minutes")
    refuse(not 1 <= command.capacity <= 200, "a slot is for 1 to 200 callers")
    refuse(command.starts_at <= command.at, "a slot lies ahead")
    slot, new = work.uow.referrals.open_slot(replace(command, institution=institution))
    return Recorded(str(slot), "open", new)


def _sound(work: Work, command: ReferOrder, number: str) -> Referral:
    outside = work.rules.exchange.taker(command.kind).code if command.kind in EXPORTS else ""
    refuse(
        command.kind == AID and bool(command.basis) and work.rules.exchange.basis(command.basis) is None,
        "no such basis",
    )
    mediation = command.kind == MEDIATION
    refuse(mediation and command.mode not in MODES, f"mediation is {' or '.join(MODES)}")
    return Referral(
        id=0,
        order=number,
        kind=command.kind,
        status=FIRST[command.kind],
        created_at=command.at,
        created_by=command.by,
        updated_at=command.at,
        institution=fitting(command.institution, "an institution", 128, needed=False),
        basis=command.basis if command.kind == AID else "",
        mode=command.mode if mediation else "",
        party=fitting(command.party, "the other side", 128, needed=mediation),
        party_contact=fitting(command.party_contact, "a contact", 64, needed=False),
        deed=fitting(command.deed, "what for", 64, needed=command.kind == NOTARY),
        outside=outside,
        text=fitting(command.text, "words", 2_000, needed=bool(outside)),
    )


def _seat(work: Work, referral: int, slot: int, at: datetime) -> Slot:
    taken = work.uow.referrals.take_seat(slot, referral, at)
    if taken is None:
        raise NoSeat("that slot is full, over, or there is none")
    return taken


def _new(work: Work, command: ActOnReferral, there: Referral) -> bool:
    event = fitting(command.event, "an event's id", 64)
    return work.uow.exchange.first_time(there.outside, event, f"referral {there.id}", command.at)


def _number(command: ActOnReferral) -> str:
    return fitting(command.outside_number, "a case number", 64, needed=False)


def _touch(work: Work, command: ActOnReferral, there: Referral) -> None:
    link = work.uow.referrals.link(there.id)
    if command.step == "open":
        over = link is None or link.revoked_at is not None or link.expires_at <= command.at
        refuse(over, "the link is over")
        work.uow.referrals.touch_link(there.id, opened=command.at, revoked=None)
    else:
        work.uow.referrals.touch_link(there.id, opened=None, revoked=command.at)


def _history(
    work: Work,
    command: ReferOrder | ActOnReferral,
    number: str,
    told: str,
    slot: Slot | None,
    kind: str = "",
) -> None:
    begins = isinstance(command, ReferOrder)
    changes = slot is not None or (kind == NOTARY and not begins)
    act = ActOnOrder(
        number,
        Action.REFER if begins else Action.REFER_ON,
        command.by,
        command.role,
        command.at,
        unit=command.unit if isinstance(command, ActOnReferral) else "",
        text=told,
        field=APPOINTMENT if changes else "",
        when=None if slot is None else slot.starts_at,
    )
    work.move(work.uow, act)


def _export(work: Work, referral: Referral, at: datetime) -> None:
    if not work.rules.exchange.taker(referral.kind).address:
        return  # it fetches what is there for it
    payload: dict[str, str | None] = {
        "type": "referral",
        "referral": str(referral.id),
        "kind": referral.kind,
        "text": referral.text,
    }
    work.uow.put(OutboxTask(TaskKind.WEBHOOK, referral.order, referral.outside, payload, at))
