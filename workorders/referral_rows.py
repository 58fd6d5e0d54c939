"""Referrals, appointments and video links in the database, on SQLite and PostgreSQL."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from workorders.case_messages import OpenSlot
from workorders.case_tables import appointment_slots, appointments, referrals, video_links
from workorders.cases import Referral, Slot, VideoLink
from workorders.errors import StaleOrder
from workorders.ports import DuplicateOrder
from workorders.storage import insert_new, translated
from workorders.tables import work_orders

_c = referrals.c
_slots = appointment_slots.c


class SqlReferrals:
    """See `workorders.cases.Referrals`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, referral: Referral) -> int:
        """A new one; its id."""
        with translated():
            order = select(work_orders.c.id).where(work_orders.c.number == referral.order)
            values = _values(referral) | {
                "order_id": self._connection.execute(order).scalar_one(),
                "created_at": referral.created_at,
                "created_by": referral.created_by,
                "kind": referral.kind,
            }
            made = insert(referrals).values(values).returning(_c.id)
            return int(self._connection.execute(made).scalar_one())

    def get(self, referral: int) -> Referral | None:
        """The one of that id."""
        with translated():
            row = self._connection.execute(referral_rows().where(_c.id == referral)).mappings().one_or_none()
        return None if row is None else referral_from(row)

    def save(self, referral: Referral) -> None:
        """Write its next version."""
        mine = (_c.id == referral.id, _c.version == referral.version - 1)
        with translated():
            try:
                changed = self._connection.execute(update(referrals).where(*mine).values(_values(referral)))
            except IntegrityError:
                raise DuplicateOrder("that outside number means another referral") from None
        if changed.rowcount != 1:
            raise StaleOrder("the referral has changed since it was read")

    def open_slot(self, command: OpenSlot) -> tuple[int, bool]:
        """The slot's id, and whether it is new."""
        values = {
            "institution": command.institution,
            "starts_at": command.starts_at,
            "minutes": command.minutes,
            "capacity": command.capacity,
            "created_by": command.by,
        }
        mine = (_slots.institution == command.institution, _slots.starts_at == command.starts_at)
        with translated():
            new = insert_new(self._connection, appointment_slots, values)
            return int(self._connection.execute(select(_slots.id).where(*mine)).scalar_one()), new

    def take_seat(self, slot: int, referral: int, at: datetime) -> Slot | None:
        """The slot when it had a free seat, which is this referral's now.

        The slot's row is locked while seats are counted; that a seat is one person's the unique constraint
        holds by itself.
        """
        wanted = select(appointment_slots).where(_slots.id == slot, _slots.starts_at > at)
        taken = select(appointments.c.seat).where(
            appointments.c.slot_id == slot, appointments.c.seat.is_not(None)
        )
        with translated():
            row = self._connection.execute(wanted.with_for_update()).mappings().one_or_none()
            if row is None:
                return None
            seats = set(self._connection.scalars(taken))
            free = next((seat for seat in range(1, row["capacity"] + 1) if seat not in seats), None)
            if free is None:
                return None
            values = {"slot_id": slot, "seat": free, "referral_id": referral, "at": at}
            try:
                self._connection.execute(insert(appointments).values(values))
            except IntegrityError:
                raise StaleOrder("somebody else took that seat") from None
        return slot_from(row, len(seats) + 1)

    def leave_seat(self, referral: int) -> None:
        """Its seat is free again."""
        mine = appointments.c.referral_id == referral
        with translated():
            self._connection.execute(update(appointments).where(mine).values(seat=None))

    def add_link(self, referral: int, room: str, expires_at: datetime) -> None:
        """A link to a room."""
        values = {"referral_id": referral, "room": room, "expires_at": expires_at}
        with translated():
            self._connection.execute(insert(video_links).values(values))

    def link(self, referral: int) -> VideoLink | None:
        """Its link."""
        wanted = select(video_links).where(video_links.c.referral_id == referral)
        with translated():
            row = self._connection.execute(wanted).mappings().one_or_none()
        return None if row is None else link_from(row)

    def touch_link(self, referral: int, *, opened: datetime | None, revoked: datetime | None) -> None:
        """Somebody came, or nobody may any more; what is set stays."""
        links = video_links.c
        for column, at in ((links.opened_at, opened), (links.revoked_at, revoked)):
            if at is None:
                continue
            mine = update(video_links).where(links.referral_id == referral, column.is_(None))
            with translated():
                self._connection.execute(mine.values({column: at}))


def referral_rows() -> Select[Any]:
    """Referrals with their orders' numbers."""
    order = work_orders.c.number.label("order")
    return select(referrals, order).join(work_orders, work_orders.c.id == _c.order_id)


def referral_from(row: RowMapping) -> Referral:
    """A row of `referral_rows` as a value."""
    names = (name for name in Referral.__dataclass_fields__)
    return Referral(**{name: row[name] for name in names})


def slot_from(row: RowMapping, taken: int) -> Slot:
    """A row as a slot."""
    return Slot(row["id"], row["institution"], row["starts_at"], row["minutes"], row["capacity"], taken)


def link_from(row: RowMapping) -> VideoLink:
    """A row as a link."""
    return VideoLink(row["referral_id"], row["room"], row["expires_at"], row["opened_at"], row["revoked_at"])


_FIXED = ("id", "order", "kind", "created_at", "created_by")


def _values(referral: Referral) -> dict[str, Any]:
    return {name: value for name, value in asdict(referral).items() if name not in _FIXED}
