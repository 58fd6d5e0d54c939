"""The main path: one call, from ringing to its record and its work order.

Read it from `run` down. A caller's frame goes to the recorder and the transcriber (`_hear`); a transcript
event goes to the bus, the journal and the router (`_read`); the caller flow says what is played, listened
for and filed (`_converse`), and when people are to answer (`_attend`); whatever happens, `_close` writes
exactly one record.
"""

import logging
from contextlib import nullcontext
from dataclasses import replace

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from asr.audio import SAMPLE_RATE, AudioFrame, LegId
from asr.protocols import Transcriber
from asr.transcript import LegFacts, TranscriptEvent
from hotline.acd.ports import Left
from hotline.call.attended import Attendance, CallSide
from hotline.call.contained import contained
from hotline.call.cues import Cues
from hotline.call.drafts import NoDraft
from hotline.call.early import take
from hotline.call.filing import file_command
from hotline.call.line import Line
from hotline.call.listening import Listening, Verdict
from hotline.call.record import CallFacts
from hotline.call.recording import Recorder, RecordingFacts
from hotline.call.turns import TurnBuilder
from hotline.call.understanding import Understanding
from hotline.call.watch import Watch
from hotline.conversation import AudioFacts, CallId, CallRecord, Digit, EndCause, Source, Speaker, Turn
from hotline.errors import CallAborted, LegGone
from hotline.events import (
    CallEnded,
    CallStarted,
    FlowMoved,
    IntentRecognized,
    OrderFiled,
    RecordingStarted,
    TranscriptPublished,
)
from hotline.gateway.media import IncomingCall, MediaLeg
from hotline.ivr import machine
from workorders.calendar import SHANGHAI

log = logging.getLogger(__name__)

HANGUP_SECONDS, LAST_WORDS_SECONDS, FILING_SECONDS = 3.0, 10.0, 8.0
"""Limits of the steps of a call's end, which is shielded from cancellation. What is not filed or saved in
time stays with the desk and the journal, which go on trying."""
DIGITS = 200
"""Keys kept in the record; a toddler may press more."""
CALLER, ROBOT = 0, 1
"""Channels of the recording."""


