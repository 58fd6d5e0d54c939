"""A call, agents with pages that answer when told to, and everything around them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio

from hotline.acd.distributor import Distributor
from hotline.acd.model import AcdLog, Agent, LogKind, Wanted
from hotline.acd.policy import AcdPolicy
from hotline.acd.ports import Offer
from hotline.bus import InProcessBus
from hotline.call.drafts import Drafts
from hotline.call.journal import Journal
from hotline.call.line import Line
from hotline.call.people import People
from hotline.call.session import CallSession
from hotline.call.talks import Talks
from hotline.conversation import CallId
from hotline.errors import HotlineError
from hotline.gateway.media import MediaLeg
from hotline.ivr.flow import FlowFile
from hotline.settings import AcdSettings, LimitSettings
from tests.fakes.call_parts import (
    NOW,
    FakeCall,
    FakeDesk,
    FakeLeg,
    FakePrompts,
    FakeReader,
    FakeStore,
    FakeTranscribers,
)

FLOW = FlowFile.load(Path(__file__).parents[2] / "ivr_flows" / "12348.yaml")
CALL = CallId("c1")


class Console:
    """An agent's page that answers when told to."""

    kind = "browser"

    def __init__(self, name: str) -> None:
        self.leg = FakeLeg(name)
        self.offers: list[Offer] = []

    def ring(self, offer: Offer) -> None:
        self.offers.append(offer)

    def stop(self, offer: Offer) -> None:
        self.offers.remove(offer)

    def answer(self) -> None:
        assert self.offers.pop().accept(self.leg, self)


@dataclass
class Hall:
    """A call, agents, and everything around them."""

    recordings: Path
    leg: FakeLeg = field(default_factory=lambda: FakeLeg("caller"))
    store: FakeStore = field(default_factory=FakeStore)
    desk: FakeDesk = field(default_factory=FakeDesk)
    reader: FakeReader = field(default_factory=FakeReader)
    ears: FakeTranscribers = field(default_factory=FakeTranscribers)
    log: list[AcdLog] = field(default_factory=list)
    talks: Talks = field(default_factory=Talks)
    outside: FakeLeg | None = None
    reattach_s: float = 5.0
    longest_s: float | None = None
    """How long a caller waits at most; None: as the flow says."""

    def __post_init__(self) -> None:
        self.drafts = Drafts(self.reader, self.desk, cast(Any, None))  # nothing is asked of the store
        self.acd = Distributor(AcdSettings(again_s=0), self.log.append)

    def agent(self, name: str = "li") -> Console:
        console = Console(name)
        seat = self.acd.sign_in(Agent(name, name, frozenset()))
        seat.plug(console)
        seat.ready()
        return console

    def session(self, journal: Journal) -> CallSession:
        return CallSession(CALL, FakeCall(self.leg), self.line(journal))

    def line(self, journal: Journal) -> Line:
        async def want(
            call: CallId,
            remote: str,
            queue: str,
            reasons: tuple[str, ...] = (),
            skills: tuple[str, ...] = (),
        ) -> Wanted:
            await anyio.lowlevel.checkpoint()
            return Wanted(call, queue, reasons=reasons, skills=frozenset(skills))

        async def dial(number: str) -> MediaLeg:
            await anyio.lowlevel.checkpoint()
            if self.outside is None:
                raise HotlineError(number)
            return self.outside

        return Line(
            bus=InProcessBus(),
            journal=journal,
            transcribers=self.ears,
            reader=self.reader,
            desk=self.desk,
            prompts=FakePrompts(),
            flow=self._flow(),
            recordings=self.recordings,
            limits=LimitSettings(),
            people=People(
                acd=self.acd,
                want=want,
                policy=AcdPolicy(),
                log=self.log.append,
                dial=dial,
                talks=self.talks,
                drafts=self.drafts,
                ring_s=5.0,
                reattach_s=self.reattach_s,
                requeue_s=10.0,
            ),
            clock=lambda: NOW,
        )

    def _flow(self) -> FlowFile:
        if self.longest_s is None:
            return FLOW
        duty = FLOW.nodes["duty"].model_copy(update={"seconds_max": self.longest_s})
        return FLOW.model_copy(update={"nodes": {**FLOW.nodes, "duty": duty}})

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Run the call beside the test; leaving waits for its end."""
        journal = Journal(self.store)
        async with anyio.create_task_group() as world:
            world.start_soon(journal.run)
            async with anyio.create_task_group() as calls:
                calls.start_soon(self.session(journal).run)
                yield
            journal.close()

    async def until(self, condition: Callable[[], object]) -> None:
        """Let things happen until something has."""
        with anyio.fail_after(10):
            while not condition():
                self.leg.frames(0.02)
                await anyio.sleep(0.0005)

    async def answered(self, console: Console) -> None:
        """Until the agent has the call."""
        await self.until(lambda: console.offers)
        console.answer()
        await self.until(lambda: self.talks.of_agent(console.leg.leg) is not None)

    def kinds(self) -> list[LogKind]:
        return [line.kind for line in self.log if line.call == CALL]
