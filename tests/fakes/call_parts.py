"""A caller, a recogniser and a desk that a unit test drives by hand."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import anyio

from asr.audio import FRAME_SAMPLES, AudioFrame, LegId, UtteranceId
from asr.transcript import LegFacts, TranscriptEvent
from hotline.buffers import DropOldest
from hotline.conversation import (
    AudioFacts,
    CallRecord,
    Candidate,
    Digit,
    EndCause,
    Intent,
    Sentence,
    Source,
    Turn,
)
from hotline.errors import CallAborted, LegGone
from hotline.gateway.media import LegEnded, LegInput, Sink
from hotline.intent.crisis import Alert
from workorders.messages import Filed, FileWorkOrder

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SILENCE = bytes(2 * FRAME_SAMPLES)


class FakeLeg:
    """A leg whose frames come when the test says so; playing takes no time."""

    def __init__(self, leg: str = "leg") -> None:
        self.leg = LegId(leg)
        self.facts = AudioFacts(codec="PCMA")
        self.played: list[bytes] = []
        self.hangups: list[EndCause] = []
        self.pressed = ""
        """Keys sent to it."""
        self.spoken: list[AudioFrame] = []
        """What others said to it."""
        self._inputs: DropOldest[LegInput] = DropOldest(100_000)
        self._now = 0
        self._ended = False
        self._hear: Sink | None = None
        self._tap: Sink | None = None

    def frames(self, seconds: float) -> None:
        """Let the caller's side send this much silence."""
        for _ in range(round(seconds * 50)):
            self.say(SILENCE)

    def say(self, pcm: bytes) -> None:
        """Let the caller's side send one frame."""
        frame = AudioFrame(self.leg, self._now, pcm)
        self._inputs.push(frame)
        if self._hear is not None:
            self._hear(frame)
        self._now += FRAME_SAMPLES

    def connect(self, hear: Sink | None, tap: Sink | None = None) -> None:
        self._hear, self._tap = hear, tap

    def speak(self, frame: AudioFrame) -> None:
        self.spoken.append(frame)
        if self._tap is not None:
            self._tap(AudioFrame(self.leg, self._now, frame.pcm))

    @property
    def now(self) -> int:
        """The leg's clock, in samples."""
        return self._now

    def press(self, key: str) -> None:
        """The caller presses a key."""
        self._inputs.push(Digit(key, self._now))

    def end(self, cause: EndCause) -> None:
        """The leg ends."""
        if not self._ended:
            self._ended = True
            self._inputs.push(LegEnded(cause))
            self._inputs.close()

    def send_digit(self, key: str, ms: int = 160) -> None:
        self.pressed += key

    async def inputs(self) -> AsyncIterator[LegInput]:
        async for item in self._inputs:
            yield item

    async def play(self, pcm: bytes, tap: Callable[[AudioFrame], None] | None = None) -> None:
        await anyio.lowlevel.checkpoint()
        if self._ended:
            raise LegGone
        if tap is not None:
            tap(AudioFrame(self.leg, self._now, pcm[: 2 * FRAME_SAMPLES]))
        self.played.append(pcm)

    async def hangup(self, cause: EndCause = EndCause.LOCAL_HANGUP) -> None:
        await anyio.lowlevel.checkpoint()
        self.hangups.append(cause)
        self.end(cause)


class FakeCall:
    """A call that rings."""

    remote = "13800001234"
    dialled = "12348"
    channel = "phone"

    def __init__(self, leg: FakeLeg | None) -> None:
        self._leg = leg

    async def progress(self) -> FakeLeg | None:
        await anyio.lowlevel.checkpoint()
        return self._leg

    async def answer(self) -> FakeLeg:
        await anyio.lowlevel.checkpoint()
        if self._leg is None:
            raise CallAborted
        return self._leg

    async def reject(self, status: int, reason: str, retry_after: int | None = None) -> None:
        raise AssertionError


