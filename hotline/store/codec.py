"""Turns the nouns of a call into column values, and rows back into nouns."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from asr.audio import LegId, UtteranceId
from asr.transcript import SpanMap, TranscriptEvent, Word
from hotline.conversation import (
    AudioFacts,
    CallId,
    CallRecord,
    Candidate,
    EndCause,
    Intent,
    LegRecord,
    Outcome,
    RecognitionFacts,
    Slot,
    Source,
    Span,
    Speaker,
)
from hotline.store.engine import storable
from hotline.store.search import split
from hotline.store.views import CallRow, CallView, UtteranceView

Values = dict[str, Any]


def call_values(record: CallRecord) -> Values:
    """Columns of `calls` for a finished call, but its id and its caller's address."""
    return {
        "state": "closed",
        "channel": record.channel,
        "dialled": storable(record.dialled),
        "started": record.started,
        "answered": record.answered,
        "ended": record.ended,
        "flow": record.flow,
        "flow_path": list(record.flow_path),
        "digits": record.digits,
        "consent_version": record.consent_version,
        "consent_at": record.consent_at,
        "recording": record.recording,
        "recording_sha256": record.recording_sha256,
        "recording_origin": record.recording_origin,
        "orders": list(record.orders),
        "outcome": record.outcome.value,
        "detail": record.detail,
    }


def leg_values(call: CallId, leg: LegRecord) -> Values:
    """A row of `legs`."""
    return {
        "call_id": call,
        "leg": leg.leg,
        "speaker": leg.speaker.value,
        "remote": storable(leg.remote),
        "started": leg.started,
        "ended": leg.ended,
        "cause": leg.cause.value,
        **asdict(leg.audio),
        **asdict(leg.recognition),
    }


def utterance_values(call: CallId, speaker: Speaker, event: TranscriptEvent) -> Values:
    """A row of `utterances`."""
    return {
        "call_id": call,
        "utterance": event.utterance,
        "leg": event.leg,
        "speaker": speaker.value,
        "seq": event.seq,
        "start": event.start,
        "end": event.end,
        "text": storable(event.text),
        "raw": storable(event.raw),
        "spans": [list(run) for run in event.spans.runs],
        "words": [[word.text, word.start, word.end, word.confidence] for word in event.words],
        "confidence": event.confidence,
        "engine": event.engine,
        "degraded": event.degraded,
        "rewrote_stable": event.rewrote_stable,
        "gap": event.gap,
        "search": split(event.text, event.raw),
    }


def intent_values(call: CallId, intent: Intent, at: datetime) -> Values:
    """A row of `intents`."""
    return {
        "call_id": call,
        "matter": intent.matter.code,
        "matter_label": intent.matter.label,
        "matter_confidence": intent.matter.confidence,
        "service": intent.service.code,
        "service_label": intent.service.label,
        "service_confidence": intent.service.confidence,
        "matters": [asdict(candidate) for candidate in intent.matters],
        "slots": [asdict(slot) for slot in intent.slots],
        "evidence": [asdict(span) for span in intent.evidence],
        "source": intent.source.value,
        "flags": list(intent.flags),
        "at": at,
    }


def to_call_row(row: Row[Any]) -> CallRow:
    """A line of a list, from `calls` joined with `intents`."""
    return CallRow(
        call=CallId(row.id),
        channel=row.channel,
        remote=row.remote,
        dialled=row.dialled,
        open=row.state == "open",
        started=row.started,
        answered=row.answered,
        ended=row.ended,
        outcome=Outcome(row.outcome) if row.outcome else None,
        detail=row.detail,
        matter=row.matter or "",
        matter_label=row.matter_label or "",
        service=row.service or "",
        service_label=row.service_label or "",
        flags=tuple(row.flags or ()),
        orders=tuple(row.orders),
        recorded=row.recording is not None,
    )


def to_call_view(row: Row[Any], legs: tuple[LegRecord, ...], intent: Intent | None) -> CallView:
    """The whole call, from its row and what belongs to it."""
    return CallView(
        row=to_call_row(row),
        legs=legs,
        flow=row.flow,
        flow_path=tuple(row.flow_path),
        digits=row.digits,
        consent_version=row.consent_version,
        consent_at=row.consent_at,
        recording=row.recording,
        recording_sha256=row.recording_sha256,
        recording_origin=row.recording_origin,
        intent=intent,
        content_deleted_at=row.content_deleted_at,
    )


def to_leg(row: Row[Any]) -> LegRecord:
    """A leg."""
    return LegRecord(
        leg=LegId(row.leg),
        speaker=Speaker(row.speaker),
        remote=row.remote,
        started=row.started,
        ended=row.ended,
        cause=EndCause(row.cause),
        audio=AudioFacts(
            row.received,
            row.lost,
            row.late,
            row.duplicated,
            row.concealed_ms,
            row.codec,
            row.jitter_ms,
            row.playout_ms,
            row.round_trip_ms,
            row.remote_loss,
            row.mos,
        ),
        recognition=RecognitionFacts(row.engine, row.utterances, row.degraded, row.dropped_ms),
    )


def to_utterance(row: Row[Any]) -> UtteranceView:
    """An utterance."""
    return UtteranceView(
        utterance=UtteranceId(row.utterance),
        leg=LegId(row.leg),
        speaker=Speaker(row.speaker),
        seq=row.seq,
        start=row.start,
        end=row.end,
        text=row.text,
        raw=row.raw,
        spans=SpanMap(tuple((run[0], run[1], run[2], run[3]) for run in row.spans)),
        words=tuple(Word(*word) for word in row.words),
        confidence=row.confidence,
        engine=row.engine,
        degraded=row.degraded,
        rewrote_stable=row.rewrote_stable,
        gap=row.gap,
    )


def to_intent(row: Row[Any]) -> Intent:
    """An intent."""
    return Intent(
        matter=Candidate(row.matter, row.matter_label, row.matter_confidence),
        service=Candidate(row.service, row.service_label, row.service_confidence),
        matters=tuple(Candidate(**candidate) for candidate in row.matters),
        slots=tuple(Slot(**{**slot, "evidence": _spans(slot["evidence"])}) for slot in row.slots),
        evidence=_spans(row.evidence),
        source=Source(row.source),
        flags=tuple(row.flags),
    )


def _spans(values: list[Values]) -> tuple[Span, ...]:
    return tuple(Span(**value) for value in values)
