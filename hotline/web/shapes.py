"""Calls and orders as the page's JSON, masked unless a permitted person has asked for the raw."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from hotline import redact
from hotline.conversation import Intent, Slot, Span
from hotline.personal import NAME_FIELDS, hide, mask_person
from hotline.store.views import CallRow, CallView, UtteranceView
from hotline.summary_links import LINKS, links_of
from hotline.web.names import PersonalMask
from hotline.web.timing import pieces
from workorders.messages import EvidenceSpan, FieldValue
from workorders.model import HistoryEntry, OrderField
from workorders.queries import OrderRow, OrderView

Json = dict[str, Any]

NUMBER_FIELDS = frozenset({"phone", "id_number"})


def mask_contact(contact: str) -> str:
    """A number or SIP address with its middle hidden."""
    return redact.mask_phone(contact)


def mask_words(text: str) -> str:
    """Text with the numbers in it hidden."""
    return redact.mask(text).text


def iso(at: datetime | None) -> str | None:
    """ISO 8601, UTC."""
    return at.isoformat() if at is not None else None


def call_row_json(row: CallRow, *, raw: bool = False) -> Json:
    """One line of the list of calls."""
    return {
        "call": row.call,
        "channel": row.channel,
        "remote": row.remote if raw else mask_contact(row.remote),
        "dialled": row.dialled,
        "open": row.open,
        "started": iso(row.started),
        "answered": iso(row.answered),
        "ended": iso(row.ended),
        "outcome": row.outcome,
        "matter": row.matter,
        "matter_label": row.matter_label,
        "service_label": row.service_label,
        "flags": list(row.flags),
        "orders": list(row.orders),
        "recorded": row.recorded,
        "cursor": row.cursor,
    }


def call_json(view: CallView, mask: PersonalMask | None) -> Json:
    """A call; without a mask everything is raw."""
    intent = None if view.intent is None else intent_json(view.intent, mask)
    return {
        **call_row_json(view.row, raw=mask is None),
        "masked": mask is not None,
        "recording_origin": view.recording_origin,
        "consent_version": view.consent_version,
        "consent_at": iso(view.consent_at),
        "flow_path": list(view.flow_path),
        "content_deleted_at": iso(view.content_deleted_at),
        "intent": intent,
        "quality": [
            {
                "speaker": leg.speaker.value,
                "codec": leg.audio.codec,
                "received": leg.audio.received,
                "lost": leg.audio.lost,
                "jitter_ms": leg.audio.jitter_ms,
                "round_trip_ms": leg.audio.round_trip_ms,
                "mos": leg.audio.mos,
                "engine": leg.recognition.engine,
                "degraded": leg.recognition.degraded,
            }
            for leg in view.legs
        ],
    }


def utterance_json(view: UtteranceView, mask: PersonalMask | None) -> Json:
    """A final utterance. The recogniser's own words go out only when raw: they spell numbers out."""
    text = view.text if mask is None else (mask.text(view.utterance) or mask.words(view.text))
    body: Json = {
        "utterance": view.utterance,
        "leg": view.leg,
        "speaker": view.speaker.value,
        "seq": view.seq,
        "start": view.start,
        "end": view.end,
        "final": True,
        "stable": text,
        "tail": "",
        "confidence": view.confidence,
        "engine": view.engine,
        "degraded": view.degraded,
        "gap": view.gap,
        "pieces": pieces(view.text, view.raw, view.spans, view.words, (view.start, view.end)),
    }
    if mask is None:
        body["raw"] = view.raw
    return body


def intent_json(intent: Intent, mask: PersonalMask | None) -> Json:
    """The router's reading of a call."""
    return {
        "matter": asdict(intent.matter),
        "service": asdict(intent.service),
        "matters": [asdict(candidate) for candidate in intent.matters],
        "source": intent.source.value,
        "flags": list(intent.flags),
        "evidence": [_span(span, mask) for span in intent.evidence],
        "slots": [_slot(slot, mask) for slot in intent.slots],
    }


