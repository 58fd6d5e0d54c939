"""What the caller flow's machine is told, and what it asks for: see `hotline.ivr.machine`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotline.conversation import Digit, Turn


@dataclass(frozen=True, slots=True)
class Started:
    """The call was answered."""


@dataclass(frozen=True, slots=True)
class PromptDone:
    """The last `Say` has been played to its end."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The caller pressed a key."""

    digit: Digit


@dataclass(frozen=True, slots=True)
class Heard:
    """The caller spoke; the text may be empty when no word was understood."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class NoInput:
    """Nothing was said and no key pressed in time."""


@dataclass(frozen=True, slots=True)
class Joined:
    """An agent has taken the call."""


@dataclass(frozen=True, slots=True)
class QueueResult:
    """Waiting is over."""

    answered: bool
    """True: an agent took the call and that conversation has ended. False: nobody took it."""


@dataclass(frozen=True, slots=True)
class Filed:
    """Filing is over."""

    number: str | None
    """None when the order could not be filed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What has been understood by now."""

    slots: frozenset[str]
    """Fields of the order that need not be asked for."""


Input = Started | PromptDone | Pressed | Heard | NoInput | Joined | QueueResult | Filed | Known


@dataclass(frozen=True, slots=True)
class Say:
    """Play these prompts one after the other."""

    prompts: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    """For the places in braces in the prompts' text: `number`, once an order is filed."""
    interruptible: bool = False


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Record from here on: the notice has been heard."""

    consent_version: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Let the caller speak or press keys."""

    seconds_silence: float
    """Silence after speech that ends it."""
    seconds_max: float
    """Longest speech."""
    end_keys: str
    """Keys that end the speech."""
    keys: frozenset[str]
    """Keys to be fed as `Pressed`."""
    seconds_start: float = 8.0
    """How long to wait for the first sound or key before `NoInput`."""
    speech: bool = True
    """False: only keys count; nothing said is fed."""
    mark: bool = False
    """A mark is asked for: what is said is none of the caller's matter."""


@dataclass(frozen=True, slots=True)
class Announcing:
    """What a waiting caller is told, now and again; see `QueueNode`."""

    place: str | None = None
    minutes: str | None = None
    offer: tuple[str, ...] = ()
    seconds_again: float = 30.0


@dataclass(frozen=True, slots=True)
class EnterQueue:
    """Offer the call to agents."""

    name: str
    seconds_max: float
    """Longest wait; without agents on duty there is none."""
    announce: Announcing = Announcing()


@dataclass(frozen=True, slots=True)
class Rate:
    """The caller has rated the service."""

    mark: int
    """1 to 5, the best."""
    spoken: bool


@dataclass(frozen=True, slots=True)
class FileOrder:
    """File what was said so far."""

    kind: str
    """`message` or `callback`."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Say what is known by now."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


Effect = Say | StartRecording | Listen | EnterQueue | Rate | FileOrder | LookUp | Hangup
