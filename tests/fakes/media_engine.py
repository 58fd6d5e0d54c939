"""A media engine without sockets: hands out port numbers and remembers what it was told."""

from collections.abc import AsyncIterator, Callable

import anyio

from asr.audio import AudioFrame, LegId
from hotline.buffers import DropOldest
from hotline.conversation import AudioFacts, Digit, EndCause
from hotline.errors import HotlineError, LegGone
from hotline.gateway.media import LegEnded, LegInput, MediaPlan, Sink


class NoPortsLeft(HotlineError):
    code = "fake.no_ports_left"


class FakeRtpSession:
    def __init__(self, leg: LegId, port: int) -> None:
        self.leg = leg
        self.local = ("127.0.0.1", port)
        self.facts = AudioFacts()
        self.plans: list[MediaPlan] = []
        self.pressed: list[str] = []
        self.sent: list[str] = []
        self.cause: EndCause | None = None
        self.closed = 0
        self._inputs: DropOldest[LegInput] = DropOldest(100)
        self._ended = anyio.Event()

    def configure(self, plan: MediaPlan) -> None:
        self.plans.append(plan)

    def inputs(self) -> AsyncIterator[LegInput]:
        return self._inputs.__aiter__()

    def digit(self, key: str) -> None:
        self.pressed.append(key)
        self._inputs.push(Digit(key, 0))

    def send_digit(self, key: str, ms: int = 160) -> None:
        self.sent.append(key)

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        if self.cause is not None:
            raise LegGone("ended")
        await anyio.lowlevel.checkpoint()

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        del hear, tap

    def speak(self, frame: AudioFrame) -> None:
        del frame

    def end(self, cause: EndCause) -> None:
        if self.cause is None:
            self.cause = cause
            self._inputs.push(LegEnded(cause))
            self._inputs.close()
            self._ended.set()

    async def wait_ended(self) -> EndCause:
        await self._ended.wait()
        assert self.cause is not None
        return self.cause

    async def close(self) -> None:
        self.closed += 1


class FakeMediaEngine:
    def __init__(self, ports: int = 1_000) -> None:
        self.sessions: list[FakeRtpSession] = []
        self._ports = ports

    async def session(self, leg: LegId) -> FakeRtpSession:
        await anyio.lowlevel.checkpoint()
        if len([item for item in self.sessions if not item.closed]) >= self._ports:
            raise NoPortsLeft("no ports left")
        session = FakeRtpSession(leg, 20_000 + 2 * len(self.sessions))
        self.sessions.append(session)
        return session
