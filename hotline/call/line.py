"""What one call needs of the world, gathered by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from asr.protocols import TranscriberFactory
from hotline.bus import EventBus
from hotline.call.journal import Journal
from hotline.call.people import People
from hotline.conversation import Intent, Sentence, Turn
from hotline.intent.crisis import Alert
from hotline.ivr.flow import FlowFile
from hotline.settings import LimitSettings
from workorders.messages import Filed, FileWorkOrder


class Reader(Protocol):
    """Understands turns."""

    def read(self, turns: Sequence[Turn], *, now: date) -> Intent | None:
        """What the caller wants so far; None when nothing was said."""

    def summary(self, turns: Sequence[Turn], intent: Intent | None) -> tuple[Sentence, ...]:
        """A few sentences for the order; without a reading, that the recording must be listened to."""

    def alerts(self, text: str, *, growing: bool = False) -> Sequence[Alert]:
        """Signs of an emergency; `growing`: the text is still being said. Fast: called on every partial."""

    @property
    def callback(self) -> str:
        """What the order says of a caller who wants to be called back."""

    @property
    def categories(self) -> Mapping[str, str]:
        """Every matter and service code and its Chinese label."""


class OrderDesk(Protocol):
    """Files work orders."""

    async def file(self, command: FileWorkOrder) -> Filed | None:
        """File it; None when it could not be written yet: then it is kept and filed as soon as it can be."""


class Prompts(Protocol):
    """Gives the sound of prompts."""

    def audio(self, ids: Sequence[str], values: Mapping[str, str]) -> bytes:
        """16 kHz s16le mono of the prompts one after the other; fast, never raises."""


def utc_now() -> datetime:
    """The one place where the wall clock is read for records."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """What one call needs of the world."""

    bus: EventBus
    journal: Journal
    transcribers: TranscriberFactory
    reader: Reader
    desk: OrderDesk
    prompts: Prompts
    flow: FlowFile
    recordings: Path
    limits: LimitSettings
    people: People | None = None
    """Who answers; None: nobody ever does."""
    early: bool = False
    """The flow's `early` prompts may be played before the answer."""
    clock: Callable[[], datetime] = utc_now
