"""Nouns shared inside hotline; imports nothing of ours but asr's nouns."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from asr.audio import LegId, UtteranceId

CallId = NewType("CallId", str)


class Speaker(StrEnum):
    """Who said a turn."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"


class Source(StrEnum):
    """What an intent rests on."""

    SPEECH = "speech"
    DTMF = "dtmf"
    AGENT = "agent"


class EndCause(StrEnum):
    """Why a leg ended."""

    REMOTE_HANGUP = "remote_hangup"
    LOCAL_HANGUP = "local_hangup"
    CANCELLED = "cancelled"
    MEDIA_TIMEOUT = "media_timeout"
    NO_ACK = "no_ack"
    TRANSPORT = "transport"
    SHUTDOWN = "shutdown"
    ERROR = "error"


class Outcome(StrEnum):
    """What became of a call: exactly one each, so that calls equal the sum of outcomes."""

    ORDER_FILED = "order_filed"
    MESSAGE_TAKEN = "message_taken"
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    SILENT = "silent"
    UNREACHED = "unreached"
    """A call that an agent placed and nobody took."""
    REJECTED = "rejected"
    ERROR = "error"


CALLED_BACK = "callback"
"""Channel of a call that an agent places; no figure of calls that come in counts it."""
OF_CALLERS = tuple(outcome for outcome in Outcome if outcome is not Outcome.UNREACHED)
"""Outcomes of calls that come in."""


@dataclass(frozen=True, slots=True)
class Digit:
    """One press of a key."""

    key: str
    """One of 0-9 * # A B C D."""
    at: int
    """Sample index at 16 kHz on the leg's clock when the press began."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one party said until the other spoke or paused: one or more final utterances."""

    speaker: Speaker
    text: str
    """Normalised text of the utterances, joined."""
    raw: str
    """Recogniser's text of the utterances, joined."""
    utterances: tuple[UtteranceId, ...]
    start: int
    """First sample at 16 kHz on the leg's clock."""
    end: int
    offsets: tuple[int, ...] = ()
    """Where each utterance starts in `text` (characters)."""


@dataclass(frozen=True, slots=True)
class Span:
    """The words something was found in."""

    utterance: UtteranceId
    start: int
    """First character in that utterance's normalised final text."""
    end: int
    """One past the last character."""
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an order's summary."""

    text: str
    evidence: tuple[Span, ...] = ()
    """The words it rests on."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of an order, as found."""

    name: str
    """caller_name, phone, place, amount, people, employer, dates, demand, …: see ivr_flows/intents.yaml."""
    value: str
    """Machine-readable: digits, ISO dates, county code, plain number of yuan."""
    display: str
    """As a person would write it on the form."""
    confidence: float
    evidence: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible category."""

    code: str
    """Stable code of ivr_flows/intents.yaml, e.g. `labour.wages`."""
    label: str
    """Chinese label."""
    confidence: float


@dataclass(frozen=True, slots=True)
class Intent:
    """What a caller wants, so far as the machine can tell."""

    matter: Candidate
    """The best matter."""
    service: Candidate
    """The best service type."""
    matters: tuple[Candidate, ...]
    """Top three, best first."""
    slots: tuple[Slot, ...]
    evidence: tuple[Span, ...]
    """Words the matter was recognised by, or with none for it, the service."""
    source: Source
    flags: tuple[str, ...] = ()
    """`green_channel` (unpaid wages), `crisis`, `group`, `minor`, …: policy data names them."""

    def slot(self, name: str) -> Slot | None:
        """The slot of that name, if found."""
        return next((slot for slot in self.slots if slot.name == name), None)


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What happened to one leg's incoming audio; packets of 20 ms unless the peer chose otherwise."""

    received: int = 0
    lost: int = 0
    late: int = 0
    duplicated: int = 0
    concealed_ms: int = 0
    codec: str = ""
    jitter_ms: float = 0.0
    """Interarrival jitter (RFC 3550) at the end."""
    playout_ms: int = 0
    """What the jitter buffer waited."""
    round_trip_ms: int | None = None
    """To the peer and back, by RTCP; None when it sent none."""
    remote_loss: float = 0.0
    """Share of our packets the peer did not get, by its last report."""
    mos: float | None = None
    """Estimated quality, 1 to 4.5 (ITU-T G.107); None when nothing came."""


@dataclass(frozen=True, slots=True)
class RecognitionFacts:
    """What recognition did on one leg."""

    engine: str = ""
    utterances: int = 0
    degraded: int = 0
    dropped_ms: int = 0


@dataclass(frozen=True, slots=True)
class LegRecord:
    """One party's leg, as it is stored."""

    leg: LegId
    speaker: Speaker
    remote: str
    """The far end's address as signalled (personal data: never logged, masked on screens)."""
    started: datetime
    ended: datetime
    cause: EndCause
    audio: AudioFacts
    recognition: RecognitionFacts


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call, as it is stored; all times UTC."""

    call: CallId
    channel: str
    """phone, webrtc, …"""
    dialled: str
    started: datetime
    answered: datetime | None
    ended: datetime
    legs: tuple[LegRecord, ...]
    flow: str
    flow_path: tuple[str, ...]
    digits: str
    consent_version: str | None
    consent_at: datetime | None
    recording: str | None
    """Path relative to the recordings folder."""
    recording_sha256: str | None
    recording_origin: int
    """Sample (16 kHz, caller's leg clock) where the recording starts: the end of the notice; else 0."""
    orders: tuple[str, ...]
    outcome: Outcome
    detail: str = ""
    """Machine-readable reason beside the outcome; never caller's words."""
