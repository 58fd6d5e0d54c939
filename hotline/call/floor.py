"""All talks between callers and agents that are going on, and what may be asked of each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from hotline.acd.ports import Seat
from hotline.conversation import CallId
from hotline.gateway.media import MediaLeg


class Oversight(StrEnum):
    """How a supervisor is in a talk."""

    LISTEN = "listen"
    """Hears both, is heard by none."""
    WHISPER = "whisper"
    """Heard by the agent alone, never on the recording's caller channel nor by the caller."""
    BARGE = "barge"
    """Heard by all."""


class PartyKind(StrEnum):
    """Who a party of a talk is."""

    CALLER = "caller"
    AGENT = "agent"
    CONSULTED = "consulted"
    """A colleague or an outside number asked while the caller is on hold."""
    OUTSIDE = "outside"
    """A third party in the conference."""
    SUPERVISOR = "supervisor"


class TalkView(Protocol):
    """How a talk stands."""

    @property
    def agent(self) -> str:
        """User name of the agent who has the call now."""

    @property
    def on_hold(self) -> bool:
        """The caller hears music and nobody hears the caller."""

    @property
    def muted(self) -> bool:
        """The agent is not heard."""

    @property
    def parties(self) -> Mapping[str, PartyKind]:
        """By party id: a leg's id."""

    @property
    def guests(self) -> Mapping[str, PartyKind]:
        """Colleagues who are consulted or in the conference, by user name."""


class Talk(TalkView, Protocol):
    """One caller with an agent. Commands raise `acd.NotAllowed` with a reason when they do not fit."""

    def hold(self) -> None:
        """Music for the caller. Harmless when on hold."""

    def resume(self) -> None:
        """Back from hold."""

    def mute(self, *, on: bool) -> None:
        """Whether the agent is silent to everyone."""

    def press(self, key: str) -> None:
        """A key towards the caller's side, or the outside party's when there is one."""

    async def transfer(self, target: str) -> None:
        """Blind: the caller goes to `agent:NAME`, `queue:NAME`, `skill:CODE` or `number:DIGITS`.

        Returns when the transfer is under way. Raises `NotAllowed`: `no_such_agent`, `agent_busy`,
        `not_permitted` (outbound policy), `unreachable`. On failure the caller stays with the agent.
        """

    async def consult(self, target: str) -> None:
        """Attended: the caller is put on hold, the target is rung; returns when it has answered."""

    async def complete(self) -> None:
        """The consulted party takes the caller over; the agent is free."""

    async def back(self) -> None:
        """The consulted or outside party goes; the agent is with the caller again."""

    async def conference(self, target: str | None = None) -> None:
        """Three-way: the consulted party joins, or a target is rung and joins when it answers."""

    async def hangup(self) -> None:
        """The agent ends the talk: the caller goes on in the flow (survey, goodbye)."""

    def attach(self, leg: MediaLeg) -> None:
        """The agent is here again with a new leg, after a page reload; the old one is hung up."""

    def oversee(self, who: str, leg: MediaLeg, mode: Oversight) -> None:
        """A supervisor's leg joins; again with the same leg: changes the mode. Ends when the leg ends."""

    async def take_over(self, seat: Seat, leg: MediaLeg) -> None:
        """The supervisor with this leg becomes the agent; the former agent is free."""


class Floor(Protocol):
    """Every talk, by call."""

    @property
    def talks(self) -> Mapping[CallId, Talk]:
        """Those going on."""

    def of_agent(self, name: str) -> tuple[CallId, Talk] | None:
        """The talk an agent has now."""

    def of_guest(self, name: str) -> tuple[CallId, Talk] | None:
        """The talk of somebody else in which an agent is consulted, or a third party."""
