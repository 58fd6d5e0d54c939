"""Keeps one session refreshed, or ends it when nobody does (RFC 4028 §10)."""

import logging
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Protocol

from asr.audio import LegId
from hotline.conversation import EndCause
from hotline.gateway.sip import session_timer
from hotline.gateway.sip.dialog import Dialog
from hotline.gateway.sip.exchange import OfferRefused
from hotline.gateway.sip.message import Request, Response
from hotline.gateway.sip.options import SUPPORTED
from hotline.gateway.sip.session_timer import Agreed, Due, SessionTimer
from hotline.gateway.sip.signalling import Signalling
from hotline.gateway.sip.transaction import Hop

log = logging.getLogger(__name__)


class Refreshed(Protocol):
    """The leg whose session it is."""

    dialog: Dialog
    signalling: Signalling
    flow: Hop
    peer_allows: frozenset[str]

    @property
    def leg(self) -> LegId:
        """The leg's id."""

    @property
    def over(self) -> bool:
        """The leg has ended."""

    def finish(self, cause: EndCause) -> None:
        """End the leg."""

    def ask(
        self,
        method: str,
        fields: list[tuple[str, str]],
        body: bytes,
        on_reply: Callable[[Request, Response | None], None],
    ) -> None:
        """Send a request inside the dialog."""

    async def offer_again(self) -> None:
        """Offer the session as it is. Raises `OfferRefused`."""


class Refreshing:
    """One leg's session timer."""

    def __init__(self, leg: Refreshed) -> None:
        self._leg = leg
        self._timer: SessionTimer | None = None
        self._alarm: TimerHandle | None = None

    def timed(self, agreed: Agreed | None) -> None:
        """The session timer was settled, or settled anew; None for none."""
        now = self._leg.signalling.now()
        if agreed is None:
            self._timer = None
        elif self._timer is None:
            self._timer = SessionTimer(agreed, now)
        else:
            self._timer.refreshed(agreed, now)
        self._set()

    def stop(self) -> None:
        """The leg is over."""
        self._timer = None
        self._set()

    def outlive(self, former: Refreshed) -> None:
        """The leg's dialog is over: `former` stands for it."""
        self._leg = former

    def _set(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._timer is not None:
            self._alarm = self._leg.signalling.later(self._timer.deadline, self._alarmed)

    def _alarmed(self) -> None:
        timer = self._timer
        if timer is None or self._leg.over:
            return
        due = timer.due(self._leg.signalling.now())
        if due is Due.EXPIRE:
            log.info("session not refreshed in time", extra={"leg": self._leg.leg})
            self._leg.finish(EndCause.MEDIA_TIMEOUT)
            return
        if due is Due.REFRESH:
            self._refresh(timer)
        self._set()

    def _refresh(self, timer: SessionTimer) -> None:
        leg = self._leg
        if "UPDATE" not in leg.peer_allows:
            leg.signalling.tasks.start_soon(self._by_invite)
            return
        here = leg.signalling.contact(leg.flow, secure=leg.dialog.secure)
        fields = session_timer.request_fields(leg.signalling.timer_policy, timer.agreed)
        leg.ask("UPDATE", [here, SUPPORTED, *fields], b"", self._replied)

    async def _by_invite(self) -> None:
        """For a peer without UPDATE: the same session offered again."""
        try:
            await self._leg.offer_again()
        except OfferRefused:
            return
        if self._timer is not None:
            self.timed(self._timer.agreed)

    def _replied(self, request: Request, response: Response | None) -> None:
        del request
        timer = self._timer
        if timer is None or (response is not None and response.status < 200):
            return
        if response is None or response.status in {408, 481}:
            self._leg.finish(EndCause.TRANSPORT)  # the peer has forgotten the dialog, or is gone
        elif response.status < 300:
            self.timed(session_timer.settled(response) or timer.agreed)
        elif response.status in {491, 500}:
            timer.again()
            self._leg.signalling.later(self._leg.signalling.now() + 2.0, self._alarmed)
