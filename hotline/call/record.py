"""What a call leaves behind: its facts → the one record (pure)."""

from dataclasses import dataclass, field
from datetime import datetime

from asr.audio import SAMPLE_RATE, LegId
from asr.transcript import LegFacts
from hotline.conversation import (
    CALLED_BACK,
    AudioFacts,
    CallId,
    CallRecord,
    EndCause,
    LegRecord,
    Outcome,
    RecognitionFacts,
    Speaker,
)


@dataclass(slots=True)
class CallFacts:
    """Filled in as the call goes on; whatever is known when it ends makes the record."""

    call: CallId
    leg: LegId
    channel: str
    remote: str
    """Personal data: never logged."""
    dialled: str
    started: datetime
    flow: str
    answered: datetime | None = None
    cause: EndCause = EndCause.ERROR
    failed: bool = True
    """Until the call has ended in one of the ways a call may end."""
    spoke: bool = False
    attended: bool = False
    """An agent has had the call."""
    agents: tuple[LegRecord, ...] = ()
    digits: str = ""
    flow_path: tuple[str, ...] = ()
    consent: tuple[str, datetime] | None = None
    """Version of the notice and when it had been played."""
    origin: int = 0
    """Sample on the caller's leg clock where the recording starts."""
    orders: list[str] = field(default_factory=list)

    def outcome(self) -> Outcome:
        """What became of the call; each call has exactly one."""
        if self.orders:
            return Outcome.ORDER_FILED
        if self.failed:
            return Outcome.ERROR
        if self.attended:
            return Outcome.ANSWERED
        if self.channel == CALLED_BACK:
            return Outcome.UNREACHED
        if self.spoke:
            return Outcome.MESSAGE_TAKEN
        gone = self.answered is None or self.cause is not EndCause.LOCAL_HANGUP
        return Outcome.ABANDONED if gone else Outcome.SILENT

    def record(
        self,
        ended: datetime,
        audio: AudioFacts,
        heard: LegFacts,
        recording: tuple[str | None, str | None],
    ) -> CallRecord:
        """The record. `recording` is file name and SHA-256, or Nones."""
        leg = LegRecord(
            leg=self.leg,
            speaker=Speaker.CALLER,
            remote=self.remote,
            started=self.answered or self.started,
            ended=ended,
            cause=self.cause,
            audio=audio,
            recognition=RecognitionFacts(
                heard.engine, heard.utterances, heard.degraded, heard.dropped * 1000 // SAMPLE_RATE
            ),
        )
        version, at = self.consent or (None, None)
        return CallRecord(
            call=self.call,
            channel=self.channel,
            dialled=self.dialled,
            started=self.started,
            answered=self.answered,
            ended=ended,
            legs=(leg, *self.agents),
            flow=self.flow,
            flow_path=self.flow_path,
            digits=self.digits,
            consent_version=version,
            consent_at=at,
            recording=recording[0],
            recording_sha256=recording[1],
            recording_origin=self.origin,
            orders=tuple(self.orders),
            outcome=self.outcome(),
            detail=self.cause.value,
        )
