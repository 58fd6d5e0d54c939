"""What was understood of a call → the command that files it (pure)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hotline.conversation import CallId, Intent, Sentence, Slot, Span, Turn
from hotline.summary_links import links_field
from workorders.messages import EvidenceSpan, FieldValue, FileWorkOrder

PROVINCE = "510000"
"""District code of an order whose place is unknown: the province's own desk sorts it."""
OTHER_MATTER = "other"
CONSULTATION = "consult"
"""Codes of ivr_flows/intents.yaml for what could not be told."""
CALLBACK = "callback"
"""Flag of an order that asks for a call back; policies.yaml has its deadline."""


def file_command(
    call: CallId,
    remote: str,
    understood: tuple[Intent | None, Sequence[Sentence]],
    turns: Sequence[Turn],
    labels: Mapping[str, str],
    at: datetime,
    *,
    callback: bool = False,
) -> FileWorkOrder:
    """The command for a call's first matter.

    `understood` is the reading and its summary; with no reading (recognition gave nothing) the order is filed
    all the same, to be listened to. `labels` maps category codes to Chinese labels; `at` is UTC.
    `callback`: above all, the caller wants to be called back.
    """
    intent, summary = understood
    links = links_field(summary)
    slots = intent.slots if intent is not None else ()
    place = intent.slot("place") if intent is not None else None
    phone = intent.slot("phone") if intent is not None else None
    matter = intent.matter.code if intent is not None else OTHER_MATTER
    service = intent.service.code if intent is not None else CONSULTATION
    return FileWorkOrder(
        call_id=str(call),
        matter_no=1,
        matter=matter,
        matter_label=labels.get(matter, matter),
        service=service,
        service_label=labels.get(service, service),
        district=place.value if place is not None else PROVINCE,
        summary="".join(sentence.text for sentence in summary),
        caller_contact=phone.value if phone is not None else remote,
        fields=tuple(_field(slot) for slot in slots) + _said(turns) + ((links,) if links is not None else ()),
        flags=(intent.flags if intent is not None else ()) + ((CALLBACK,) if callback else ()),
        source=intent.source.value if intent is not None else "speech",
        filed_at=at,
    )


def _field(slot: Slot) -> FieldValue:
    return FieldValue(
        slot.name, slot.value, slot.display, slot.confidence, tuple(map(_evidence, slot.evidence))
    )


def _evidence(span: Span) -> EvidenceSpan:
    return EvidenceSpan(str(span.utterance), span.start, span.end, span.text)


def _said(turns: Sequence[Turn]) -> tuple[FieldValue, ...]:
    """The caller's own words, whole: what a unit reads when the machine's reading is in doubt."""
    text = "\n".join(turn.text for turn in turns)
    return (FieldValue("statement", text, text, 1.0),) if text else ()
