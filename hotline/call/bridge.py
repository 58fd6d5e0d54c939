"""Joins the legs of a talk: who hears whom, as one table, and the frames that go by it.

A frame goes on in the very media tick it came in: as it is where a party hears one other, mixed where it
hears several. Nothing here waits, and nothing is kept but a tick's frames for a mix.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from asr.audio import AudioFrame, LegId
from hotline.gateway.media import Sink


class Role(StrEnum):
    """What a leg is in a talk."""

    CALLER = "caller"
    AGENT = "agent"
    CONSULTED = "consulted"
    """Asked by the agent alone."""
    OUTSIDE = "outside"
    """A third party in the conference."""
    LISTENER = "listener"
    """A supervisor who is heard by nobody."""
    WHISPERER = "whisperer"
    """A supervisor whom the agent alone hears."""
    BARGER = "barger"
    """A supervisor who talks with all."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the talk stands."""

    held: bool = False
    """The caller is out of it: hears nobody here and is heard by nobody."""
    muted: bool = False
    """The agent is heard by nobody."""


_TALKING = frozenset({Role.CALLER, Role.AGENT, Role.OUTSIDE, Role.BARGER})
_WATCHING = frozenset({Role.LISTENER, Role.WHISPERER, Role.BARGER})


def hears(listener: Role, source: Role, manner: Manner) -> bool:
    """Whether a party of one role hears another party of a role: the whole of the policy.

    Two supervisors do not hear each other, save those who have barged in.
    """
    if manner.held and Role.CALLER in {listener, source}:
        return False
    if manner.muted and source is Role.AGENT:
        return False
    if source is Role.LISTENER:
        return False
    if source is Role.WHISPERER:
        return listener is Role.AGENT
    if Role.CONSULTED in {listener, source}:
        return {listener, source} <= {Role.CONSULTED, Role.AGENT} or listener in _WATCHING
    if listener in _WATCHING:
        return source in _TALKING
    return source in _TALKING and listener in _TALKING


class Joinable(Protocol):
    """What a bridge needs of a `MediaLeg`."""

    @property
    def leg(self) -> LegId:
        """Its id."""

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Hand on what comes, and what is spoken."""

    def speak(self, frame: AudioFrame) -> None:
        """Say 20 ms of somebody else."""


@dataclass(slots=True)
class _Member:
    leg: Joinable
    role: Role
    tap: Sink | None = None


class Bridge:
    """The legs of one talk. Every method belongs on the media loop and returns at once."""

    def __init__(self) -> None:
        self._members: dict[LegId, _Member] = {}
        self._manner = Manner()
        self._routes: dict[LegId, tuple[Sink, ...]] = {}

    @property
    def manner(self) -> Manner:
        """How the talk stands."""
        return self._manner

    @property
    def roles(self) -> dict[LegId, Role]:
        """Who is in it."""
        return {leg: member.role for leg, member in self._members.items()}

    def join(self, leg: Joinable, role: Role, tap: Sink | None = None) -> None:
        """A leg comes in, or gets another role; `tap` gets what is said to it, on its own clock."""
        known = self._members.get(leg.leg)
        self._members[leg.leg] = _Member(leg, role, tap or (known.tap if known is not None else None))
        self._arrange()

    def leave(self, leg: LegId) -> None:
        """A leg goes. Harmless when it is not there."""
        member = self._members.pop(leg, None)
        if member is not None:
            member.leg.connect(None)
            self._arrange()

    def stand(self, manner: Manner) -> None:
        """Change how the talk stands."""
        self._manner = manner
        self._arrange()

    def part(self) -> None:
        """Everybody goes."""
        for leg in list(self._members):
            self.leave(leg)

    def _arrange(self) -> None:
        """Work out anew where each leg's frames go."""
        sinks: dict[LegId, list[Sink]] = {leg: [] for leg in self._members}
        for member in self._members.values():
            sources = [
                leg
                for leg, other in self._members.items()
                if other is not member and hears(member.role, other.role, self._manner)
            ]
            if len(sources) == 1:
                sinks[sources[0]].append(member.leg.speak)
            elif sources:
                mixer = Mixer(frozenset(sources), member.leg.speak)
                for leg in sources:
                    sinks[leg].append(mixer.push)
        self._routes = {leg: tuple(found) for leg, found in sinks.items()}
        for leg, member in self._members.items():
            member.leg.connect(self._hearing(leg), member.tap)

    def _hearing(self, leg: LegId) -> Sink | None:
        routes = self._routes[leg]
        if not routes:
            return None
        if len(routes) == 1:
            return routes[0]

        def hand_on(frame: AudioFrame) -> None:
            for route in routes:
                route(frame)

        return hand_on


class Mixer:
    """What several say at once, as one: their frames of a tick added up, clipped where that is too loud."""

    def __init__(self, sources: frozenset[LegId], speak: Callable[[AudioFrame], None]) -> None:
        self._sources = sources
        self._speak = speak
        self._waiting: dict[LegId, AudioFrame] = {}

    def push(self, frame: AudioFrame) -> None:
        """One source's frame. Said when all have come, or when one comes again: others have nothing then."""
        if frame.leg in self._waiting:
            self._flush()
        self._waiting[frame.leg] = frame
        if len(self._waiting) == len(self._sources):
            self._flush()

    def _flush(self) -> None:
        frames = list(self._waiting.values())
        self._waiting.clear()
        loud = [frame for frame in frames if frame.pcm.strip(b"\0")]
        if len(loud) <= 1:
            self._speak((loud or frames)[0])
            return
        length = max(len(frame.pcm) for frame in loud) // 2
        total = np.zeros(length, np.int32)
        for frame in loud:
            samples = np.frombuffer(frame.pcm, "<i2")
            total[: len(samples)] += samples
        mixed = np.clip(total, -32_768, 32_767).astype("<i2").tobytes()
        self._speak(AudioFrame(frames[0].leg, frames[0].start, mixed, all(frame.lost for frame in loud)))
