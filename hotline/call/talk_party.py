"""One party of a talk beside the caller: an agent, a colleague, an outside number, a supervisor."""

from collections.abc import Callable
from datetime import datetime

from asr.audio import SAMPLE_RATE, AudioFrame
from asr.protocols import Transcriber
from asr.transcript import LegFacts
from hotline.acd.ports import Seat
from hotline.call.bridge import Role
from hotline.call.floor import PartyKind
from hotline.conversation import EndCause, LegRecord, RecognitionFacts, Speaker
from hotline.gateway.media import LegEnded, MediaLeg

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
        self._began = began
        self._ended: datetime | None = None
        self._cause = EndCause.LOCAL_HANGUP

    @property
    def kind(self) -> PartyKind:
        """What it is to a page."""
        return _KINDS[self.role]

    async def follow(
        self,
        now: Callable[[], int],
        clock: Callable[[], datetime],
        ended: Callable[["Party", EndCause], None],
    ) -> None:
        """Read the leg to its end; `now`: the caller's clock, in samples, `ended` is told when it is over."""
        shift: int | None = None
        async for item in self.leg.inputs():
            if isinstance(item, LegEnded):
                self._cause = item.cause
            elif isinstance(item, AudioFrame) and self.transcriber is not None:
                if shift is None:
                    shift = now() - item.end
                self.transcriber.push(item._replace(start=max(0, item.start + shift)))
        self._ended = clock()
        ended(self, self._cause)
        if self.transcriber is not None:
            await self.transcriber.close()

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
