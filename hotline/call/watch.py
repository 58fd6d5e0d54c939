"""Listens for emergencies while a caller still speaks, and tells the floor; a person decides what to do.

Every partial is looked at, so that an alert does not wait for the end of the sentence. What the final text no
longer says is taken back, with its words, and stays to be seen.
"""

import logging
from dataclasses import replace

from asr.transcript import TranscriptEvent
from hotline.bus import EventBus
from hotline.call.contained import where
from hotline.call.line import Reader
from hotline.conversation import CallId
from hotline.events import AlertState, CrisisHeard
from hotline.intent.crisis import Alert

LOOK_BACK = 80
"""Characters of growing text that are looked at: what came before has been."""
JOINT = "\uff0c"
CARRY = 24
"""Characters of the last final that a sentence begun in it may need."""

log = logging.getLogger(__name__)


class Watch:
    """What has been noticed in one call."""

    def __init__(self, call: CallId, reader: Reader, bus: EventBus) -> None:
        self._call = call
        self._reader = reader
        self._bus = bus
        self._told: dict[str, CrisisHeard] = {}
        self._carried = ""

    def look(self, event: TranscriptEvent) -> None:
        """Take a step of the caller's transcript; never raises."""
        final = event.kind == "final"
        text = self._carried + event.text
        begin = max(0, len(text) - LOOK_BACK) if not final else 0
        try:
            found = self._reader.alerts(text[begin:], growing=not final)
        except Exception as error:  # noqa: BLE001  supervision point: the call goes on unwatched
            log.error(
                "the caller's words could not be watched", extra={"call_id": self._call, "at": where(error)}
            )
            return
        offset = len(self._carried) - begin
        here = {alert.code: alert for alert in found if alert.end > offset}
        for alert in here.values():
            self._tell(alert, event, offset, final=final)
        if final:
            self._settle(event, here)
            self._carried = event.text[-CARRY:] + JOINT if event.text else self._carried

    def _tell(self, alert: Alert, event: TranscriptEvent, offset: int, *, final: bool) -> None:
        state = AlertState.CONFIRMED if final else AlertState.HEARD
        known = self._told.get(alert.code)
        if known is not None and known.state is not AlertState.WITHDRAWN:
            better = (alert.sure and not known.sure) or (final and known.state is AlertState.HEARD)
            if not better:
                return
        start = max(0, alert.start - offset)
        heard = CrisisHeard(
            call=self._call,
            kind=alert.code,
            label=alert.label,
            hand_off=alert.hand_off,
            utterance=event.utterance,
            start=start,
            end=alert.end - offset,
            text=event.text[start : alert.end - offset],
            sure=alert.sure,
            state=state,
        )
        self._told[alert.code] = heard
        self._bus.publish(heard)

    def _settle(self, event: TranscriptEvent, here: dict[str, Alert]) -> None:
        """Take back what only the partials of this utterance had said."""
        for kind, heard in self._told.items():
            if heard.utterance == event.utterance and heard.state is AlertState.HEARD and kind not in here:
                self._told[kind] = replace(heard, state=AlertState.WITHDRAWN)
                self._bus.publish(self._told[kind])
