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


Command = FileWorkOrder | SignWorkOrder | ReplyToWorkOrder | ReturnWorkOrder | EditWorkOrder


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


WorkOrderEvent = WorkOrderFiled | WorkOrderDispatched | WorkOrderSigned | WorkOrderReplied | WorkOrderReturned
