"""One party of a talk beside the caller: an agent, a colleague, an outside number, a supervisor."""

from collections.abc import Callable, Container, Mapping
from datetime import datetime

from asr.audio import SAMPLE_RATE, AudioFrame, LegId
from asr.protocols import Transcriber
from asr.transcript import LegFacts
from hotline.acd.model import LogKind
from hotline.acd.ports import Seat
from hotline.call.bridge import Role
from hotline.call.floor import Oversight, PartyKind
from hotline.conversation import CallId, EndCause, LegRecord, RecognitionFacts, Speaker
from hotline.gateway.media import LegEnded, MediaLeg

OVERSEEING = {
    Oversight.LISTEN: (Role.LISTENER, LogKind.LISTEN),
    Oversight.WHISPER: (Role.WHISPERER, LogKind.WHISPER),
    Oversight.BARGE: (Role.BARGER, LogKind.BARGE),
}
_DRIFT = SAMPLE_RATE // 2
QUIET_S = 5
"""A browser of which no packet comes for so long is gone: it sends also while its microphone is silent. Its
path would say so only after half a minute."""
_KINDS = {
    Role.AGENT: PartyKind.AGENT,
    Role.CONSULTED: PartyKind.CONSULTED,
    Role.OUTSIDE: PartyKind.OUTSIDE,
    Role.LISTENER: PartyKind.SUPERVISOR,
    Role.WHISPERER: PartyKind.SUPERVISOR,
    Role.BARGER: PartyKind.SUPERVISOR,
}


class Party:
    """Follows a leg until it ends; what an agent says goes to recognition, on the caller's clock."""

    def __init__(
        self, leg: MediaLeg, role: Role, name: str, began: datetime, seat: Seat | None = None, kind: str = ""
    ) -> None:
        """`name`: user name of a member of staff, empty for others; `kind`: of the agent's device."""
        self.leg = leg
        self.role = role
        self.name = name
        self.seat = seat
        self.device_kind = kind
        self.transcriber: Transcriber | None = None
        self.dismissed = False
        """We hang up on it ourselves: its end means nothing."""
        self.quiet_s = 0
        """For how long no packet of a browser's has come, in whole seconds."""
        self._received = -1
        self._looked = 0
        self._began = began
        self._shift: int | None = None
        self._written_to = 0
        self._ended: datetime | None = None
        self._cause = EndCause.LOCAL_HANGUP

    @property
    def kind(self) -> PartyKind:
        """What it is to a page."""
        return _KINDS[self.role]

    def release(self, call: CallId) -> None:
        """For a member of staff the call is over."""
        if self.seat is not None:
            self.seat.talk_over(call)

    async def follow(
        self,
        now: Callable[[], int],
        clock: Callable[[], datetime],
        heard: Callable[["Party"], bool],
        ended: Callable[["Party", EndCause], None],
    ) -> None:
        """Read the leg to its end. `now`: the caller's clock, in samples; `heard`: whether the caller hears
        it at this moment; `ended` is told when it is over."""
        async for item in self.leg.inputs():
            if isinstance(item, LegEnded):
                self._cause = item.cause
            elif isinstance(item, AudioFrame):
                if self.transcriber is not None:
                    self._write_down(self.transcriber, item, now(), heard=heard(self))
                if self.device_kind == "browser" and self._vanished(item):
                    await self.leg.hangup(EndCause.MEDIA_TIMEOUT)
        self._ended = clock()
        ended(self, self._cause)
        if self.transcriber is not None:
            await self.transcriber.close()

    def _vanished(self, frame: AudioFrame) -> bool:
        """Looks once a second whether anything has come since."""
        self._looked += frame.samples
        if self._looked < SAMPLE_RATE:
            return False
        self._looked = 0
        received = self.leg.facts.received
        self.quiet_s = self.quiet_s + 1 if received == self._received else 0
        self._received = received
        return self.quiet_s >= QUIET_S

    def _write_down(self, transcriber: Transcriber, frame: AudioFrame, now: int, *, heard: bool) -> None:
        """Have a frame recognised, on the caller's clock; what is not for the caller counts as silence.

        Legs tick together, so the difference is measured once, and anew for a leg whose own clock (a PBX's)
        has drifted by half a second; never back to where something has been written down.
        """
        if self._shift is None or abs(now - frame.end - self._shift) > _DRIFT:
            self._shift = max(now - frame.end, self._written_to - frame.start)
        start = frame.start + self._shift
        self._written_to = start + frame.samples
        pcm = frame.pcm if heard else bytes(len(frame.pcm))
        transcriber.push(AudioFrame(frame.leg, start, pcm, frame.lost and heard))

    def record(self, now: datetime) -> LegRecord:
        """The leg as it is stored."""
        heard = self.transcriber.facts if self.transcriber is not None else LegFacts()
        return LegRecord(
            leg=self.leg.leg,
            speaker=Speaker.AGENT,
            remote=self.name,
            started=self._began,
            ended=self._ended or now,
            cause=self._cause,
            audio=self.leg.facts,
            recognition=RecognitionFacts(
                heard.engine, heard.utterances, heard.degraded, heard.dropped * 1000 // SAMPLE_RATE
            ),
        )


def kinds(caller: LegId, parties: Mapping[LegId, Party], there: Container[LegId]) -> Mapping[str, PartyKind]:
    """Who is in a talk, by leg; an agent whose leg has died is not, until it is back."""
    there_are: dict[str, PartyKind] = {leg: party.kind for leg, party in parties.items() if leg in there}
    return {caller: PartyKind.CALLER} | there_are


def guests(third: Party | None) -> Mapping[str, PartyKind]:
    """A colleague who is consulted or in the conference, by user name."""
    return {third.name: third.kind} if third is not None and third.seat is not None else {}
