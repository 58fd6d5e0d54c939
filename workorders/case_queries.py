"""Reads of incidents, numbers outside, referrals and appointments for pages and other systems."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, func, or_, select

from workorders.case_tables import (
    appointment_slots,
    appointments,
    incident_members,
    incidents,
    order_references,
    referrals,
    video_links,
)
from workorders.cases import Incident, Reference, Referral, Slot, VideoLink
from workorders.exchange_rows import reference_from, references
from workorders.incident_lists import Counted, Wanted, count, members, orders_in, page
from workorders.incident_rows import incident_from
from workorders.incidents import CALL, ORDER
from workorders.queries import OrderFilter
from workorders.referral_rows import link_from, referral_from, referral_rows, slot_from
from workorders.referrals import MEDIATION
from workorders.storage import translated
from workorders.tables import work_orders
from workorders.visible import EVERYTHING, Condition, visible

MAX_LIMIT = 200
BEFORE = timedelta(days=3)
"""Orders filed so long before an incident was opened may be about it."""
_m = incident_members.c


@dataclass(frozen=True, slots=True)
class Tally:
    """How many an incident concerns, now."""

    calls: int
    """Calls that were put to it, and calls of its orders, each once."""
    orders: int
    callers: int
    """Different callers of its orders."""
    states: tuple[tuple[str, int], ...]
    """State of its orders → how many."""


@dataclass(frozen=True, slots=True)
class MediationFigures:
    """How mediations of a time went."""

    applied: int
    success: int
    failed: int
    withdrawn: int

    @property
    def rate(self) -> Decimal | None:
        """Successes of all that were applied for, in percent, two places; None when there were none."""
        if not self.applied:
            return None
        share = Decimal(100 * self.success) / Decimal(self.applied)
        return share.quantize(Decimal("0.01"), ROUND_HALF_UP)


class CaseQueries:
    """Blocking reads on an engine. Raises `StorageFailed`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(read_only=True)

    def incidents(self, status: str = "", limit: int = MAX_LIMIT) -> list[Incident]:
        """Newest first."""
        wanted = select(incidents).order_by(incidents.c.id.desc()).limit(min(limit, MAX_LIMIT))
        if status:
            wanted = wanted.where(incidents.c.status == status)
        return [incident_from(row) for row in self._rows(wanted)]

    def incident(self, incident: int) -> Incident | None:
        """The one of that id."""
        rows = self._rows(select(incidents).where(incidents.c.id == incident))
        return incident_from(rows[0]) if rows else None

    def incidents_of(self, number: str) -> list[Incident]:
        """What an order is part of."""
        wanted = (
            select(incidents)
            .join(incident_members, _m.incident_id == incidents.c.id)
            .where(_m.kind == ORDER, _m.ref == number)
            .order_by(incidents.c.id)
        )
        return [incident_from(row) for row in self._rows(wanted)]

    def tally(self, incident: int, seen: OrderFilter = EVERYTHING, sees: Condition | None = None) -> Tally:
        """Counts as they are now, of the orders that somebody may see, and of calls (`sees`: a condition)."""
        orders = orders_in(incident, seen).subquery()
        by_state = (
            select(orders.c.state, func.count().label("n")).group_by(orders.c.state).order_by(orders.c.state)
        )
        with translated(), self._engine.connect() as connection:
            states = tuple((row.state, row.n) for row in connection.execute(by_state))
            return Tally(
                calls=count(connection, Wanted(incident, Counted.CALLS, seen=seen, sees=sees).refs()),
                orders=sum(number for _, number in states),
                callers=count(connection, Wanted(incident, Counted.CALLERS, seen=seen).refs()),
                states=states,
            )

    def behind(self, wanted: Wanted, after: str, limit: int) -> tuple[int, list[str]]:
        """What one of an incident's counts counts: how many, and the refs of a page."""
        refs = wanted.refs()
        with translated(), self._engine.connect() as connection:
            return count(connection, refs), page(connection, refs, after, min(limit, MAX_LIMIT))

    def calls_of(self, incident: int, limit: int = MAX_LIMIT, sees: Condition | None = None) -> list[str]:
        """Calls that were put to an incident, the latest first."""
        wanted = members(incident, CALL, sees).order_by(_m.id.desc()).limit(min(limit, MAX_LIMIT))
        return [str(row["ref"]) for row in self._rows(wanted)]

    def orders_of(self, incident: int, limit: int = MAX_LIMIT, seen: OrderFilter = EVERYTHING) -> list[str]:
        """Orders of an incident that somebody may see, the latest first."""
        wanted = (
            members(incident, ORDER)
            .join(work_orders, work_orders.c.number == _m.ref)
            .where(*visible(seen))
            .order_by(_m.id.desc())
            .limit(min(limit, MAX_LIMIT))
        )
        return [str(row["ref"]) for row in self._rows(wanted)]

    def suggested(self, incident: Incident, limit: int = 20, seen: OrderFilter = EVERYTHING) -> list[str]:
        """Orders with one of an open incident's words, of its place, since shortly before; newest first."""
        if not incident.words or incident.status != "open":
            return []
        orders = work_orders.c
        members = select(_m.ref).where(_m.incident_id == incident.id, _m.kind == ORDER)
        # a city's code stands for its counties, the province's for everything
        place = incident.district.removesuffix("00").removesuffix("00")
        says = [orders.search_text.contains(word.casefold(), autoescape=True) for word in incident.words]
        wanted = (
            select(orders.number)
            .where(
                orders.filed_at >= incident.opened_at - BEFORE,
                orders.district.startswith(place),
                or_(*says),
                orders.kind == "ordinary",
                orders.state.not_in(["draft", "cancelled", "merged"]),
                orders.number.not_in(members),
                *visible(seen),
            )
            .order_by(orders.filed_at.desc(), orders.id.desc())
            .limit(limit)
        )
        return [str(row["number"]) for row in self._rows(wanted)]

    def references_of(self, number: str) -> list[Reference]:
        """Where else an order is known."""
        return [reference_from(row) for row in self._rows(references().where(work_orders.c.number == number))]

    def reference(self, system: str, outside_number: str) -> Reference | None:
        """What a system calls by that number."""
        mine = (order_references.c.system == system, order_references.c.number == outside_number)
        rows = self._rows(references().where(*mine))
        return reference_from(rows[0]) if rows else None

    def referrals_of(self, number: str) -> list[Referral]:
        """What an order was referred to, oldest first."""
        wanted = referral_rows().where(work_orders.c.number == number).order_by(referrals.c.id)
        return [referral_from(row) for row in self._rows(wanted)]

    def referral(self, referral: int) -> Referral | None:
        """The one of that id."""
        rows = self._rows(referral_rows().where(referrals.c.id == referral))
        return referral_from(rows[0]) if rows else None

    def referrals(
        self,
        kind: str = "",
        status: str = "",
        outside: str = "",
        before: int = 0,
        limit: int = 50,
        seen: OrderFilter = EVERYTHING,
    ) -> list[Referral]:
        """Of orders that somebody may see, newest first; with ids below `before`, where it is given."""
        wanted = (
            referral_rows().where(*visible(seen)).order_by(referrals.c.id.desc()).limit(min(limit, MAX_LIMIT))
        )
        for column, value in (
            (referrals.c.kind, kind),
            (referrals.c.status, status),
            (referrals.c.outside, outside),
        ):
            if value:
                wanted = wanted.where(column == value)
        if before:
            wanted = wanted.where(referrals.c.id < before)
        return [referral_from(row) for row in self._rows(wanted)]

    def mediation(self, first: datetime, last: datetime, seen: OrderFilter = EVERYTHING) -> MediationFigures:
        """Of mediations applied for at or after `first` and before `last`, for orders somebody may see."""
        rows = self._rows(
            select(referrals.c.status, func.count().label("n"))
            .join(work_orders, work_orders.c.id == referrals.c.order_id)
            .where(*_mediated(first, last, seen))
            .group_by(referrals.c.status)
        )
        counts = {row["status"]: int(row["n"]) for row in rows}
        return MediationFigures(
            applied=sum(counts.values()),
            success=counts.get("success", 0),
            failed=counts.get("failed", 0),
            withdrawn=counts.get("withdrawn", 0),
        )

    def mediations(
        self,
        times: tuple[datetime, datetime],
        status: str = "",
        before: int = 0,
        limit: int = 50,
        seen: OrderFilter = EVERYTHING,
    ) -> tuple[int, list[Referral]]:
        """What `mediation` counts, or those of them in a status: how many, and a page, newest first."""
        mine = [*_mediated(*times, seen)]
        if status:
            mine.append(referrals.c.status == status)
        wanted = referral_rows().where(*mine).order_by(referrals.c.id.desc()).limit(min(limit, MAX_LIMIT))
        if before:
            wanted = wanted.where(referrals.c.id < before)
        whole = select(func.count().label("n")).join(work_orders, work_orders.c.id == referrals.c.order_id)
        [counted] = self._rows(whole.select_from(referrals).where(*mine))
        return int(counted["n"]), [referral_from(row) for row in self._rows(wanted)]

    def slots(self, first: datetime, last: datetime) -> list[Slot]:
        """Slots that begin in that time, with the seats that are taken."""
        taken = (
            select(appointments.c.slot_id, func.count().label("taken"))
            .where(appointments.c.seat.is_not(None))
            .group_by(appointments.c.slot_id)
            .subquery()
        )
        wanted = (
            select(appointment_slots, func.coalesce(taken.c.taken, 0).label("taken"))
            .outerjoin(taken, taken.c.slot_id == appointment_slots.c.id)
            .where(appointment_slots.c.starts_at >= first, appointment_slots.c.starts_at < last)
            .order_by(appointment_slots.c.starts_at, appointment_slots.c.institution)
            .limit(MAX_LIMIT)
        )
        return [slot_from(row, int(row["taken"])) for row in self._rows(wanted)]

    def slot_of(self, referral: int) -> Slot | None:
        """When a referral's caller is expected."""
        wanted = (
            select(appointment_slots)
            .join(appointments, appointments.c.slot_id == appointment_slots.c.id)
            .where(appointments.c.referral_id == referral)
            .order_by(appointments.c.id.desc())
            .limit(1)
        )
        rows = self._rows(wanted)
        return slot_from(rows[0], 0) if rows else None

    def link(self, referral: int) -> VideoLink | None:
        """A referral's video link."""
        rows = self._rows(select(video_links).where(video_links.c.referral_id == referral))
        return link_from(rows[0]) if rows else None

    def link_by_room(self, room: str) -> VideoLink | None:
        """The link to a room."""
        rows = self._rows(select(video_links).where(video_links.c.room == room))
        return link_from(rows[0]) if rows else None

    def _rows(self, wanted: Select[Any]) -> list[Any]:
        with translated(), self._engine.connect() as connection:
            return list(connection.execute(wanted).mappings())


def _mediated(first: datetime, last: datetime, seen: OrderFilter) -> Sequence[ColumnElement[bool]]:
    return (
        referrals.c.kind == MEDIATION,
        referrals.c.created_at >= first,
        referrals.c.created_at < last,
        *visible(seen),
    )
