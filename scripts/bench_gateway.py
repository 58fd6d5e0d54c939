"""A gateway in a process of its own, as the line opens it, for the scripts that load it with calls.

Sockets, defence, codecs and timers are the real ones; the application answers every call at once. Spoken to
over a pipe: `begin`, `end`, `sample`, `close`, `quit`.
"""

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import numpy as np
import psutil

from hotline.conversation import EndCause
from hotline.errors import CallAborted, LegGone
from hotline.gateway.defence import Defence
from hotline.gateway.media import IncomingCall, LegEnded, MediaLeg
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway.webrtc import WebRtcEngine
from hotline.gateway_settings import DefenceSettings, MediaSettings, SipSettings, WebRtcSettings
from hotline.heap import keep_trimmed, settled_heap
from scripts.bench_parts import HOST, Figures, Meter, hear, received, rss_mb, start

PROMPT = (5000 * np.sin(np.arange(16_000 * 20) * 0.1)).astype("<i2").tobytes()
"""20 s of a tone, 16 kHz s16le."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the gateway's application behaves."""

    speak: bool = False
    """Play a prompt to every caller, again and again."""
    hang_up_share: float = 0.0
    """Share of the calls that the application ends."""
    hang_up_after_s: tuple[float, float] = (5.0, 30.0)
    ring_s: float = 0.0
    """Longest time a call rings before it is answered."""
    port_min: int = 20_000
    port_max: int = 29_998
    dead_after_s: float = 20.0
    profile: Path | None = None
    """Write a cProfile of everything after the first `begin` to this file."""


@dataclass(slots=True)
class Seen:
    """What the application has met."""

    answered: int = 0
    aborted: int = 0
    open: int = 0
    most_open: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    """How answered calls ended."""


class Application:
    """Answers every call, reads what it hears, and may speak and hang up."""

    def __init__(self, plan: Plan, endpoint: SipEndpoint) -> None:
        self._plan = plan
        self._endpoint = endpoint
        self.seen = Seen()

    async def run(self) -> None:
        """Until the endpoint shuts."""
        async with anyio.create_task_group() as calls:
            async for call in self._endpoint.incoming():
                calls.start_soon(self._attend, call)

    async def _attend(self, call: IncomingCall) -> None:
        seen, plan = self.seen, self._plan
        try:
            if plan.ring_s:
                await anyio.sleep(random.uniform(0, plan.ring_s))
            leg = await call.answer()
        except CallAborted:
            seen.aborted += 1
            return
        seen.answered += 1
        seen.open += 1
        seen.most_open = max(seen.most_open, seen.open)
        async with anyio.create_task_group() as tasks:
            if plan.speak:
                tasks.start_soon(talk, leg)
            if random.random() < plan.hang_up_share:
                tasks.start_soon(_hang_up, leg, random.uniform(*plan.hang_up_after_s))
            cause = await listen(leg)
            tasks.cancel_scope.cancel()
        await leg.hangup()
        seen.open -= 1
        seen.causes[cause.value] = seen.causes.get(cause.value, 0) + 1


async def talk(leg: MediaLeg) -> None:
    """Play the prompt as long as the leg lives."""
    try:
        while True:
            await leg.play(PROMPT)
    except LegGone:
        return


async def listen(leg: MediaLeg) -> EndCause:
    """Take what comes in until the leg has ended."""
    async for item in leg.inputs():
        if isinstance(item, LegEnded):
            return item.cause
    return EndCause.ERROR


async def _hang_up(leg: MediaLeg, after_s: float) -> None:
    await anyio.sleep(after_s)
    await leg.hangup()


@asynccontextmanager
async def doors(plan: Plan) -> AsyncIterator[tuple[MediaEngine, SipEndpoint]]:
    """Media, browsers' port and SIP, with the defence before it, as `hotline.doors` opens them."""
    media_settings = MediaSettings(
        port_min=plan.port_min, port_max=plan.port_max, dead_after_s=plan.dead_after_s
    )
    defence = Defence(DefenceSettings())
    async with (
        MediaEngine.open(HOST, media_settings) as media,
        WebRtcEngine.open(media, WebRtcSettings(), HOST) as browsers,
        SipEndpoint.open(SipSettings(port=0), browsers, admission=lambda: None, guard=defence) as endpoint,
    ):
        yield media, endpoint


