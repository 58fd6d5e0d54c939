"""What the bus carries; past tense, small, frozen."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from asr.audio import UtteranceId
from asr.transcript import TranscriptEvent
from hotline.acd.model import AcdLog
from hotline.conversation import CallId, CallRecord, Intent, Speaker


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call was answered."""

    call: CallId
    channel: str
    remote: str
    """Personal data: masked before it reaches a screen, never logged."""
    dialled: str


@dataclass(frozen=True, slots=True)
class FlowMoved:
    """The caller flow entered a node."""

    call: CallId
    node: str


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """The notice has been played and recording began."""

    call: CallId
    consent_version: str
    origin: int = 0
    """Sample of the caller's leg (16 kHz) where the recording begins."""


@dataclass(frozen=True, slots=True)
class TranscriptPublished:
    """An utterance grew or ended."""

    call: CallId
    speaker: Speaker
    transcript: TranscriptEvent
    lag: int = 0
    """Samples of the leg's audio (16 kHz) that came between the utterance's last sample and this event."""


@dataclass(frozen=True, slots=True)
class IntentRecognized:
    """The router's reading of the call so far."""

    call: CallId
    intent: Intent


class AlertState(StrEnum):
    """How far an alert can be relied on."""

    HEARD = "heard"
    """In a sentence that is still being said."""
    CONFIRMED = "confirmed"
    """In a final."""
    WITHDRAWN = "withdrawn"
    """The final no longer says it."""


@dataclass(frozen=True, slots=True)
class CrisisHeard:
    """The caller's words may tell of an emergency: a person is to look, the machine does nothing."""

    call: CallId
    kind: str
    """self_harm, violence, child, threat or mass."""
    label: str
    hand_off: str
    """The number a person may offer."""
    utterance: UtteranceId
    start: int
    """First character in the utterance's text."""
    end: int
    text: str
    """The words; never logged."""
    sure: bool
    """False: no known wording, only a sentence that sounds like one."""
    state: AlertState


@dataclass(frozen=True, slots=True)
class OrderFiled:
    """A work order of this call was filed; dispatch follows by itself."""

    call: CallId
    number: str


@dataclass(frozen=True, slots=True)
class OrderDispatched:
    """A work order left for its unit."""

    call: CallId
    number: str
    unit: str
    unit_name: str
    due: datetime | None


@dataclass(frozen=True, slots=True)
class AcdLogged:
    """A call in the queue, or an agent, changed its state."""

    log: AcdLog

    @property
    def call(self) -> CallId:
        """The call's id; empty for a change of an agent alone."""
        return self.log.call or CallId("")


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over and its record is stored."""

    record: CallRecord

    @property
    def call(self) -> CallId:
        """The call's id, as every event has it."""
        return self.record.call


@dataclass(frozen=True, slots=True)
class Overloaded:
    """A subscriber was too slow and has lost events; it must resynchronise."""

    call: CallId
    dropped: int


Event = (
    CallStarted
    | FlowMoved
    | RecordingStarted
    | TranscriptPublished
    | IntentRecognized
    | CrisisHeard
    | OrderFiled
    | OrderDispatched
    | AcdLogged
    | CallEnded
    | Overloaded
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event with what every carrier needs."""

    body: Event
    id: str = field(default_factory=lambda: uuid4().hex)
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: int = 1

    @property
    def kind(self) -> str:
        """The event's class name."""
        return type(self.body).__name__

    @property
    def call(self) -> CallId:
        """The call the event belongs to."""
        return self.body.call
