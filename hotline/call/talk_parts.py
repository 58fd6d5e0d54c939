"""What a talk needs of its call and of the line, and what becomes of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from asr.audio import LegId
from asr.protocols import Transcriber
from hotline.acd.model import AcdLog, Wanted
from hotline.acd.policy import AcdPolicy
from hotline.acd.ports import Acd
from hotline.conversation import CallId
from hotline.gateway.media import MediaLeg, Sink


class TalkEnd(StrEnum):
    """How a talk ended."""

    AGENT = "agent"
    """The agent hung up, or an outside party that the caller had been handed to."""
    CALLER = "caller"
    AGENT_LOST = "agent_lost"
    """The agent's leg died and did not come back."""
    TRANSFER = "transfer"
    """The caller is to wait for `TalkResult.target`."""


@dataclass(frozen=True, slots=True)
class TalkResult:
    """What became of a talk."""

    end: TalkEnd
    talked_ms: int
    held_ms: int
    agent: str
    """User name of who had the call last."""
    target: Wanted | None = None


@dataclass(frozen=True, slots=True)
class TalkParts:
    """What a talk needs of its call and of the line."""

    call: CallId
    caller: MediaLeg
    queue: str
    acd: Acd
    log: Callable[[AcdLog], None]
    dial: Callable[[str], Awaitable[MediaLeg]]
    """Reaches an outside number. Raises `NotPermitted`, `HotlineError`."""
    listen: Callable[[LegId], Transcriber]
    """A transcriber for an agent's leg, whose events are already being read."""
    policy: AcdPolicy
    """What queues ask for, and which skills there are."""
    tape: Sink
    """Takes what the caller hears, for the recording."""
    now: Callable[[], int]
    """Sample of the caller's clock."""
    clock: Callable[[], datetime]
    reattach_s: float
    """How long a browser that vanished may take to come back."""
    ring_s: float
    """How long somebody is rung who is to join."""