class FakeTranscriber:
    """Says what the test tells it to."""

    def __init__(self) -> None:
        self.last_speech = 0
        self.pending = 0
        self.facts = LegFacts()
        self.failure: Exception | None = None
        self._events: DropOldest[TranscriptEvent] = DropOldest(1000)
        self._seq = 0

    def push(self, frame: AudioFrame) -> None:
        if self.failure is not None:
            raise self.failure

    def say(self, text: str, end: int, kind: str = "final") -> None:
        """An utterance ends at sample `end`."""
        self._seq += 1
        self.last_speech = end
        stable, tail = (text, "") if kind == "final" else ("", text)
        name = UtteranceId(f"{id(self)}-u{self._seq}")
        start = max(0, end - 16_000)
        self._events.push(
            TranscriptEvent(
                name,
                LegId("leg"),
                self._seq,
                "final" if kind == "final" else "partial",
                stable,
                tail,
                text,
                start,
                end,
            )
        )

    async def events(self) -> AsyncIterator[TranscriptEvent]:
        async for event in self._events:
            yield event

    async def close(self) -> None:
        await anyio.lowlevel.checkpoint()
        self._events.close()


@dataclass
class FakeTranscribers:
    """Hands out the caller's transcriber, then one to each agent's leg."""

    transcriber: FakeTranscriber = field(default_factory=FakeTranscriber)
    agents: list[FakeTranscriber] = field(default_factory=list)
    level: int = 0
    opened: int = 0

    def open(self, leg: LegId) -> FakeTranscriber:
        self.opened += 1
        if self.opened == 1:
            return self.transcriber
        self.agents.append(FakeTranscriber())
        return self.agents[-1]


class FakeReader:
    """Understands that every caller wants their wages."""

    callback = "请打回。"
    categories: Mapping[str, str] = {"labour.wages": "欠薪", "consult": "法律咨询", "other": "其他"}

    def __init__(self) -> None:
        self.texts: list[str] = []
        """What was read, each time."""

    def read(self, turns: Sequence[Turn], *, now: date) -> Intent | None:
        if not turns:
            return None
        self.texts.append("".join(turn.text for turn in turns))
        matter = Candidate("labour.wages", "欠薪", 0.9)
        return Intent(matter, Candidate("consult", "法律咨询", 0.8), (matter,), (), (), Source.SPEECH)

    def alerts(self, text: str, *, growing: bool = False) -> Sequence[Alert]:
        at = text.find("不想活")
        return [Alert("self_harm", "自伤自杀", "12356", at, at + 3, "不想活")] if at >= 0 else []

    def summary(self, turns: Sequence[Turn], intent: Intent | None) -> tuple[Sentence, ...]:
        return (Sentence("。".join(turn.text for turn in turns)),)


@dataclass
class FakeDesk:
    """Files in memory, once a call and matter."""

    orders: dict[tuple[str, int], FileWorkOrder] = field(default_factory=dict)

    async def file(self, command: FileWorkOrder) -> Filed | None:
        await anyio.lowlevel.checkpoint()
        self.orders[command.call_id, command.matter_no] = command
        return Filed(f"SC-{len(self.orders)}", "u", "U", None, created=True)


class FakePrompts:
    """One frame of sound a prompt."""

    def audio(self, ids: Sequence[str], values: Mapping[str, str]) -> bytes:
        return SILENCE * len(ids)


@dataclass
class FakeStore:
    """Keeps what a journal writes."""

    records: list[CallRecord] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    finals: list[str] = field(default_factory=list)
    consents: list[str] = field(default_factory=list)

    def start(self, call: str, channel: str, remote: str, dialled: str, started: datetime) -> None:
        self.started.append(call)

    def add_finals(self, batch: Sequence[tuple[object, object, TranscriptEvent]]) -> None:
        self.finals.extend(event.text for _, _, event in batch)

    def save_intent(self, call: str, intent: Intent, at: datetime) -> None:
        pass

    def consent(self, call: str, version: str, at: datetime) -> None:
        self.consents.append(version)

    def save(self, record: CallRecord) -> None:
        self.records.append(record)
