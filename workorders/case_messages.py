"""Commands about what stands beside an order: splitting, incidents, other lines, referrals, appointments."""

from dataclasses import dataclass
from datetime import datetime

from workorders.messages import FileWorkOrder


@dataclass(frozen=True, slots=True)
class SplitOrder:
    """A second matter of an order becomes an order of its own, of the same call and caller."""

    number: str
    matter: str
    matter_label: str
    service: str
    service_label: str
    summary: str
    by: str
    role: str
    """A `workorders.model.Actor`, here and below."""
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """Something many call about gets a name. Raises `ForbiddenMove` when a text does not fit."""

    kind: str
    """`emergency` (a landslide, an accident) or `group` (one employer, one estate)."""
    title: str
    district: str
    by: str
    role: str
    at: datetime
    words: tuple[str, ...] = ()
    """What its callers say; orders with one of them are suggested."""
    party: str = ""
    """The common other party, as `Life.party`."""
    greeting: str = ""
    """What agents tell its callers first."""
    queue: str = ""
    """Where its callers wait: a queue of `acd.yaml`."""
    orders: tuple[str, ...] = ()
    """Numbers of the first orders."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Calls and orders become part of an incident, or (`out`) no longer are. Again: nothing changes."""

    incident: int
    by: str
    role: str
    at: datetime
    orders: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    out: bool = False


@dataclass(frozen=True, slots=True)
class CloseIncident:
    """It is over; what became of it. For supervisors."""

    incident: int
    outcome: str
    by: str
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TakeTransfer:
    """An order comes from another line. Taking the same outside number again gives the order there is."""

    system: str
    """Code of the system, with `outside-`."""
    outside_number: str
    order: FileWorkOrder
    """Its `call_id` and `source` are set here."""


@dataclass(frozen=True, slots=True)
class HearOutside:
    """A system outside says how an order sent to it stands. The same event again: nothing changes."""

    system: str
    event: str
    """Their id of this message."""
    number: str
    """Our number of the order."""
    status: str
    """accepted, finished or returned."""
    at: datetime
    outside_number: str = ""
    """Their number of it; kept and shown."""
    text: str = ""
    """The answer, or why it comes back."""


@dataclass(frozen=True, slots=True)
class ReferOrder:
    """An order's caller is referred to something; which fields a kind reads stands at its rule."""

    number: str
    kind: str
    """A kind of `workorders.referrals`."""
    by: str
    role: str
    at: datetime
    institution: str = ""
    basis: str = ""
    """Legal aid: id of the basis on which means are not looked at; empty: they are."""
    mode: str = ""
    """Mediation: online or offline."""
    party: str = ""
    """Mediation: the other side."""
    party_contact: str = ""
    deed: str = ""
    """Notary: what for."""
    slot: int = 0
    """Notary: the slot."""
    minutes: int = 0
    """Video: how long the link holds."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ActOnReferral:
    """One step of a referral (`workorders.referrals`)."""

    referral: int
    step: str
    by: str
    role: str
    at: datetime
    unit: str = ""
    text: str = ""
    mode: str = ""
    """Mediation, `switch`: online or offline."""
    slot: int = 0
    """Notary, `rebook`: the new slot."""
    outside_number: str = ""
    """Exports: their case number; kept and shown."""
    event: str = ""
    """Exports: their id of this message; the same again changes nothing."""


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A notary's office receives so many callers at a time. Opening the same again changes nothing."""

    institution: str
    starts_at: datetime
    minutes: int
    capacity: int
    by: str
    role: str
    at: datetime


CaseCommand = (
    SplitOrder
    | OpenIncident
    | Gather
    | CloseIncident
    | TakeTransfer
    | HearOutside
    | ReferOrder
    | ActOnReferral
    | OpenSlot
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What these commands give back."""

    subject: str
    """Number of the order, or id of the incident, referral or slot."""
    status: str
    created: bool = True
    """False when nothing changed, because it had been done before."""
    link: str = ""
    """Video: room of the link."""