class CallSession:
    """One conversation with a caller whom the machine attends."""

    def __init__(self, call: CallId, incoming: IncomingCall, line: Line) -> None:
        self._call = call
        self._incoming = incoming
        self._line = line
        self._facts = CallFacts(
            call=call,
            leg=LegId(f"{call}-caller"),
            channel=incoming.channel,
            remote=incoming.remote,
            dialled=incoming.dialled,
            started=line.clock(),
            flow=line.flow.name,
        )
        self._leg: MediaLeg | None = None
        self._now = 0
        self._transcriber: Transcriber | None = None
        self._turns = TurnBuilder()
        self._understanding = Understanding(call, line.reader)
        self._watch = Watch(self._call, line.reader, line.bus)
        self._recorder = Recorder(line.recordings, str(call))
        self._listening: Listening | None = None
        self._end_keys = ""
        self._cues = Cues()
        self._flow = machine.FlowState(node="")
        self._message_open = False
        self._matter_until: int | None = None
        """Sample from which on the caller tells how satisfied they are."""
        self._attendance: Attendance | None = None
        self._agents: list[Transcriber] = []
        self._confirmed = False
        """Whether an agent has confirmed what was understood."""

    async def run(self) -> CallRecord:
        """Take the call and stay until it is over; returns its record, which is stored by then.

        Cancelling hangs up and still stores the record.
        """
        facts = self._facts
        self._line.journal.start(facts.call, facts.channel, facts.remote, facts.dialled, facts.started)
        try:
            leg = self._leg = await take(self._incoming, self._line)
            facts.leg, facts.answered = leg.leg, self._line.clock()
            self._transcriber = self._line.transcribers.open(leg.leg)
            self._line.bus.publish(CallStarted(self._call, facts.channel, facts.remote, facts.dialled))
            async with anyio.create_task_group() as parts:
                parts.start_soon(self._read, self._transcriber, Speaker.CALLER)
                self._meet_people(leg, parts)
                talk = anyio.CancelScope()
                parts.start_soon(self._converse, leg, talk)
                await self._hear(leg, self._transcriber)
                talk.cancel()
                await self._transcriber.close()
            facts.failed = False
        except CallAborted:
            facts.cause, facts.failed = EndCause.CANCELLED, False
        except anyio.get_cancelled_exc_class():
            facts.cause, facts.failed = EndCause.SHUTDOWN, False
            raise
        finally:
            with anyio.CancelScope(shield=True):
                record = await self._close()
        return record

    # -- what the caller's leg brings ---------------------------------------------------------------------

    async def _hear(self, leg: MediaLeg, transcriber: Transcriber) -> None:
        """Frames to recorder and transcriber, keys to the flow, until the leg ends. Never waits on those."""
        keep = self._recorder.side(CALLER)
        longest = int(self._line.limits.call_minutes * 60) * SAMPLE_RATE
        async for item in leg.inputs():
            if isinstance(item, AudioFrame):
                self._now = item.end
                keep(item)
                transcriber.push(item)
                self._mind_listening(transcriber)
                if self._now >= longest:
                    await leg.hangup()
            elif isinstance(item, Digit):
                self._press(item)
            else:
                self._facts.cause = item.cause

    def _press(self, digit: Digit) -> None:
        self._facts.digits = (self._facts.digits + digit.key)[:DIGITS]
        if self._listening is not None and digit.key in self._end_keys:
            self._listening.finish(self._now)
        else:
            self._cues.put(machine.Pressed(digit))

    def _mind_listening(self, transcriber: Transcriber) -> None:
        """On every frame: has the caller finished the message?"""
        if self._listening is None:
            return
        verdict = self._listening.update(self._now, transcriber.last_speech, transcriber.pending)
        if verdict is not None:
            began, self._listening = self._listening.began, None
            heard = verdict is Verdict.HEARD
            self._cues.put(
                machine.Heard(self._turns.latest(Speaker.CALLER, began)) if heard else machine.NoInput()
            )

    # -- what recognition says ----------------------------------------------------------------------------

    async def _read(self, transcriber: Transcriber, speaker: Speaker) -> None:
        """Transcript events to bus, journal and router, until the last final is out."""
        async for event in transcriber.events():
            await self._take_event(speaker, event)

    async def _take_event(self, speaker: Speaker, event: TranscriptEvent) -> None:
        self._line.bus.publish(TranscriptPublished(self._call, speaker, event, self._now - event.end))
        if speaker is Speaker.CALLER:
            self._watch.look(event)
        if event.kind == "partial":
            return
        self._line.journal.final(self._call, speaker, event)
        if self._turns.add(speaker, event) and speaker is Speaker.CALLER:
            await self._understand()

    async def _understand(self) -> tuple[Turn, ...]:
        """Read all the caller's turns anew; returns them."""
        until = self._matter_until
        turns = tuple(t for t in self._turns.turns(Speaker.CALLER) if until is None or t.start < until)
        today = self._line.clock().astimezone(SHANGHAI).date()  # the day as the caller means it
        if (intent := await self._understanding.read(turns, today)) is not None:
            self._line.bus.publish(IntentRecognized(self._call, intent))
            self._line.journal.intent(self._call, intent, self._line.clock())
        return turns

    # -- what the caller flow wants -----------------------------------------------------------------------

    async def _converse(self, leg: MediaLeg, scope: anyio.CancelScope) -> None:
        """Walk the caller flow until it hangs up or the caller does."""
        with scope:
            self._flow, effects = machine.start(self._line.flow)
            node = ""
            while effects:
                if self._flow.node != node:
                    node = self._flow.node
                    self._line.bus.publish(FlowMoved(self._call, node))
                async with anyio.create_task_group() as doing:
                    for effect in effects:
                        self._begin(effect, leg, doing)
                    effects = ()
                    while not effects:
                        self._flow, effects = machine.step(
                            self._line.flow, self._flow, await self._cues.next()
                        )
                    self._leave_queue(effects)
                    self._listening = None
                    self._cues.move_on()
                    doing.cancel_scope.cancel()

    def _leave_queue(self, effects: tuple[machine.Effect, ...]) -> None:
        """Should the call still be waiting: the caller has chosen something else by a key."""
        if self._attendance is not None:
            back = any(isinstance(each, machine.FileOrder) and each.kind == "callback" for each in effects)
            self._attendance.left = Left.CALLBACK if back else Left.TIMED_OUT

    def _begin(self, effect: machine.Effect, leg: MediaLeg, doing: TaskGroup) -> None:
        """Start what the flow asks for; each waiting effect later gives one input back to the flow."""
        match effect:
            case machine.Say():
                doing.start_soon(self._say, effect, leg)
            case machine.StartRecording():
                self._start_recording(effect)
            case machine.Listen():
                self._listen(effect)
            case machine.EnterQueue():
                doing.start_soon(self._attend, effect)
            case machine.Rate():
                if self._attendance is not None:
                    self._attendance.rated(effect)
            case machine.LookUp():
                doing.start_soon(self._look_up)
            case machine.FileOrder():
                doing.start_soon(self._file, effect)
            case machine.Hangup():
                doing.start_soon(leg.hangup)

    def _meet_people(self, leg: MediaLeg, following: TaskGroup) -> None:
        """Be ready for agents, where the line has any."""
        people = self._line.people
        if people is None:
            return

        def listen(agent: LegId) -> Transcriber:
            transcriber = self._line.transcribers.open(agent)
            self._agents.append(transcriber)
            following.start_soon(self._read, transcriber, Speaker.AGENT)
            return transcriber

        side = CallSide(
            call=self._call,
            remote=self._facts.remote,
            leg=leg,
            prompts=self._line.prompts,
            listen=listen,
            tape=self._recorder.side(ROBOT),
            now=lambda: self._now,
            clock=self._line.clock,
        )
        self._attendance = Attendance(people, side, following)
        people.drafts.begin(self._call, self._confirm)

    async def _attend(self, asked: machine.EnterQueue) -> None:
        """Give the call to people; the flow goes on when they have done, or when nobody took it."""
        answered = False
        if self._attendance is not None:
            intent = self._understanding.intent
            answered = await self._attendance.attend(
                asked, intent.flags if intent is not None else (), lambda: self._cues.put(machine.Joined())
            )
        self._cues.put(machine.QueueResult(answered))

    async def _confirm(self) -> str | None:
        """The agent has confirmed what was understood: file it."""
        if self._attendance is None or not self._attendance.answered:
            raise NoDraft("no agent has had this call yet")
        number = None
        with anyio.CancelScope(shield=True):
            self._confirmed = True
            number = await self._file_matter(confirmed=True)
        return number  # noqa: RET504  a scope may be left early

    async def _look_up(self) -> None:
        """What is known by now, so that the flow asks for the rest."""
        await self._understand()
        self._cues.put(machine.Known(self._understanding.known(self._facts.remote)))

    async def _say(self, say: machine.Say, leg: MediaLeg) -> None:
        pcm = self._line.prompts.audio(say.prompts, say.values)
        try:
            await leg.play(pcm, self._recorder.side(ROBOT))
        except LegGone:
            return  # the caller hung up: `_hear` ends the conversation
        self._cues.put(machine.PromptDone())

    def _start_recording(self, effect: machine.StartRecording) -> None:
        """The notice has been played: from here on, and only from here on, audio is kept."""
        at = self._line.clock()
        self._facts.consent, self._facts.origin = (effect.consent_version, at), self._now
        self._recorder.start(self._now)
        self._line.journal.consent(self._call, effect.consent_version, at)
        self._line.bus.publish(RecordingStarted(self._call, effect.consent_version, self._now))

    def _listen(self, listen: machine.Listen) -> None:
        self._message_open = self._message_open or (listen.speech and not listen.mark)
        if listen.mark:
            self._matter_until = self._now
        self._turns.cut(Speaker.CALLER)
        self._end_keys = listen.end_keys
        self._listening = Listening(
            began=self._now,
            silence=int(listen.seconds_silence * SAMPLE_RATE),
            longest=int(min(listen.seconds_max, self._line.limits.message_seconds) * SAMPLE_RATE),
            patience=int(listen.seconds_start * SAMPLE_RATE),
            speech=listen.speech,
        )

    async def _file(self, effect: machine.FileOrder) -> None:
        """File the matter and tell the flow its number; never left half done."""
        with anyio.CancelScope(shield=True):
            number = await self._file_matter(callback=effect.kind == "callback")
        self._cues.put(machine.Filed(number))

    async def _file_matter(self, *, callback: bool = False, confirmed: bool = False) -> str | None:
        line, turns = self._line, await self._understand()  # the last words may not have been read yet
        summary = self._understanding.summary(turns, callback=callback)
        understood = (self._understanding.intent, summary)
        command = file_command(
            self._call,
            self._facts.remote,
            understood,
            turns,
            line.reader.categories,
            line.clock(),
            callback=callback,
        )
        if confirmed:
            command = replace(command, source=Source.AGENT.value)
        elif self._confirmed:  # what is asked for after that is another matter, else it would be lost
            command = replace(command, matter_no=2)
        filed = await line.desk.file(command)
        self._message_open = False
        if filed is None:
            return None
        if filed.number not in self._facts.orders:
            self._facts.orders.append(filed.number)
        line.bus.publish(OrderFiled(self._call, filed.number))
        return filed.number

    # -- the end ------------------------------------------------------------------------------------------

    async def _close(self) -> CallRecord:
        """Release everything and write the record, in whatever state the call was left."""
        facts, leg, recorder = self._facts, self._leg, self._recorder
        if leg is not None:
            await contained(self._call, lambda: leg.hangup(facts.cause), HANGUP_SECONDS)
        await contained(self._call, self._hear_out, LAST_WORDS_SECONDS)
        if self._message_open and facts.spoke:  # torn in mid-message: what was said is filed all the same
            await contained(self._call, self._file_matter, FILING_SECONDS)
        tape = RecordingFacts(None, None, 0.0, 0)

        async def keep() -> None:
            nonlocal tape
            tape = await anyio.to_thread.run_sync(recorder.close)

        await contained(self._call, keep, FILING_SECONDS)
        facts.flow_path = self._flow.path
        people = self._line.people
        async with people.drafts.closing(self._call) if people is not None else nullcontext():
            record = self._record(tape)
            await contained(self._call, lambda: self._line.journal.save(record), FILING_SECONDS)
        self._line.bus.publish(CallEnded(record))
        return record

    def _record(self, tape: RecordingFacts) -> CallRecord:
        facts, leg = self._facts, self._leg
        if self._attendance is not None and self._attendance.answered:
            facts.attended, facts.agents = True, self._attendance.records
        audio = leg.facts if leg is not None else AudioFacts()
        heard = self._transcriber.facts if self._transcriber is not None else LegFacts()
        name = tape.path.name if tape.path is not None else None
        return facts.record(self._line.clock(), audio, heard, (name, tape.sha256))

    async def _hear_out(self) -> None:
        """Wait for the last finals, and take them."""
        transcriber, facts = self._transcriber, self._facts
        if transcriber is None:
            return
        facts.spoke = facts.consent is not None and transcriber.last_speech > facts.origin
        await transcriber.close()
        await self._read(transcriber, Speaker.CALLER)
        for agent in self._agents:
            await agent.close()
            await self._read(agent, Speaker.AGENT)
        facts.spoke = facts.consent is not None and transcriber.last_speech > facts.origin
