"""A work order as a value: its states, what can be done to it, its history. The rules are in `life`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from workorders.messages import FieldValue, WorkOrderEvent

SYSTEM = "system"
"""The actor of what the line does by itself."""
SUMMARY = "summary"
"""The summary is edited like a field, under this name."""
NAME_LENGTH = 64


class State(StrEnum):
    """Where an order stands. Chinese names: `ivr_flows/policies.yaml`, `states`; docs/orders.md."""

    DRAFT = "draft"
    FILED = "filed"
    DISPATCHED = "dispatched"
    SIGNED = "signed"
    SUSPENDED = "suspended"
    """Waits for the caller to add something; the clock stands."""
    REPLIED = "replied"
    """The unit has answered; somebody looks at the answer."""
    VISITING = "visiting"
    """The answer is approved; the caller is to be asked."""
    SETTLED = "settled"
    ARCHIVED = "archived"
    RETURNED = "returned"
    """Sent back by a unit; waits for the next one."""
    CANCELLED = "cancelled"
    MERGED = "merged"
    """Goes on as part of another order."""


OPEN = (State.FILED, State.DISPATCHED, State.SIGNED, State.SUSPENDED, State.RETURNED)
"""Not answered yet: the caller's clock counts here."""


class Action(StrEnum):
    """What can be done to an order."""

    FILE = "file"
    SUBMIT = "submit"
    DISPATCH = "dispatch"
    SIGN = "sign"
    REPLY = "reply"
    RETURN = "return"
    REASSIGN = "reassign"
    EDIT = "edit"
    ASK_EXTENSION = "ask_extension"
    GRANT_EXTENSION = "grant_extension"
    REFUSE_EXTENSION = "refuse_extension"
    SUSPEND = "suspend"
    RESUME = "resume"
    URGE = "urge"
    SUPERVISE = "supervise"
    APPROVE = "approve"
    REJECT = "reject"
    VISIT = "visit"
    REDO = "redo"
    SETTLE = "settle"
    ARCHIVE = "archive"
    CANCEL = "cancel"
    MERGE = "merge"
    UNMERGE = "unmerge"
    RELATE = "relate"
    HAND_OVER = "hand_over"
    NAME_SUBJECT = "name_subject"
    POOL = "pool"
    CLAIM = "claim"
    CONTACT = "contact"
    RELEASE = "release"
    SPLIT = "split"
    """A second matter of it became an order of its own."""
    SEND_OUTSIDE = "send_outside"
    """To another line or system, which handles it from now on."""
    RETURN_OUTSIDE = "return_outside"
    """Back to the line that had sent it here."""
    REFER = "refer"
    """Legal aid, mediation, a notary's appointment, a video talk, or an export begins."""
    REFER_ON = "refer_on"
    """One of these goes on."""
    GATHER = "gather"
    """Became part of an incident, or is no longer."""
    RECOUNT = "recount"
    REMIND = "remind"
    ATTACH = "attach"
    """Add a file to the answer; see `workorders.service.WorkOrderService.attach`."""


class Actor(StrEnum):
    """In what capacity somebody acts. Auditors and administrators do nothing to orders."""

    SYSTEM = "system"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    UNIT = "unit"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Kind(StrEnum):
    """What sort of order it is."""

    ORDINARY = "ordinary"
    COMPLAINT = "complaint"


class Pool(StrEnum):
    """Whether lawyers may take the order out of the pool."""

    OUT = ""
    OPEN = "open"
    HELD = "held"


LEVELS = ("", "yellow", "orange", "red")
"""Levels of supervision, rising."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One attempt to ask the caller how it went."""

    at: datetime
    """UTC."""
    by: str
    how: str
    """`agent` or `robot`."""
    outcome: str
    """`reached`, `failed` or `gave_up` (the caller wants no more calls)."""
    rating: int | None = None
    """1 to 5, where one was given."""
    caller: str = ""
    """Whose caller: number of an order merged into this one; empty: the order's own."""


@dataclass(frozen=True, slots=True)
class Life:
    """What has happened to an order, as far as the rules look at it."""

    kind: Kind = Kind.ORDINARY
    owner: str = ""
    """The first agent, who answers for it to the caller until it is settled."""
    anonymous: bool = False
    against_unit: str = ""
    """A complaint: the unit complained of."""
    against_person: str = ""
    """A complaint: the person complained of, by the name he signs in with."""
    returns: int = 0
    returned_by: tuple[str, ...] = ()
    """Units that sent it back, in order."""
    extensions: int = 0
    """Granted."""
    asked_days: int = 0
    """Working days of an extension that waits for an answer; 0: none."""
    added_days: int = 0
    """Working days added to the term: extensions and pauses."""
    redos: int = 0
    urges: int = 0
    level: str = ""
    """One of `LEVELS`."""
    visits: tuple[Visit, ...] = ()
    clock_from: datetime | None = None
    """When the caller's clock began, where that is not the filing."""
    sign_from: datetime | None = None
    """When the unit's time to sign began, where that is not the filing."""
    paused_at: datetime | None = None
    """Since when the clock stands."""
    entered: datetime | None = None
    """When the present state began."""
    before: State | None = None
    """The state to come back to, of a suspended or merged order."""
    parent: str = ""
    """The order this one was merged into."""
    related: tuple[str, ...] = ()
    pool: Pool = Pool.OUT
    holder: str = ""
    """Who took it out of the pool."""
    held_until: datetime | None = None
    """The holder must have reached the caller by then; None: has."""
    party: str = ""
    """Whom the caller has it with, as a key of place and name (`SimilarRules.party`); empty: nobody named."""
    appointment_at: datetime | None = None
    """When the caller is expected at a notary's."""


@dataclass(frozen=True, slots=True)
class OrderField:
    """A field of an order, with what became of it."""

    field: FieldValue
    machine_value: str | None = None
    """What the machine had, once a person has corrected it."""


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One matter of one call, on its way to a unit."""

    number: str
    call_id: str
    matter_no: int
    matter: str
    matter_label: str
    service: str
    service_label: str
    district: str
    """Six-digit code the order was routed by; `510000` when the place is unknown."""
    summary: str
    caller_contact: str
    """Personal data."""
    source: str
    fields: tuple[OrderField, ...]
    flags: tuple[str, ...]
    urgency: str
    unit: str
    unit_name: str
    state: State
    filed_at: datetime
    """UTC."""
    sign_by: datetime | None
    """UTC; when the unit must have taken it."""
    due: datetime | None
    """UTC; when the unit must have answered."""
    provisional: bool
    """A deadline crosses a year whose holidays are not official yet."""
    policy: str
    """Id of the deadline rule that was applied."""
    version: int
    life: Life = Life()
    channel: str = "phone"
    """By which way it came: see `workorders.messages.FileWorkOrder`."""
    content_deleted_at: datetime | None = None
    """When retention deleted all that was personal; nothing is done to it from then on."""

    def field(self, name: str) -> OrderField | None:
        """The field of that name."""
        return next((item for item in self.fields if item.field.name == name), None)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of an order's history."""

    at: datetime
    """UTC."""
    actor: str
    action: Action
    from_state: State | None
    to_state: State
    field: str | None = None
    machine_value: str | None = None
    """An edit: what stood there."""
    human_value: str | None = None
    """An edit: what the person wrote."""
    text: str | None = None
    """A reply, a reason, or what changed (see `life`)."""


@dataclass(frozen=True, slots=True)
class Change:
    """A legal move: the order after it, its line of history, and what to tell the world."""

    order: WorkOrder
    entry: HistoryEntry
    event: WorkOrderEvent | None
