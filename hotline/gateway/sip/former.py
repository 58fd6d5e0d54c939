"""What is left of a leg for its own parts when its dialog is over.

A leg and its parts know each other, and such a ring only the garbage collector can free; at a hundred new
calls a second that stops the loop for a tenth of a second now and then. So in the end the parts get this in
the leg's place, and the leg, its media session and all that hangs on them are freed at once.
"""

from collections.abc import Callable
from typing import Protocol

from asr.audio import LegId
from hotline.conversation import EndCause
from hotline.gateway.media import MediaPlan
from hotline.gateway.sip.dialog import Dialog
from hotline.gateway.sip.exchange import OfferRefused
from hotline.gateway.sip.message import Request, Response
from hotline.gateway.sip.session_timer import Agreed
from hotline.gateway.sip.signalling import Signalling
from hotline.gateway.sip.transaction import Hop


class Leg(Protocol):
    """The one whose place it takes."""

    dialog: Dialog
    signalling: Signalling
    flow: Hop
    caller: bool
    peer_allows: frozenset[str]

    @property
    def leg(self) -> LegId:
        """The leg's id."""

    @property
    def port(self) -> int:
        """Our RTP port."""


class FormerLeg:
    """An `exchange.Side` and `refreshing.Refreshed` that is over: it can be asked, and does nothing."""

    over = True

    def __init__(self, leg: Leg) -> None:
        self.dialog = leg.dialog
        self.signalling = leg.signalling
        self.flow = leg.flow
        self.caller = leg.caller
        self.peer_allows = leg.peer_allows
        self.leg = leg.leg
        self.port = leg.port

    def configure(self, plan: MediaPlan) -> None:
        """There is no media any more."""

    def timed(self, agreed: Agreed | None) -> None:
        """There is no session any more."""

    def finish(self, cause: EndCause) -> None:
        """It has ended."""

    def owed(self) -> None:
        """No BYE is."""

    def ask(
        self,
        method: str,
        fields: list[tuple[str, str]],
        body: bytes,
        on_reply: Callable[[Request, Response | None], None],
    ) -> None:
        """Nobody is there to be asked."""

    async def offer_again(self) -> None:
        """Raises `OfferRefused`."""
        raise OfferRefused("the call is over")
