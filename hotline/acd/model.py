"""Nouns of call distribution: agents and their presence, waiting calls, and the log of both (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from hotline.conversation import CallId
from hotline.errors import HotlineError


class Presence(StrEnum):
    """What an agent is doing; one at a time."""

    OFFLINE = "offline"
    READY = "ready"
    BUSY = "busy"
    RINGING = "ringing"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class LogKind(StrEnum):
    """What the log tells of; the names that exist in Asterisk's queue_log mean the same here."""

    ENTERQUEUE = "enterqueue"
    RINGAGENT = "ringagent"
    RINGNOANSWER = "ringnoanswer"
    RINGCANCELED = "ringcanceled"
    REFUSE = "refuse"
    CONNECT = "connect"
    ABANDON = "abandon"
    EXITWITHTIMEOUT = "exitwithtimeout"
    EXITEMPTY = "exitempty"
    CALLBACK = "callback"
    REQUEUE = "requeue"
    HOLD = "hold"
    UNHOLD = "unhold"
    TRANSFER = "transfer"
    CONSULT = "consult"
    CONFERENCE = "conference"
    REATTACH = "reattach"
    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"
    TAKEOVER = "takeover"
    COMPLETEAGENT = "completeagent"
    COMPLETECALLER = "completecaller"
    SURVEY = "survey"
    AGENTLOGIN = "agentlogin"
    AGENTLOGOFF = "agentlogoff"
    READY = "ready"
    PAUSE = "pause"
    WRAPUP = "wrapup"


@dataclass(frozen=True, slots=True)
class AcdLog:
    """One line of the log: a state change of a call or an agent, exact to the millisecond."""

    at: datetime
    """UTC."""
    kind: LogKind
    call: CallId | None = None
    agent: str | None = None
    """The agent's user name."""
    queue: str = ""
    facts: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Numbers and codes that belong to the kind (`waited_ms`, `position`, `talked_ms`, `reason`, …); never
    what anybody said, and no telephone number."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Duty hours: on these days, from one time of day to another (before it: over midnight)."""

    weekdays: frozenset[int]
    """0 is Monday."""
    begins: int
    """Minutes since midnight, Asia/Shanghai."""
    ends: int


@dataclass(frozen=True, slots=True)
class Agent:
    """A person who answers calls."""

    name: str
    """The user name signed in with."""
    display: str
    skills: frozenset[str]
    """Codes such as `labour`, `dialect.zigong`, `language.yi`, `minors`: data, see roster."""
    phone: str = ""
    """User of the desk phone registered with the gateway; empty: browser only."""
    licence: str = ""
    """Practising lawyer's licence number; empty for agents who are not lawyers."""
    licence_until: date | None = None
    shifts: tuple[Shift, ...] = ()
    """None: no fixed hours."""
    team: str = ""
    """What it is reported under, besides the agent's own figures."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a waiting call asks for."""

    call: CallId
    queue: str
    priority: int = 0
    """Higher is served first; then who has waited longer."""
    skills: frozenset[str] = frozenset()
    """All of these an agent must have; given up one by one, by rule, when nobody on duty has them."""
    reasons: tuple[str, ...] = ()
    """Why the priority, as codes: `green_channel`, `dropped_before`, `minor`, `elder`."""
    agent: str | None = None
    """Only this agent (a transfer to a named one)."""


class NotAllowed(HotlineError):
    """An agent, or a call, cannot do that now; `reason` is a code the page has words for."""

    code = "acd.not_allowed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
