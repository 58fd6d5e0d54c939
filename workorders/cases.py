"""What stands beside orders, as values, and how it is kept: protocols of the unit of work."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workorders.case_messages import OpenIncident, OpenSlot


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that many call about."""

    id: int
    kind: str
    title: str
    district: str
    words: tuple[str, ...]
    party: str
    greeting: str
    queue: str
    status: str
    """open or closed."""
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None = None
    closed_by: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """Under what number a system outside has an order."""

    order: str
    """Our number."""
    system: str
    direction: str
    """`in`: it came from there; `out`: it went there."""
    number: str | None
    """Theirs; None until they have told it."""
    status: str
    text: str
    at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Referral:
    """What an order was referred to, and how that stands."""

    id: int
    order: str
    kind: str
    status: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    institution: str = ""
    basis: str = ""
    mode: str = ""
    party: str = ""
    """Personal data, as the contact is."""
    party_contact: str = ""
    deed: str = ""
    outside: str = ""
    outside_number: str | None = None
    text: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """When a notary's office receives callers."""

    id: int
    institution: str
    starts_at: datetime
    minutes: int
    capacity: int
    taken: int


@dataclass(frozen=True, slots=True)
class VideoLink:
    """A link that hands a call over to video."""

    referral: int
    room: str
    expires_at: datetime
    opened_at: datetime | None
    revoked_at: datetime | None


class Incidents(Protocol):
    """Incidents inside one transaction."""

    def add(self, command: OpenIncident) -> int:
        """A new one; its id."""

    def get(self, incident: int) -> Incident | None:
        """The one of that id; nobody else changes it until the transaction ends."""

    def close(self, incident: int, by: str, at: datetime, outcome: str) -> None:
        """It is over."""

    def join(self, incident: int, kind: str, ref: str, by: str, at: datetime) -> bool:
        """A call or an order becomes part of it; False when it is already."""

    def leave(self, incident: int, kind: str, ref: str) -> bool:
        """Whether it was part of it, and no longer is."""


class Exchange(Protocol):
    """What other systems have and say, inside one transaction."""

    def by_number(self, system: str, number: str) -> Reference | None:
        """What a system calls by that number."""

    def of_order(self, order: str) -> tuple[Reference, ...]:
        """Where else an order is known, oldest first."""

    def note(self, reference: Reference) -> None:
        """Write it, or over it. Raises `DuplicateOrder` when their number means another order."""

    def first_time(self, system: str, event: str, subject: str, at: datetime) -> bool:
        """Whether the system had not told us this before; from now on it has."""


class Referrals(Protocol):
    """Referrals, appointments and links inside one transaction."""

    def add(self, referral: Referral) -> int:
        """A new one; its id. What `referral.id` says does not matter."""

    def get(self, referral: int) -> Referral | None:
        """The one of that id."""

    def save(self, referral: Referral) -> None:
        """Write its next version. Raises `StaleOrder`, `DuplicateOrder` when their number means another."""

    def open_slot(self, command: OpenSlot) -> tuple[int, bool]:
        """The slot's id, and whether it is new."""

    def take_seat(self, slot: int, referral: int, at: datetime) -> Slot | None:
        """The slot when it had a free seat, which is this referral's now; None: full, over, or unknown."""

    def leave_seat(self, referral: int) -> None:
        """Its seat is free again."""

    def add_link(self, referral: int, room: str, expires_at: datetime) -> None:
        """A link to a room."""

    def link(self, referral: int) -> VideoLink | None:
        """Its link."""

    def touch_link(self, referral: int, *, opened: datetime | None, revoked: datetime | None) -> None:
        """Somebody came, or nobody may any more."""
