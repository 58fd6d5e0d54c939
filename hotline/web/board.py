"""The calls that are going on, as a screen sees them: events in, masked screen events out (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from asr.transcript import TranscriptEvent
from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import Intent, Speaker
from hotline.events import (
    AcdLogged,
    CallEnded,
    CallStarted,
    CrisisHeard,
    Envelope,
    FlowMoved,
    IntentRecognized,
    OrderDispatched,
    OrderFiled,
    RecordingStarted,
    TranscriptPublished,
)
from hotline.web.mailbox import Json
from hotline.web.names import PersonalMask, names_in
from hotline.web.shapes import intent_json, mask_contact, mask_words
from hotline.web.timing import pieces


@dataclass(slots=True)
class _Call:
    call: str
    head: Json
    mask: PersonalMask = field(default_factory=PersonalMask)
    utterances: dict[str, Json] = field(default_factory=dict)
    """By utterance, in order of appearance; partials until their final comes."""
    intent: Json | None = None
    orders: dict[str, Json] = field(default_factory=dict)
    alerts: dict[str, Json] = field(default_factory=dict)
    """By kind of emergency."""

    def snapshot(self) -> Json:
        return {
            **self.head,
            "utterances": list(self.utterances.values()),
            "intent": self.intent,
            "orders": list(self.orders.values()),
            "alerts": list(self.alerts.values()),
        }


@dataclass(frozen=True, slots=True)
class ScreenEvent:
    """One thing to show. Partials may be lost, everything else may not."""

    body: Json
    partial_of: str | None = None
    """The utterance a partial belongs to."""


class LiveBoard:
    """State of every call that is going on."""

    def __init__(self, *, show_raw: bool = False) -> None:
        self._calls: dict[str, _Call] = {}
        self._show_raw = show_raw

    @property
    def calls(self) -> list[str]:
        """Ids of the calls on the board."""
        return list(self._calls)

    def __contains__(self, call: object) -> bool:
        """Whether the call is on the board."""
        return call in self._calls

    def snapshot(self) -> list[Json]:
        """Every call as it stands."""
        return [call.snapshot() for call in self._calls.values()]

    def forget(self, call: str) -> Json | None:
        """Take a call off the board whose end was missed."""
        if self._calls.pop(call, None) is None:
            return None
        return {"type": "call.ended", "call": call, "ended": None, "outcome": None}

    def apply(self, envelope: Envelope) -> list[ScreenEvent]:
        """What a screen is to show for an event."""
        event, time = envelope.body, envelope.time
        match event:
            case TranscriptPublished(_, speaker, transcript):
                call = self._call(event.call, time)
                if transcript.kind == "final":
                    return self._final(call, speaker, transcript)
                return [self._partial(call, speaker, transcript)]
            case IntentRecognized(_, intent):
                return self._intent(self._call(event.call, time), intent)
            case CrisisHeard():
                return [self._alert(self._call(event.call, time), event, time)]
            case OrderFiled(_, number):
                return [self._order(event.call, {"number": number})]
            case OrderDispatched():
                return [self._order(event.call, _dispatched(event))]
            case _:
                return self._progress(envelope)

    def _progress(self, envelope: Envelope) -> list[ScreenEvent]:
        event, time = envelope.body, envelope.time
        match event:
            case CallStarted():
                return [self._started(event, time)]
            case FlowMoved(_, node):
                return self._head(event.call, time, "call.moved", node=node)
            case RecordingStarted(_, _, origin):
                return self._head(event.call, time, "call.recording", recording=True, recording_origin=origin)
            case AcdLogged(line):
                return self._answered(line, time)
            case CallEnded(record):
                self._calls.pop(event.call, None)
                ended = {"ended": record.ended.isoformat(), "outcome": record.outcome.value}
                return [ScreenEvent({"type": "call.ended", "call": event.call, **ended})]
            case _:
                return []

    def _started(self, event: CallStarted, time: datetime) -> ScreenEvent:
        head = _head(event.call, time)
        head |= {
            "channel": event.channel,
            "remote": event.remote if self._show_raw else mask_contact(event.remote),
            "dialled": event.dialled,
        }
        self._calls[event.call] = _Call(event.call, head)
        return ScreenEvent({"type": "call.started", **head})

    def _answered(self, line: AcdLog, time: datetime) -> list[ScreenEvent]:
        """An agent has taken a call that is on the board: from now on its order can be confirmed."""
        if line.kind is not LogKind.CONNECT or line.call is None or line.call not in self._calls:
            return []
        return self._head(line.call, time, "call.attended", attended=True)

    def _call(self, call: str, time: datetime) -> _Call:
        """The call, also when its beginning was missed."""
        if call not in self._calls:
            self._calls[call] = _Call(call, _head(call, time))
        return self._calls[call]

    def _head(self, call: str, time: datetime, kind: str, **changed: object) -> list[ScreenEvent]:
        self._call(call, time).head |= changed
        return [ScreenEvent({"type": kind, "call": call, **changed})]

    def _partial(self, call: _Call, speaker: Speaker, event: TranscriptEvent) -> ScreenEvent:
        text = event.text if self._show_raw else call.mask.growing(speaker, event.text)
        cut = len(event.stable)
        body = _utterance(call.call, speaker, event) | {
            "final": False,
            "stable": text[:cut],
            "tail": text[cut:],
            "pieces": [],
        }
        call.utterances[event.utterance] = body
        return ScreenEvent(body, partial_of=event.utterance)

    def _final(self, call: _Call, speaker: Speaker, event: TranscriptEvent) -> list[ScreenEvent]:
        body = _utterance(call.call, speaker, event) | {
            "final": True,
            "stable": event.text,
            "tail": "",
            "pieces": pieces(event.text, event.raw, event.spans, event.words, (event.start, event.end)),
        }
        call.utterances[event.utterance] = body
        changed = call.mask.add(event.utterance, speaker, event.text)
        if self._show_raw:
            return [ScreenEvent(body)]
        return self._shown(call, changed)

    def _shown(self, call: _Call, changed: Mapping[str, str]) -> list[ScreenEvent]:
        events = []
        for utterance, text in changed.items():
            # A new object each time: the one before may be waiting in a browser's mailbox.
            call.utterances[utterance] = {**call.utterances[utterance], "stable": text}
            events.append(ScreenEvent(call.utterances[utterance]))
        return events

    def _intent(self, call: _Call, intent: Intent) -> list[ScreenEvent]:
        masked: list[ScreenEvent] = []
        if not self._show_raw and call.mask.know(names_in(intent)):
            masked = self._shown(call, dict(_altered(call)))
        call.intent = intent_json(intent, None if self._show_raw else call.mask)
        return [*masked, ScreenEvent({"type": "intent", "call": call.call, "intent": call.intent})]

    def _alert(self, call: _Call, event: CrisisHeard, time: datetime) -> ScreenEvent:
        """An alert is lasting, though the partial it was heard in is not."""
        alert: Json = {
            "kind": event.kind,
            "hand_off": event.hand_off,
            "at": time.isoformat(),
            "utterance": event.utterance,
            "start": event.start,
            "end": event.end,
            "text": event.text if self._show_raw else mask_words(event.text),
            "sure": event.sure,
            "state": event.state.value,
        }
        call.alerts[event.kind] = alert
        return ScreenEvent({"type": "alert", "call": call.call, "alert": alert})

    def _order(self, call: str, order: Json) -> ScreenEvent:
        known = self._calls.get(call)
        if known is not None:
            order = {**known.orders.get(order["number"], {}), **order}
            known.orders[order["number"]] = order
        return ScreenEvent({"type": "order", "call": call, "order": order})


def _altered(call: _Call) -> Iterator[tuple[str, str]]:
    """The finals on the screen whose masked text is another one now that a name is known."""
    for utterance, shown in call.utterances.items():
        text = call.mask.text(utterance)
        if shown["final"] and text is not None and text != shown["stable"]:
            yield utterance, text


def _head(call: str, time: datetime) -> Json:
    return {
        "call": call,
        "started": time.isoformat(),
        "channel": "",
        "remote": "",
        "dialled": "",
        "node": "",
        "recording": False,
        "recording_origin": 0,
        "attended": False,
    }


def _utterance(call: str, speaker: Speaker, event: TranscriptEvent) -> Json:
    return {
        "type": "utterance",
        "call": call,
        "utterance": event.utterance,
        "leg": event.leg,
        "speaker": speaker.value,
        "seq": event.seq,
        "start": event.start,
        "end": event.end,
        "confidence": event.confidence,
        "degraded": event.degraded,
        "gap": event.gap,
    }


def _dispatched(event: OrderDispatched) -> Json:
    return {
        "number": event.number,
        "unit": event.unit,
        "unit_name": event.unit_name,
        "due": event.due.isoformat() if event.due is not None else None,
    }