async def serve(pipe: Connection, plan: Plan) -> None:
    """The gateway's process: tells its port first, then does what it is told."""
    async with doors(plan) as (media, endpoint), anyio.create_task_group() as tasks:
        with settled_heap():
            desk = _Desk(pipe, plan, media, endpoint)
            tasks.start_soon(desk.application.run)
            tasks.start_soon(desk.watch)
            tasks.start_soon(keep_trimmed)
            pipe.send(endpoint.port)
            await desk.obey()
            tasks.cancel_scope.cancel()


class _Desk:
    """Does what the pipe says."""

    def __init__(self, pipe: Connection, plan: Plan, media: MediaEngine, endpoint: SipEndpoint) -> None:
        self._pipe, self._plan = pipe, plan
        self._media, self._endpoint = media, endpoint
        self._meter = Meter()
        self._process = psutil.Process()
        self._rss = self._peak = rss_mb()
        self._profiler: Any = None
        self.application = Application(plan, endpoint)

    async def watch(self) -> None:
        """Loop lag all the time; memory now and then."""
        while True:
            for _ in range(25):
                await self._meter.step()
            self._peak = max(self._peak, rss_mb())

    async def obey(self) -> None:
        """Until `quit`, or until nobody speaks any more."""
        while True:
            try:
                word = await received(self._pipe)
            except EOFError:
                return
            if word == "quit":
                return
            self._pipe.send(self._do(word))

    def _do(self, word: str) -> Figures:
        if word == "begin":
            return self._begin()
        if word == "end":
            return self._end()
        return self._sample()

    def _begin(self) -> Figures:
        if self._plan.profile is not None:
            import cProfile

            self._profiler = cProfile.Profile()
            self._profiler.enable()
        self._rss = self._peak = rss_mb()
        self.application.seen = Seen()
        self._meter.begin()
        return {}

    def _end(self) -> Figures:
        figures = self._meter.end()
        if self._profiler is not None:
            self._profiler.disable()
            self._profiler.dump_stats(self._plan.profile)
        seen = self.application.seen
        figures |= {"answered": seen.answered, "aborted": seen.aborted, "most_open": seen.most_open}
        figures["rss_kb_per_call"] = max(0.0, self._peak - self._rss) * 1000 / max(1, seen.most_open)
        return figures | self._sample()

    def _sample(self) -> Figures:
        """What must not grow."""
        gc.collect()
        sip = self._endpoint.stats
        media = self._media.stats
        return {
            "rss_mb": rss_mb(),
            "objects": len(gc.get_objects()),
            "fds": self._process.num_fds(),
            "ports": media.sessions,
            "dialogs": sip.dialogs,
            "transactions": sip.transactions,
            "tasks": len(asyncio.all_tasks()),
            "open_calls": self.application.seen.open,
            "answered_calls": self.application.seen.answered,
            "faults": sip.faults,
            "absorbed": sip.absorbed,
            "packets_in": media.packets_in,
            "packets_out": media.packets_out,
            "tick_p99_ms": media.lag_p99_ms,
        }


class Gateway:
    """The parent's side of that process."""

    def __init__(self, plan: Plan) -> None:
        self._process, self._pipe = start(serve, plan)
        self.port: int = hear(self._pipe, 60, "gateway")

    def ask(self, word: str) -> Figures:
        """`begin`, `end` or `sample`."""
        self._pipe.send(word)
        figures: Figures = hear(self._pipe, 60, "gateway")
        return figures

    def quit(self) -> None:
        """Shut the gateway; its calls are hung up."""
        self._pipe.send("quit")
        self._process.join(20)
        if self._process.is_alive():
            self._process.kill()

    @property
    def process(self) -> BaseProcess:
        """For those who look at it from outside."""
        return self._process
