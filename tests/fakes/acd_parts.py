"""A call distribution to try things on: a clock that stands still, phones that note what they are told."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from asr.audio import AudioFrame, LegId
from hotline.acd.distributor import Distributor
from hotline.acd.model import AcdLog, Agent, LogKind, Wanted
from hotline.acd.ports import Offer, Seat
from hotline.acd.queue import SkillRules
from hotline.acd.waiting import QueuedCall
from hotline.conversation import AudioFacts, CallId, EndCause
from hotline.gateway.media import LegInput, Sink
from hotline.settings import AcdSettings

MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Nine in the morning in Chengdu."""


class StillLeg:
    """A leg that carries nothing and knows when it was hung up."""

    def __init__(self, name: str = "leg") -> None:
        self.leg = LegId(name)
        self.facts = AudioFacts()
        self.ended: EndCause | None = None

    async def inputs(self) -> AsyncIterator[LegInput]:
        """Nothing comes."""
        nothing: tuple[LegInput, ...] = ()
        for each in nothing:
            yield each

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        """Nobody listens."""

    async def hangup(self, cause: EndCause = EndCause.LOCAL_HANGUP) -> None:
        """Note it."""
        self.ended = cause

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        """Nothing comes."""

    def speak(self, frame: AudioFrame) -> None:
        """Nobody listens."""

    def send_digit(self, key: str, ms: int = 160) -> None:
        """Nobody takes it."""


class NotingDevice:
    """Notes what rings; `acts` is called when it is told to ring."""

    def __init__(self, kind: str = "browser", acts: Callable[[Offer], object] | None = None) -> None:
        self.kind = kind
        self.acts = acts
        self.ringing: list[Offer] = []
        self.heard: list[tuple[str, str]] = []
        """`ring` or `stop`, and the offer's id."""

    def ring(self, offer: Offer) -> None:
        """Note it."""
        self.ringing.append(offer)
        self.heard.append(("ring", offer.id))
        if self.acts is not None:
            self.acts(offer)

    def stop(self, offer: Offer) -> None:
        """Note it."""
        self.ringing.remove(offer)
        self.heard.append(("stop", offer.id))


class Hall:
    """A distribution, its clock and its log."""

    def __init__(self, settings: AcdSettings | None = None, rules: SkillRules | None = None) -> None:
        self.seconds = 0.0
        self.logged: list[AcdLog] = []
        self.acd = Distributor(
            settings or AcdSettings(),
            self.logged.append,
            rules=rules,
            now=lambda: self.seconds,
            utc_now=lambda: MONDAY + timedelta(seconds=self.seconds),
        )
        self.devices: dict[str, NotingDevice] = {}
        self._calls = 0

    def after(self, seconds: float) -> None:
        """Let time pass, waking the distribution whenever it asked to be."""
        until = self.seconds + seconds
        while (due := self.acd.due()) is not None and due <= until:
            self.seconds = max(self.seconds, due)
            self.acd.tick()
        self.seconds = until
        self.acd.tick()

    def seat(self, name: str, *skills: str, ready: bool = True, **profile: Any) -> Seat:
        """An agent who is signed in with a page open."""
        seat = self.acd.sign_in(Agent(name, name.title(), frozenset(skills), **profile))
        device = self.devices[name] = NotingDevice()
        seat.plug(device)
        if ready:
            seat.ready()
        return seat

    def call(
        self, name: str = "", *skills: str, head: bool = False, queue: str = "legal", **wanted: Any
    ) -> QueuedCall:
        """A call that has entered the queue."""
        self._calls += 1
        call = CallId(name or f"c{self._calls}")
        return self.acd.enter(Wanted(call, queue, skills=frozenset(skills), **wanted), head=head)

    def offer(self, name: str) -> Offer:
        """What rings at an agent."""
        offer = self.acd.seats[name].offer
        assert offer is not None
        return offer

    def take(self, name: str) -> StillLeg:
        """The agent answers."""
        leg = StillLeg(f"{name}-leg")
        assert self.offer(name).accept(leg, self.devices[name])
        return leg

    def ringing(self) -> dict[str, str]:
        """Which call rings at whom."""
        seats = self.acd.seats.values()
        return {seat.agent.name: str(seat.offer.wanted.call) for seat in seats if seat.offer is not None}

    def kinds(self, *but: LogKind) -> list[LogKind]:
        """What was logged, in order."""
        return [line.kind for line in self.logged if line.kind not in but]

    def last(self, kind: LogKind) -> AcdLog:
        """The newest line of a kind."""
        return [line for line in self.logged if line.kind is kind][-1]
