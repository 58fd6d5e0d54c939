"""A talk over real RTP and onto a real tape: hold, another codec, a whisper, a consultation."""

import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import numpy as np
import pytest
from anyio.abc import TaskGroup
from numpy.typing import NDArray

from asr.audio import AudioFrame, LegId
from hotline.acd.policy import AcdPolicy
from hotline.acd.ports import Connected
from hotline.call.floor import Oversight
from hotline.call.line import utc_now
from hotline.call.recording import Recorder
from hotline.call.talk_parts import TalkParts
from hotline.call.talking import LiveTalk
from hotline.conversation import CallId
from hotline.gateway.media import Codec, Direction, MediaPlan
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.web_door import WebLeg
from hotline.gateway_settings import MediaSettings
from tests.fakes.acd_parts import Hall
from tests.fakes.talk_kit import NotingTranscriber
from tests.fakes.tone_phone import PAYLOAD_TYPES, Phone, tones_in

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(90)]

CALLER, AGENT, THIRD, CHIEF = 1100.0, 1500.0, 1900.0, 2300.0
TONES = (CALLER, AGENT, THIRD, CHIEF)
CALL = CallId("c1")


class Table:
    """Phones around one talk."""

    def __init__(self, engine: MediaEngine, tasks: TaskGroup) -> None:
        self._engine = engine
        self._tasks = tasks
        self.hall = Hall()

    async def phone(self, hertz: float, codec: Codec = "PCMA") -> tuple[Phone, WebLeg]:
        """Somebody who says a tone, and their leg."""
        leg = LegId(f"{hertz:.0f}")
        phone = Phone(await self._engine.session(leg), codec, hertz)
        self._tasks.start_soon(phone.run)
        # It answers no offer; all else a leg asks for it has.
        return phone, WebLeg(leg, phone.leg)  # type: ignore[arg-type]


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    settings = MediaSettings(port_min=46_500, port_max=46_600)
    async with MediaEngine.open("127.0.0.1", settings) as media, anyio.create_task_group() as tasks:
        yield Table(media, tasks)
        tasks.cancel_scope.cancel()


async def settled(done: Callable[[], bool], seconds: float = 10.0) -> None:
    with anyio.fail_after(seconds):
        while not done():  # noqa: ASYNC110  what is waited for is heard, and nobody tells
            await anyio.sleep(0.05)


def parts(
    table: Table, caller: WebLeg, tape: Recorder, now: Callable[[], int], ears: list[NotingTranscriber]
) -> TalkParts:
    async def dial(_number: str) -> WebLeg:
        return (await table.phone(THIRD))[1]

    def listen(_leg: LegId) -> NotingTranscriber:
        ears.append(NotingTranscriber())
        return ears[-1]

    return TalkParts(
        call=CALL,
        caller=caller,
        queue="legal",
        acd=table.hall.acd,
        log=lambda _: None,
        dial=dial,
        listen=listen,
        policy=AcdPolicy(),
        tape=lambda frame: tape.push(1, frame),
        now=now,
        clock=utc_now,
        reattach_s=5,
        ring_s=5,
    )


def stereo(path: Path) -> NDArray[np.int16]:
    """(samples, 2): caller, and what the caller was told."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


async def test_who_is_heard_and_what_is_kept(table: Table, tmp_path: Path) -> None:
    caller, caller_leg = await table.phone(CALLER)
    agent, agent_leg = await table.phone(AGENT, "PCMU")
    chief, chief_leg = await table.phone(CHIEF)
    ears: list[NotingTranscriber] = []
    tape, clock = Recorder(tmp_path, "call"), [0]

    async def read_caller() -> None:
        async for item in caller_leg.inputs():
            if isinstance(item, AudioFrame):
                clock[0] = item.end
                tape.push(0, item)

    async with anyio.create_task_group() as session:
        session.start_soon(read_caller)
        await settled(lambda: clock[0] > 16_000)  # the greeting, in which nobody else was there
        tape.start(clock[0])
        origin = clock[0]
        table.hall.seat("anna")
        waiting = table.hall.call(CALL)
        device = table.hall.devices["anna"]
        assert table.hall.offer("anna").accept(agent_leg, device)
        connected = await waiting.connected()
        assert connected is not None
        first = Connected(connected.seat, agent_leg, device)
        talk = LiveTalk(parts(table, caller_leg, tape, lambda: clock[0], ears), first, session)
        session.start_soon(talk.run)
        await settled(lambda: caller.tones(TONES) == {AGENT} and agent.tones(TONES) == {CALLER})

        talk.oversee("chief", chief_leg, Oversight.WHISPER)
        await settled(lambda: agent.tones(TONES) == {CALLER, CHIEF})
        await settled(lambda: chief.tones(TONES) == {CALLER, AGENT})
        assert caller.tones(TONES) == {AGENT}

        talk.hold()
        await settled(lambda: caller.tones(TONES) == set() and agent.tones(TONES) == {CHIEF})
        talk.resume()
        await settled(lambda: caller.tones(TONES) == {AGENT})

        await change_codec(caller, "PCMU")
        await settled(lambda: caller.tones(TONES) == {AGENT} and agent.tones(TONES) == {CALLER, CHIEF})

        await talk.consult("number:96110")
        await settled(lambda: agent.tones(TONES) == {THIRD, CHIEF})
        assert caller.tones(TONES) == set()
        await talk.conference()
        await settled(lambda: caller.tones(TONES) == {AGENT, THIRD})
        await talk.hangup()
        await settled(lambda: caller.tones(TONES) == set())
        await caller_leg.hangup()
    facts = await anyio.to_thread.run_sync(tape.close)
    assert facts.path is not None
    assert facts.dropped == 0
    left, right = stereo(facts.path).T
    for begin in range(0, len(left) - 4000, 4000):
        assert tones_in(left[begin : begin + 4000], 8000, TONES) <= {CALLER}
        assert tones_in(right[begin : begin + 4000], 8000, TONES) <= {AGENT, THIRD}
    assert tones_in(right, 8000, (AGENT,), 300) == {AGENT}
    check_clock(ears[0].frames, right, origin)


async def change_codec(phone: Phone, codec: Codec) -> None:
    """As a re-INVITE does."""
    phone.codec = codec
    phone.leg.configure(
        MediaPlan(phone.socket.getsockname(), codec, PAYLOAD_TYPES[codec], None, Direction.SENDRECV)
    )
    phone.heard.clear()
    await anyio.sleep(0.5)


def check_clock(frames: list[AudioFrame], right: NDArray[np.int16], origin: int) -> None:
    """The agent's voice begins in the transcript's clock where it begins on the tape."""
    spoken = next(frame.start for frame in frames if np.abs(np.frombuffer(frame.pcm, "<i2")).max() > 3_000)
    on_tape = 2 * int(np.flatnonzero(np.abs(right.astype(int)) > 3_000)[0])
    assert spoken - origin == pytest.approx(on_tape, abs=0.12 * 16_000)
