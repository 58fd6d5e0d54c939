"""A talk between fake legs with a real call distribution, driven step by step."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import anyio
from anyio.abc import TaskGroup

from asr.audio import FRAME_SAMPLES, AudioFrame, LegId
from hotline.acd.model import AcdLog, LogKind, Presence
from hotline.acd.policy import AcdPolicy
from hotline.acd.ports import Connected, Device, Offer, Seat
from hotline.call.talk_parts import TalkParts, TalkResult
from hotline.call.talking import LiveTalk
from hotline.conversation import CallId, EndCause
from hotline.errors import HotlineError, LegGone
from hotline.gateway.sip.trunk import NotPermitted
from tests.fakes.acd_parts import MONDAY, Hall, NotingDevice
from tests.fakes.call_parts import FakeLeg, FakeTranscriber

CALL = CallId("c1")
PUBLIC, FORBIDDEN, DEAD = "96110", "900", "96111"
"""Numbers: one that answers, one no policy names, one that does not answer."""


POLICY = AcdPolicy.model_validate(
    {
        "queues": {"night": {"label": "n"}, "yi": {"label": "y", "skills": ["language.yi"]}},
        "skills": {"language.yi": "y"},
    }
)


class PatientLeg(FakeLeg):
    """What is played to it lasts until it is stopped; each frame it says has a level of its own."""

    def __init__(self, leg: str, level: int = 0) -> None:
        super().__init__(leg)
        self.level = level
        self._playing = False
        self._gone = anyio.Event()

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        if self._gone.is_set():
            raise LegGone
        self.played.append(pcm)
        self._playing = True
        try:
            await self._gone.wait()
        finally:
            self._playing = False
        raise LegGone

    def end(self, cause: EndCause) -> None:
        self._gone.set()
        super().end(cause)

    def entertained(self) -> bool:
        """Something is played to it."""
        return self._playing

    @property
    def over(self) -> bool:
        """It has ended."""
        return self._gone.is_set()

    def talk(self) -> None:
        """Say a frame at the leg's level."""
        self.say(self.level.to_bytes(2, "little") * FRAME_SAMPLES)

    def levels(self) -> set[int]:
        """The loudness of what was said to it; forgotten then."""
        found = {int.from_bytes(frame.pcm[:2], "little") for frame in self.spoken}
        self.spoken.clear()
        return found


class NotingTranscriber(FakeTranscriber):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[AudioFrame] = []
        self.closed = False

    def push(self, frame: AudioFrame) -> None:
        self.frames.append(frame)

    async def close(self) -> None:
        await super().close()
        self.closed = True


class Staff:
    """The kit: `anna` has the call, `bo` and `chen` are ready and answer at once, `chief` watches."""

    def __init__(self, kind: str, reattach_s: float, ring_s: float) -> None:
        self.hall = Hall()
        self.legs: list[PatientLeg] = []
        """All but the caller's."""
        self.logged: list[AcdLog] = []
        self.tape: list[AudioFrame] = []
        self.ears: dict[LegId, NotingTranscriber] = {}
        self.caller = PatientLeg("caller", 1)
        self.answering = True
        """Whether those who are rung answer."""
        self.result: TalkResult | None = None
        self.leaving = anyio.CancelScope()
        self.over = anyio.Event()
        self._kind = kind
        self.seats = {name: self._sign_in(name) for name in ("anna", "bo", "chen", "chief")}
        self.seats["chief"].busy("training")
        self.parts = TalkParts(
            call=CALL,
            caller=self.caller,
            queue="legal",
            acd=self.hall.acd,
            log=self.logged.append,
            dial=self._dial,
            listen=self._listen,
            policy=POLICY,
            tape=self.tape.append,
            now=lambda: self.caller.now,
            clock=self.clock,
            reattach_s=reattach_s,
            ring_s=ring_s,
        )

    def clock(self) -> datetime:
        return MONDAY + timedelta(seconds=self.hall.seconds)

    def leg(self, name: str) -> PatientLeg:
        """A new leg; its level tells it from all others, and from those of several together."""
        made = PatientLeg(f"{name}-{len(self.legs)}", 100 + len(self.legs))
        self.legs.append(made)
        return made

    def last_leg(self, name: str) -> PatientLeg:
        """The newest of somebody's."""
        return [leg for leg in self.legs if leg.leg.startswith(name)][-1]

    async def talk(self, following: TaskGroup) -> LiveTalk:
        """Anna answers."""
        seat, leg = self.seats["anna"], self.leg("anna")
        waiting = self.hall.call(CALL, agent="anna")
        assert self.hall.offer("anna").accept(leg, self.hall.devices["anna"])
        connected = await waiting.connected()
        assert connected is not None
        made = LiveTalk(self.parts, Connected(seat, leg, connected.device), following)
        following.start_soon(self._run, made)
        await settle()
        return made

    async def _run(self, talk: LiveTalk) -> None:
        with self.leaving:
            self.result = await talk.run()
        if self.result is None:
            self.result = talk.result()
        self.over.set()

    def kinds(self) -> list[LogKind]:
        """What the talk has logged."""
        return [line.kind for line in self.logged]

    def hear(self) -> dict[str, set[int]]:
        """Everybody who is there says a frame: the levels each hears."""
        everyone = [self.caller, *(leg for leg in self.legs if not leg.over)]
        for leg in everyone:
            leg.levels()
        for leg in everyone:
            leg.talk()
        return {leg.leg: leg.levels() for leg in everyone}

    def _sign_in(self, name: str) -> Seat:
        seat = self.hall.seat(name, ready=False)
        first = self.hall.devices[name]
        seat.unplug(first)
        device = self.hall.devices[name] = NotingDevice(self._kind)
        if name in {"bo", "chen"}:
            device.acts = lambda offer: self._answer(offer, device, name)
        seat.plug(device)
        seat.ready()
        return seat

    def _answer(self, offer: Offer, device: Device, name: str) -> None:
        if self.answering:
            assert offer.accept(self.leg(name), device)

    async def _dial(self, number: str) -> PatientLeg:
        await anyio.lowlevel.checkpoint()
        if number == FORBIDDEN:
            raise NotPermitted("no policy names this number")
        if number == DEAD:
            raise HotlineError("nobody")
        if not self.answering:
            await anyio.sleep_forever()
        return self.leg("outside")

    def _listen(self, leg: LegId) -> NotingTranscriber:
        made = self.ears[leg] = NotingTranscriber()
        return made


async def settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(5):  # a task that was just cancelled seems to wait still
        await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()


@asynccontextmanager
async def staff(
    kind: str = "browser", reattach_s: float = 600.0, ring_s: float = 600.0
) -> AsyncIterator[tuple[Staff, LiveTalk]]:
    """A talk with Anna; left, the caller hangs up if the talk still goes on, and nothing may be left open."""
    async with anyio.create_task_group() as following:
        kit = Staff(kind, reattach_s, ring_s)
        talk = await kit.talk(following)
        yield kit, talk
        kit.leaving.cancel()
        with anyio.fail_after(10):
            await kit.over.wait()
        await settle()
        assert [leg.leg for leg in kit.legs if not leg.hangups] == []
        assert all(seat.presence is not Presence.TALKING for seat in kit.seats.values())
        assert all(ear.closed for ear in kit.ears.values())
        assert not kit.caller.entertained()
        assert not kit.hall.acd.waiting
