"""What the pages and the API of handling units, and of other channels, stand on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from hotline.conversation import Intent, Turn
from hotline.store.files import FileStore
from hotline.store.outbound import OutboundLog
from hotline.store.webhook_keys import WebhookKeys
from workorders.dead_letters import DeadLetters
from workorders.feed import UnitFeed
from workorders.intake import IntakeKeys


class WordsReader(Protocol):
    """Understands what somebody wrote."""

    @property
    def categories(self) -> Mapping[str, str]:
        """Code of a matter or service → its Chinese label."""

    def read(self, turns: Sequence[Turn], *, now: date) -> Intent | None:
        """What it is about."""


@dataclass(frozen=True, slots=True)
class UnitParts:
    """The parts."""

    feed: UnitFeed
    files: FileStore
    outbound: OutboundLog
    intake: IntakeKeys
    reader: WordsReader
    letters: DeadLetters
    revive: Callable[[str], bool]
    """Sends a dead letter again; whether there was one. Blocks."""
    keys: WebhookKeys | None
    """None: no master secret is set, nothing is pushed."""
