"""What the pages of agents and supervisors need of the floor: who answers, the talks, a leg for a browser."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hotline.acd.model import AcdLog, Agent
from hotline.acd.policy import AcdPolicy
from hotline.acd.ports import Acd
from hotline.call.calling_back import CallingBack
from hotline.call.floor import Floor
from hotline.conversation import CallId
from hotline.gateway.media import MediaLeg
from hotline.store.roster import RosterStore


@dataclass(frozen=True, slots=True)
class Staffing:
    """Of one running line."""

    acd: Acd
    floor: Floor
    agent: Callable[[str, str], Agent]
    """A user's profile, by name and display name."""
    open_leg: Callable[[bytes], Awaitable[tuple[MediaLeg, bytes]]]
    """A browser's offer → its leg and our answer. Raises `HotlineError`."""
    back: CallingBack
    """Calls that agents place."""
    confirm: Callable[[CallId, datetime], Awaitable[str | None]]
    """Files a call's order; its number, or None when it comes later. Raises `HotlineError`."""
    call_back: Callable[[CallId, str, datetime], Awaitable[str | None]]
    """Files an order to call back whoever hung up unheard, for the agent named. Raises `HotlineError`."""
    log: Callable[[datetime, datetime], Iterable[AcdLog]]
    """The stored lines of a time, half open; blocks."""
    roster: Callable[[], Mapping[str, Agent]]
    """Everyone on the roster, by user name."""
    people: RosterStore
    """The roster as it is kept."""
    policy: AcdPolicy
    """Names of skills and reasons, and what a supervisor is told of."""
    busy: Mapping[str, str]
    """Reasons of being busy that an agent may give, with their labels, in order."""
    busy_by_itself: Mapping[str, str]
    """Those the line gives."""
    numbers: Mapping[str, str]
    """Outside numbers with a button of their own, with their labels: 110, 120."""
