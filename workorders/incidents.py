"""Incidents: something that many call about is opened, gathers calls and orders, and is closed, by people."""

from dataclasses import replace

from workorders.case_messages import CloseIncident, Gather, OpenIncident, Recorded
from workorders.cases import Incident
from workorders.errors import UnknownOrder
from workorders.handling import Work, fitting, only, refuse
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor, State

KINDS = ("emergency", "group")
CALL, ORDER = "call", "order"
MOST_AT_ONCE = 200
"""Members one command may add."""


class UnknownIncident(UnknownOrder):
    """No incident of that id."""

    code = "incident.unknown"


def open_incident(work: Work, command: OpenIncident) -> Recorded:
    """Give it a name, and its first orders."""
    only(command.role, Actor.AGENT, Actor.SUPERVISOR)
    refuse(command.kind not in KINDS, f"an incident is one of {', '.join(KINDS)}")
    refuse(len(command.words) > 20, "an incident has up to 20 words")
    sound = replace(
        command,
        title=fitting(command.title, "a title", 128),
        district=work.rules.places.nearest(command.district).code,
        words=tuple(fitting(each, "a word", 32) for each in command.words),
        party=fitting(command.party, "a party", 160, needed=False),
        greeting=fitting(command.greeting, "a greeting", 1_000, needed=False),
        queue=fitting(command.queue, "a queue", 32, needed=False),
    )
    incident = work.uow.incidents.add(sound)
    first = Gather(incident, command.by, command.role, command.at, command.orders)
    gather(work, first)
    return Recorded(str(incident), "open")


def gather(work: Work, command: Gather) -> Recorded:
    """Calls and orders in, or out. Orders get a line of history."""
    only(command.role, Actor.AGENT, Actor.SUPERVISOR, Actor.SYSTEM)
    refuse(len(command.orders) + len(command.calls) > MOST_AT_ONCE, f"{MOST_AT_ONCE} at once at most")
    incident = _open(work, command.incident)
    changed = False
    # In the order of their numbers, so that two who gather the same orders never lock crosswise.
    for number in sorted({work.order(each).number for each in command.orders}):
        changed = _one(work, command, incident, number) or changed
    for call in command.calls:
        refuse(not 0 < len(call) <= 64, "a call has an id of at most 64 characters")
        changed = _member(work, command, CALL, call) or changed
    return Recorded(str(incident.id), incident.status, changed)


def close_incident(work: Work, command: CloseIncident) -> Recorded:
    """Over; the outcome is kept."""
    only(command.role, Actor.SUPERVISOR)
    outcome = fitting(command.outcome, "an outcome", 2_000)
    incident = _open(work, command.incident)
    work.uow.incidents.close(incident.id, command.by, command.at, outcome)
    return Recorded(str(incident.id), "closed")


def _open(work: Work, number: int) -> Incident:
    incident = work.uow.incidents.get(number)
    if incident is None:
        raise UnknownIncident("no incident of that number")
    refuse(incident.status != "open", "the incident is closed")
    return incident


def _one(work: Work, command: Gather, incident: Incident, number: str) -> bool:
    if not _member(work, command, ORDER, number):
        return False
    order = work.order(number)
    refuse(order.state is State.DRAFT, "a draft is no order yet")
    told = ("-" if command.out else "+") + incident.title
    act = ActOnOrder(number, Action.GATHER, command.by, command.role, command.at, text=told)
    work.move(work.uow, act)
    return True


def _member(work: Work, command: Gather, kind: str, ref: str) -> bool:
    if command.out:
        return work.uow.incidents.leave(command.incident, kind, ref)
    return work.uow.incidents.join(command.incident, kind, ref, command.by, command.at)
