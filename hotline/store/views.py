"""What reading the store gives back, and what may be asked of it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from asr.audio import LegId, UtteranceId
from asr.transcript import SpanMap, Word
from hotline.conversation import CallId, Intent, LegRecord, Outcome, Speaker
from hotline.store.sight import EVERYTHING, Sight
from workorders.calendar import SHANGHAI
from workorders.order_search import most_counted

LOCAL = SHANGHAI
"""The zone of days on the page and in exports; tables hold UTC."""

MAX_ROWS = 500
"""Rows one search gives at most; the rest by cursor."""


def local_midnight(day: date) -> datetime:
    """The instant (UTC) at which a day of Asia/Shanghai begins."""
    return datetime.combine(day, time(), LOCAL).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list; everything given must hold."""

    text: str = ""
    """Words said in the call, apart by spaces; each is found inside longer words, from one character on."""
    since: date | None = None
    """First day, Asia/Shanghai, by the call's start."""
    until: date | None = None
    """The day after the last."""
    outcome: Outcome | None = None
    matter: str = ""
    """Code of a matter, or the part before its dot, which stands for all of its kind."""
    limit: int = 50
    """1..500 rows."""
    cursor: str = ""
    """`CallRow.cursor` of the last row seen; the rows after it follow."""
    sight: Sight = EVERYTHING
    """Whose eyes."""

    @property
    def most_counted(self) -> int:
        """How far the list is counted."""
        return most_counted(picked=bool(self.sight.agent))


@dataclass(frozen=True, slots=True)
class CallRow:
    """One line in a list of calls."""

    call: CallId
    channel: str
    remote: str
    """The caller's number or address: personal data, to be masked before it is shown."""
    dialled: str
    open: bool
    """Still going on."""
    started: datetime
    """UTC, as all times here."""
    answered: datetime | None
    ended: datetime | None
    """None while open, and when the end is not known."""
    outcome: Outcome | None
    """None while open."""
    detail: str
    matter: str
    matter_label: str
    service: str
    service_label: str
    flags: tuple[str, ...]
    orders: tuple[str, ...]
    recorded: bool
    """A recording can be played."""

    @property
    def talk_seconds(self) -> float | None:
        """From answer to end; None without both."""
        if self.answered is None or self.ended is None:
            return None
        return max(0.0, (self.ended - self.answered).total_seconds())

    @property
    def cursor(self) -> str:
        """Where the rows after this one begin."""
        return urlsafe_b64encode(f"{self.started.isoformat()} {self.call}".encode()).decode()


@dataclass(frozen=True, slots=True)
class CallView:
    """All that is kept of one call but its transcript."""

    row: CallRow
    legs: tuple[LegRecord, ...]
    flow: str
    flow_path: tuple[str, ...]
    digits: str
    """Keys pressed: personal data."""
    consent_version: str | None
    consent_at: datetime | None
    recording: str | None
    """Path relative to the recordings folder."""
    recording_sha256: str | None
    recording_origin: int
    """Sample (16 kHz, caller's leg clock) at which the recording starts."""
    intent: Intent | None
    content_deleted_at: datetime | None
    """When retention removed recording, transcript and numbers."""


@dataclass(frozen=True, slots=True)
class UtteranceView:
    """One final utterance, as stored."""

    utterance: UtteranceId
    leg: LegId
    speaker: Speaker
    seq: int
    start: int
    """First sample at 16 kHz on the leg's clock."""
    end: int
    """One past the last."""
    text: str
    """Normalised."""
    raw: str
    """As recognised."""
    spans: SpanMap
    words: tuple[Word, ...]
    confidence: float | None
    engine: str
    degraded: bool
    rewrote_stable: bool
    gap: int
    """Samples dropped before recognition."""


def read_cursor(cursor: str) -> tuple[datetime, str] | None:
    """Start and id of the row a cursor stands for; None for one that we did not make."""
    try:
        started, _, call = urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        at = datetime.fromisoformat(started)
    except (NotBase64, ValueError):
        return None
    return (at, call) if at.tzinfo is not None else None
