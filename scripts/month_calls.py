"""Writes the calls of a simulated month as the line would: transcript, reading, order, record, log."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any

from sqlalchemy import Engine, select

from asr.audio import SAMPLE_RATE, LegId, UtteranceId
from asr.finetune.sentences import generate
from asr.transcript import SpanMap, TranscriptEvent
from hotline.call.filing import file_command
from hotline.conversation import (
    AudioFacts,
    CallRecord,
    EndCause,
    LegRecord,
    Outcome,
    RecognitionFacts,
    Speaker,
    Turn,
)
from hotline.rulebook import Rulebook
from hotline.store.acd_log import AcdLogStore
from hotline.store.calls import CallStore
from hotline.store.engine import reading
from hotline.store.tables import acd_log
from scripts.month_plan import GREETING_S, Call, Callers
from workorders.calendar import SHANGHAI
from workorders.messages import FileWorkOrder
from workorders.service import WorkOrderService

SAID = 3
"""Sentences a caller says besides where he is."""
KNOWN = 300
"""Sentences of a topic to choose from."""
DRAFTS, ANONYMOUS, SECOND = 0.03, 0.02, 0.02
LEG = LegId("caller")
CODEC = "PCMA"


@dataclass(frozen=True)
class Writer:
    """Writes what the plan says of an hour; doing an hour again changes nothing."""

    callers: Callers
    rulebook: Rulebook
    service: WorkOrderService
    engine: Engine
    texts: Mapping[str, Any]

    def calls_of(self, hour: datetime) -> list[Call]:
        """The calls that end in the hour, in that order."""
        return self.callers.hour(hour)[0]

    def write(self, call: Call) -> tuple[str, ...]:
        """One call, from its first row to its record; the numbers of its orders."""
        store = self._store
        store.start(call.id, "phone", call.remote, "12348", call.started)
        consent = call.started + timedelta(seconds=GREETING_S)
        heard = call.outcome in (Outcome.ORDER_FILED, Outcome.ANSWERED)
        if call.outcome is not Outcome.ABANDONED:
            store.consent(call.id, "2026-11", consent)
        numbers = self._understand(call) if heard else ()
        store.save(self._record(call, consent, numbers))
        return numbers

    def matters(self, call: Call) -> int:
        """How many orders come of a call."""
        if call.outcome is not Outcome.ORDER_FILED:
            return 0
        return 2 if call.agent and Random(f"second:{call.id}").random() < SECOND else 1

    def _commands(self, call: Call) -> tuple[FileWorkOrder, ...]:
        """What is filed of a call, by the same router and rules as on the line."""
        turns = self._turns(call)
        day = call.started.astimezone(SHANGHAI).date()
        intent = self.rulebook.router.read(turns, now=day)
        understood = (intent, self.rulebook.router.summary(turns, intent))
        labels = self.rulebook.router.categories
        chance = Random(f"file:{call.id}")
        first = replace(
            file_command(call.id, call.remote, understood, turns, labels, call.ended, callback=call.callback),
            owner=call.agent,
            source="agent" if call.agent else "speech",
            draft=bool(call.agent) and chance.random() < DRAFTS,
            anonymous=chance.random() < ANONYMOUS,
        )
        if self.matters(call) == 1:
            return (first,)
        other = "procedure" if first.matter != "procedure" else "debt"
        return (first, replace(first, matter_no=2, matter=other, matter_label=labels.get(other, other)))

    @cached_property
    def _store(self) -> CallStore:
        return CallStore(self.engine)

    @cached_property
    def _sentences(self) -> dict[str, list[str]]:
        return {topic: generate(KNOWN, 1, frozenset({topic})) for topic in self.texts["topics"]}

    def _understand(self, call: Call) -> tuple[str, ...]:
        turns = self._turns(call)
        speaker = Speaker.CALLER
        finals = [(call.id, speaker, _final(turn, seq)) for seq, turn in enumerate(turns, 1)]
        self._store.add_finals(finals)
        intent = self.rulebook.router.read(turns, now=call.started.astimezone(SHANGHAI).date())
        if intent is not None:
            self._store.save_intent(call.id, intent, call.ended)
        commands = self._commands(call) if self.matters(call) else ()
        return tuple(self.service.handle(command).number for command in commands)

    def _turns(self, call: Call) -> tuple[Turn, ...]:
        chance = Random(call.pick)
        place = self.rulebook.rules.places.full_name(self.rulebook.rules.places.nearest(call.district))
        said = [*chance.sample(self._sentences[call.topic], SAID), self.texts["place"].format(place=place)]
        turns, at = [], GREETING_S * SAMPLE_RATE
        for number, text in enumerate(said, 1):
            end = at + len(text) * SAMPLE_RATE // 4
            utterance = UtteranceId(f"{LEG}-{number}")
            turns.append(Turn(Speaker.CALLER, text, text, (utterance,), at, end, (0,)))
            at = end + SAMPLE_RATE // 2
        return tuple(turns)

    def _record(self, call: Call, consent: datetime, numbers: tuple[str, ...]) -> CallRecord:
        known = call.outcome is not Outcome.ABANDONED
        cause = EndCause.LOCAL_HANGUP if call.outcome is Outcome.SILENT else EndCause.REMOTE_HANGUP
        packets = round((call.ended - call.started).total_seconds() * 50)
        audio = AudioFacts(received=packets, codec=CODEC, jitter_ms=2.0, playout_ms=40, mos=4.3)
        speech = RecognitionFacts("simulated", SAID + 1 if numbers else 0)
        legs = [LegRecord(LEG, Speaker.CALLER, call.remote, call.started, call.ended, cause, audio, speech)]
        if call.agent:
            leg = LegId("agent")
            legs.append(
                LegRecord(
                    leg, Speaker.AGENT, call.agent, consent, call.ended, cause, audio, RecognitionFacts()
                )
            )
        return CallRecord(
            call=call.id,
            channel="phone",
            dialled="12348",
            started=call.started,
            answered=call.started + timedelta(seconds=1),
            ended=call.ended,
            legs=tuple(legs),
            flow="12348",
            flow_path=(),
            digits="",
            consent_version="2026-11" if known else None,
            consent_at=consent if known else None,
            recording=None,
            recording_sha256=None,
            recording_origin=0,
            orders=numbers,
            outcome=call.outcome,
            detail=cause.value,
        )

    def write_log(self, hour: datetime) -> None:
        """An hour's lines are one transaction, so one of them being there means that all are."""
        _, lines = self.callers.hour(hour)
        inside = acd_log.c.at.between(hour, hour + timedelta(hours=1) - timedelta(microseconds=1))
        with reading(self.engine) as connection:
            there = connection.execute(select(acd_log.c.id).where(inside).limit(1)).first()
        if there is None:
            AcdLogStore(self.engine).add(lines)


def _final(turn: Turn, seq: int) -> TranscriptEvent:
    length = len(turn.text)
    return TranscriptEvent(
        utterance=turn.utterances[0],
        leg=LEG,
        seq=seq,
        kind="final",
        stable=turn.text,
        tail="",
        raw=turn.raw,
        start=turn.start,
        end=turn.end,
        spans=SpanMap(((0, length, 0, length),)),
        confidence=0.8,
        engine="simulated",
    )
