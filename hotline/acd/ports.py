"""What calls, pages and desk phones see of call distribution, and it of them.

Everything here is called on the media loop and returns at once, save what is marked async.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hotline.acd.model import Agent, Presence, Wanted
from hotline.conversation import CallId
from hotline.gateway.media import MediaLeg


class Left(StrEnum):
    """Why a call left the queue without an agent."""

    ABANDONED = "abandoned"
    TIMED_OUT = "timed_out"
    NOBODY = "nobody"
    CALLBACK = "callback"


class Device(Protocol):
    """Something of an agent's that rings: a console page, a desk phone. First to accept wins."""

    @property
    def kind(self) -> str:
        """`browser` or `phone`."""

    def ring(self, offer: "Offer") -> None:
        """A call is offered."""

    def stop(self, offer: "Offer") -> None:
        """It is offered no longer: taken elsewhere, refused, timed out or given up."""


class Offer(Protocol):
    """One waiting call offered to one agent."""

    @property
    def id(self) -> str:
        """Names it to a page."""

    @property
    def wanted(self) -> Wanted:
        """The call."""

    @property
    def until(self) -> datetime:
        """When ringing ends (UTC)."""

    def accept(self, leg: MediaLeg, device: Device) -> bool:
        """The agent answers with this leg. False: too late, somebody was faster; hang the leg up."""

    def refuse(self, reason: str = "") -> None:
        """The agent will not; the next one is rung. Harmless when the offer is over."""


class Seat(Protocol):
    """One signed-in agent; outlives page reloads."""

    @property
    def agent(self) -> Agent:
        """Who."""

    @property
    def presence(self) -> Presence:
        """What the agent is doing."""

    @property
    def reason(self) -> str:
        """Of being busy: `rest`, `training`, `meeting`, `after_call`, `no_answer`, …; else empty."""

    @property
    def since(self) -> datetime:
        """Of the presence (UTC)."""

    @property
    def offer(self) -> Offer | None:
        """What rings."""

    @property
    def call(self) -> CallId | None:
        """Whom the agent is talking to, or has just talked to (wrap-up)."""

    def ready(self) -> None:
        """Take calls. Raises `NotAllowed`: `licence_expired`, `off_duty`, `talking`, `no_device`."""

    def busy(self, reason: str) -> None:
        """Take none; while talking, from the end of the talk on. A ringing offer is refused."""

    def plug(self, device: Device) -> None:
        """A page was opened, a phone registered. A ringing offer rings there too."""

    def unplug(self, device: Device) -> None:
        """It is gone. With no device left the seat is offered no call; after a grace time it is offline."""

    def talk_began(self, call: CallId) -> None:
        """The agent talks with a caller who came otherwise than by an offer: a transfer, a take-over."""

    def talk_over(self, call: CallId) -> None:
        """The talk is over: wrap-up begins. Harmless for another call than the seat's."""


@dataclass(frozen=True, slots=True)
class Connected:
    """An agent has taken the call."""

    seat: Seat
    leg: MediaLeg
    device: Device


class Waiting(Protocol):
    """One call in the queue."""

    @property
    def wanted(self) -> Wanted:
        """What it asks for."""

    @property
    def position(self) -> int:
        """From 1; 0 when it no longer waits."""

    @property
    def waited_s(self) -> float:
        """How long it has been in the queue, in seconds."""

    @property
    def estimate_s(self) -> float | None:
        """How long it may still take, in seconds; None when there is no telling."""

    async def connected(self) -> Connected | None:
        """Wait until an agent has it; None once nobody on duty could ever take it (`Left.NOBODY`)."""

    def leave(self, why: Left) -> None:
        """Stop waiting; an offer under way is withdrawn. Harmless when it waits no longer."""


class Acd(Protocol):
    """All seats and all waiting calls."""

    @property
    def seats(self) -> Mapping[str, Seat]:
        """Everyone signed in, by user name."""

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """In the order they would be served."""

    def sign_in(self, agent: Agent) -> Seat:
        """The agent's seat: a new one, busy with the reason `signed_in`, or the one there is."""

    def sign_out(self, name: str, by: str | None = None) -> None:
        """Leave; a talk going on goes on. `by`: the supervisor who forces it."""

    def on_duty(self, queue: str) -> bool:
        """Whether anybody is signed in who may get calls of that queue, now or after a pause."""

    def enter(self, wanted: Wanted, *, head: bool = False) -> Waiting:
        """Put a call into the queue; `head`: before all others of its priority (its agent's leg died)."""