def _slot(slot: Slot, mask: PersonalMask | None) -> Json:
    return {
        "name": slot.name,
        "value": _value(slot.name, slot.value, mask),
        "display": _value(slot.name, slot.display, mask),
        "confidence": slot.confidence,
        "evidence": [_span(span, mask) for span in slot.evidence],
    }


def _span(span: Span | EvidenceSpan, mask: PersonalMask | None) -> Json:
    text = span.text if mask is None else mask.span(span.utterance, span.start, span.end, span.text)
    return {"utterance": span.utterance, "start": span.start, "end": span.end, "text": text}


def _value(name: str, value: str, mask: PersonalMask | None) -> str:
    if mask is None:
        return value
    if name in NUMBER_FIELDS:
        return redact.mask_phone(value)
    return mask_person(value) if name in NAME_FIELDS else mask.words(value)


def order_row_json(row: OrderRow, names: Iterable[str] = ()) -> Json:
    """One line of the list of orders; `names`: persons' names that stand in its form."""
    return {
        "number": row.number,
        "call": row.call_id,
        "filed_at": iso(row.filed_at),
        "state": row.state.value,
        "urgency": row.urgency,
        "matter": row.matter,
        "matter_label": row.matter_label,
        "service_label": row.service_label,
        "district": row.district,
        "summary": hide(row.summary, names),
        "unit": row.unit,
        "unit_name": row.unit_name,
        "sign_by": iso(row.sign_by),
        "due": iso(row.due),
        "flags": list(row.flags),
        "content_deleted_at": iso(row.content_deleted_at),
        "cursor": row.cursor,
    }


def order_json(view: OrderView, mask: PersonalMask | None) -> Json:
    """An order with its fields and history; without a mask everything is raw."""
    order = view.order
    return {
        "number": order.number,
        "call": order.call_id,
        "matter_no": order.matter_no,
        "matter": order.matter,
        "matter_label": order.matter_label,
        "service_label": order.service_label,
        "district": order.district,
        "summary": order.summary if mask is None else mask.words(order.summary),
        "caller_contact": order.caller_contact if mask is None else mask_contact(order.caller_contact),
        "source": order.source,
        "flags": list(order.flags),
        "urgency": order.urgency,
        "unit": order.unit,
        "unit_name": order.unit_name,
        "state": order.state.value,
        "filed_at": iso(order.filed_at),
        "sign_by": iso(order.sign_by),
        "due": iso(order.due),
        "provisional": order.provisional,
        "version": order.version,
        "content_deleted_at": iso(order.content_deleted_at),
        "masked": mask is not None,
        "summary_links": [
            {"start": each.start, "end": each.end, "evidence": [_span(span, mask) for span in each.evidence]}
            for each in links_of(order.summary, [item.field for item in order.fields])
        ],
        "fields": [_field(item, mask) for item in order.fields if item.field.name != LINKS],
        "history": [_history(entry, mask) for entry in view.history],
        "deliveries": [asdict(delivery) for delivery in view.deliveries],
        "channel": order.channel,
        "attachments": [
            {"key": file.key, "name": file.name, "size": file.size, "by": file.by, "at": iso(file.at)}
            for file in view.attachments
        ],
    }


def _field(item: OrderField, mask: PersonalMask | None) -> Json:
    value: FieldValue = item.field
    machine = item.machine_value
    return {
        "name": value.name,
        "value": _value(value.name, value.value, mask),
        "display": _value(value.name, value.display, mask),
        "confidence": value.confidence,
        "machine_value": None if machine is None else _value(value.name, machine, mask),
        "evidence": [_span(span, mask) for span in value.evidence],
    }


def _history(entry: HistoryEntry, mask: PersonalMask | None) -> Json:
    def shown(text: str | None) -> str | None:
        return text if text is None or mask is None else _value(entry.field or "", text, mask)

    return {
        "at": iso(entry.at),
        "actor": entry.actor,
        "action": entry.action.value,
        "to_state": entry.to_state.value,
        "field": entry.field,
        "machine_value": shown(entry.machine_value),
        "human_value": shown(entry.human_value),
        "text": shown(entry.text),
    }
