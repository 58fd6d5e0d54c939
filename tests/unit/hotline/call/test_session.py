"""The main path, with a caller, a recogniser and a desk driven by hand: however a call ends, one record."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from hotline.bus import InProcessBus
from hotline.call.journal import Journal
from hotline.call.line import Line
from hotline.call.recording import Recorder, RecordingFacts
from hotline.call.session import CallSession
from hotline.conversation import CallId, CallRecord, EndCause, Outcome
from hotline.ivr.flow import FlowFile
from hotline.settings import LimitSettings
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

pytestmark = [pytest.mark.unit, pytest.mark.anyio]

FLOW = FlowFile.load(Path(__file__).parents[4] / "ivr_flows" / "12348.yaml")


@dataclass
class Stage:
    """A call and everything around it."""

    recordings: Path
    leg: FakeLeg = field(default_factory=FakeLeg)
    store: FakeStore = field(default_factory=FakeStore)
    desk: FakeDesk = field(default_factory=FakeDesk)
    ears: FakeTranscribers = field(default_factory=FakeTranscribers)
    bus: InProcessBus = field(default_factory=InProcessBus)
    answered: bool = True

    def session(self, journal: Journal) -> CallSession:
        line = Line(
            bus=self.bus,
            journal=journal,
            transcribers=self.ears,
            reader=FakeReader(),
            desk=self.desk,
            prompts=FakePrompts(),
            flow=FLOW,
            recordings=self.recordings,
            limits=LimitSettings(),
            clock=lambda: NOW,
        )
        return CallSession(CallId("c1"), FakeCall(self.leg if self.answered else None), line)

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

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let things happen, 20 ms of the caller's time a step, until something has."""
        with anyio.fail_after(10):
            while not condition():
                self.leg.frames(0.02)
                await anyio.sleep(0.0005)

    async def until_listening(self) -> None:
        """Greeting, notice and the wish to leave a message have been played."""
        await self.until(lambda: len(self.leg.played) == 4)
        await self.until(lambda: bool(self.store.consents))

    @property
    def record(self) -> CallRecord:
        (record,) = self.store.records
        return record


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_message_becomes_an_order_and_the_number_is_read_out(stage: Stage) -> None:
    async with stage.call():
        await stage.until_listening()
        stage.ears.transcriber.say("老板欠我工资", stage.leg.now + 16_000)
        stage.leg.frames(5)
        await stage.until(lambda: bool(stage.leg.hangups))
    record = stage.record
    assert (record.outcome, record.orders) == (Outcome.ORDER_FILED, ("SC-1",))
    assert stage.store.started == ["c1"]
    assert stage.store.finals == ["老板欠我工资"]
    (command,) = stage.desk.orders.values()
    assert (command.matter, command.summary, command.caller_contact) == (
        "labour.wages",
        "老板欠我工资",
        "13800001234",
    )
    assert record.flow_path[-2:] == ("confirm", "goodbye")
    assert record.consent_version == stage.store.consents[0]
    assert record.recording is not None
    assert (stage.recordings / record.recording).exists()
    assert record.recording_origin > 0


async def test_hanging_up_in_the_greeting_leaves_a_record_and_nothing_else(stage: Stage) -> None:
    async with stage.call():
        stage.leg.frames(0.1)
        stage.leg.end(EndCause.REMOTE_HANGUP)
    assert stage.record.outcome is Outcome.ABANDONED
    assert stage.record.recording is None
    assert stage.desk.orders == {}
    assert list(stage.recordings.iterdir()) == []


async def test_a_call_torn_in_mid_message_is_filed_once(stage: Stage) -> None:
    async with stage.call():
        await stage.until_listening()
        stage.leg.frames(2)
        stage.ears.transcriber.say("我要讨薪", stage.leg.now)
        await stage.until(lambda: bool(stage.store.finals))
        stage.leg.end(EndCause.REMOTE_HANGUP)
    assert stage.record.outcome is Outcome.ORDER_FILED
    assert len(stage.desk.orders) == 1


async def test_speech_that_recognition_could_not_read_is_filed_to_be_listened_to(stage: Stage) -> None:
    async with stage.call():
        await stage.until_listening()
        stage.leg.frames(2)
        stage.ears.transcriber.last_speech = stage.leg.now
        await stage.until(lambda: stage.leg.now > stage.ears.transcriber.last_speech)
        stage.leg.end(EndCause.MEDIA_TIMEOUT)
    (command,) = stage.desk.orders.values()
    assert command.matter == "other"
    assert stage.record.detail == "media_timeout"


