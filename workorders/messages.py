"""The vocabulary of work orders: commands in the imperative, events in the past tense."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One field of an order, with the words it came from."""

    name: str
    value: str
    """Machine-readable value."""
    display: str
    """As written on the form."""
    confidence: float
    evidence: tuple["EvidenceSpan", ...] = ()


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """Words of the transcript behind a field."""

    utterance: str
    start: int
    """First character in the utterance's normalised text."""
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class FileWorkOrder:
    """File one matter of one call. Filing the same `(call_id, matter_no)` again is a no-op."""

    call_id: str
    matter_no: int
    """1 for the call's first matter."""
    matter: str
    """Code of ivr_flows/intents.yaml, e.g. `labour.wages`."""
    matter_label: str
    service: str
    service_label: str
    district: str
    """County-level code of six digits; `510000` when the place is unknown."""
    summary: str
    caller_contact: str
    """Phone number, else the SIP address: personal data."""
    fields: tuple[FieldValue, ...]
    flags: tuple[str, ...]
    source: str
    """speech, dtmf or agent."""
    filed_at: datetime
    """UTC."""
    draft: bool = False
    """Keep it as a draft, which somebody must submit."""
    owner: str = ""
    """The agent who took the call and answers for the order to the caller."""
    anonymous: bool = False
    """The caller does not want to be called back."""
    channel: str = "phone"
    """phone, webrtc, web, wechat, tv, visit or 12345."""


@dataclass(frozen=True, slots=True)
class SignWorkOrder:
    """The unit takes the order."""

    number: str
    unit: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReplyToWorkOrder:
    """The unit answers the order."""

    number: str
    unit: str
    by: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReturnWorkOrder:
    """The unit sends the order back with a reason."""

    number: str
    unit: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EditWorkOrder:
    """A person corrects a field: machine value and human value are both kept."""

    number: str
    version: int
    """The version the person saw; `StaleOrder` when it has changed since."""
    by: str
    field: str
    value: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ActOnOrder:
    """Any one move of an order's life; which fields a move reads stands at its rule (`workorders.life`)."""

    number: str
    action: str
    """A `workorders.model.Action`."""
    by: str
    """Name of who acts."""
    role: str
    """A `workorders.model.Actor`."""
    at: datetime
    unit: str = ""
    """The acting unit, where a unit acts."""
    text: str = ""
    """Reply, reason or remark."""
    to: str = ""
    """Reassign: unit code (empty: the next one by the rules). Send outside: the system's code. Hand over: the
    new owner. Relate, merge: the other order's number. Visit: the merged order whose caller was asked. Name
    subject: the unit complained of."""
    person: str = ""
    """Name subject: the person complained of."""
    level: str = ""
    """Supervise: yellow, orange or red."""
    days: int = 0
    """Ask for extension: working days."""
    outcome: str = ""
    """Visit: reached, failed or gave_up."""
    how: str = "agent"
    """Visit: agent or robot."""
    rating: int | None = None
    """Visit: 1 to 5."""
    field: str = ""
    """Edit: the field's name. Refer, refer on: `appointment` when its time changes."""
    when: datetime | None = None
    """Refer, refer on: the appointment's time, UTC; None: there is none any more."""
    version: int | None = None
    """The version the person saw; `StaleOrder` when it has changed since. None: whatever it is now."""


Command = FileWorkOrder | SignWorkOrder | ReplyToWorkOrder | ReturnWorkOrder | EditWorkOrder | ActOnOrder


@dataclass(frozen=True, slots=True)
class Filed:
    """What filing gives back."""

    number: str
    unit: str
    unit_name: str
    due: datetime | None
    """UTC; None when the matter has no deadline."""
    created: bool
    """False when this call and matter had been filed before."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What any other command gives back."""

    number: str
    state: str
    """A `workorders.model.State`."""
    version: int
    """The order's version now."""


@dataclass(frozen=True, slots=True)
class WorkOrderFiled:
    """An order exists."""

    number: str
    call_id: str


@dataclass(frozen=True, slots=True)
class WorkOrderDispatched:
    """An order reached its unit's in-tray (and its webhook, where it has one)."""

    number: str
    call_id: str
    unit: str
    unit_name: str
    due: datetime | None


@dataclass(frozen=True, slots=True)
class WorkOrderSigned:
    """The unit took it."""

    number: str
    unit: str


@dataclass(frozen=True, slots=True)
class WorkOrderReplied:
    """The unit answered it."""

    number: str
    unit: str


@dataclass(frozen=True, slots=True)
class WorkOrderReturned:
    """The unit sent it back."""

    number: str
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkOrderMoved:
    """Any other move."""

    number: str
    unit: str
    action: str
    """A `workorders.model.Action`."""
    state: str
    """The state after it."""


@dataclass(frozen=True, slots=True)
class WorkOrderDue:
    """A timer of the order went off."""

    number: str
    unit: str
    timer: str
    """Id of the timer rule, e.g. `overdue`."""
    at: datetime
    """UTC; when it was due to go off."""


WorkOrderEvent = (
    WorkOrderFiled
    | WorkOrderDispatched
    | WorkOrderSigned
    | WorkOrderReplied
    | WorkOrderReturned
    | WorkOrderMoved
    | WorkOrderDue
)