async def test_nobody_speaking_is_asked_again_and_then_let_go(stage: Stage) -> None:
    async with stage.call():
        await stage.until(lambda: bool(stage.leg.hangups))
    assert stage.record.outcome is Outcome.SILENT
    assert "nothing_said" in stage.record.flow_path
    assert stage.desk.orders == {}


async def test_the_hash_key_ends_the_message_at_once(stage: Stage) -> None:
    async with stage.call():
        await stage.until_listening()
        stage.leg.frames(1)
        stage.ears.transcriber.say("我要讨薪", stage.leg.now)
        await stage.until(lambda: bool(stage.store.finals))
        pressed = stage.leg.now
        stage.leg.press("#")
        await stage.until(lambda: len(stage.leg.played) == 5)  # on to what is missing
        assert stage.leg.now - pressed < 2 * 16_000
        await stage.until(lambda: bool(stage.leg.hangups))
    assert stage.record.digits == "#"


async def test_a_place_that_was_not_told_is_asked_for_and_a_known_number_is_not(stage: Stage) -> None:
    async with stage.call():
        await stage.until_listening()
        stage.ears.transcriber.say("老板欠我工资", stage.leg.now + 16_000)
        stage.leg.frames(5)
        await stage.until(lambda: len(stage.leg.played) == 5)
        stage.leg.frames(0.2)
        stage.ears.transcriber.say("在双流", stage.leg.now + 24_000)
        await stage.until(lambda: bool(stage.leg.hangups))
    (command,) = stage.desk.orders.values()
    assert "老板欠我工资" in command.summary
    assert "在双流" in command.summary
    assert [node for node in stage.record.flow_path if node.startswith(("ask", "details"))] == [
        "details",
        "ask_place",
        "details",
    ]


async def test_a_caller_who_gives_up_before_the_answer_is_recorded(stage: Stage) -> None:
    stage.answered = False
    async with stage.call():
        pass
    assert (stage.record.outcome, stage.record.answered) == (Outcome.ABANDONED, None)


async def test_a_failure_inside_ends_the_call_with_its_record(stage: Stage) -> None:
    stage.ears.transcriber.failure = RuntimeError("boom")
    with pytest.raises(ExceptionGroup):
        async with stage.call():
            stage.leg.frames(0.1)
    assert stage.record.outcome is Outcome.ERROR
    assert stage.leg.hangups


@pytest.mark.parametrize("step", range(0, 120, 3))
async def test_cancelled_at_any_moment_a_call_still_leaves_its_one_record(tmp_path: Path, step: int) -> None:
    stage = Stage(tmp_path)
    journal = Journal(stage.store)
    async with anyio.create_task_group() as world:
        world.start_soon(journal.run)
        async with anyio.create_task_group() as calls:
            calls.start_soon(stage.session(journal).run)
            for n in range(step):
                stage.leg.frames(0.1)
                if n == 60:
                    stage.ears.transcriber.say("我要讨薪", stage.leg.now)
                await anyio.lowlevel.checkpoint()
            calls.cancel_scope.cancel()
        journal.close()
    if stage.store.started:  # else the call was cancelled before it began
        assert len(stage.store.records) == 1
    assert len(stage.desk.orders) <= 1


def _raise(*_args: object, **_kwargs: object) -> None:
    raise RuntimeError("boom")


async def _fail(*_args: object, **_kwargs: object) -> None:
    raise RuntimeError("boom")


@pytest.mark.parametrize("fault", ["reader", "summary", "recorder", "transcriber", "hangup"])
async def test_whatever_fails_at_the_end_the_record_and_the_order_are_kept(
    stage: Stage, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    match fault:
        case "reader":
            monkeypatch.setattr(FakeReader, "read", _raise)
        case "summary":
            monkeypatch.setattr(FakeReader, "summary", _raise)
        case "recorder":
            close = Recorder.close

            def close_and_fail(recorder: Recorder) -> RecordingFacts:
                close(recorder)
                raise RuntimeError("boom")

            monkeypatch.setattr(Recorder, "close", close_and_fail)
        case "transcriber":
            monkeypatch.setattr(stage.ears.transcriber, "close", _fail)
        case "hangup":
            monkeypatch.setattr(stage.leg, "hangup", _fail)
    broken = pytest.raises(ExceptionGroup) if fault == "transcriber" else nullcontext()
    with broken:
        async with stage.call():
            await stage.until_listening()
            stage.leg.frames(2)
            stage.ears.transcriber.say("我要讨薪", stage.leg.now)
            await stage.until(lambda: bool(stage.store.finals))
            stage.leg.end(EndCause.REMOTE_HANGUP)
    assert len(stage.store.records) == 1
    assert len(stage.desk.orders) == 1
