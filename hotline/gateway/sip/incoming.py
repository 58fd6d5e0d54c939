"""A call that rings: the `IncomingCall` an application answers or refuses."""

import logging
import secrets
from asyncio import TimerHandle
from typing import Protocol

from asr.audio import LegId
from hotline.errors import CallAborted, HotlineError
from hotline.gateway.media import MediaLeg
from hotline.gateway.sip.dialog import Dialog
from hotline.gateway.sip.grammar import NameAddr, SipUri
from hotline.gateway.sip.leg import ALLOW, SDP, MediaSession, SipLeg
from hotline.gateway.sip.message import Request, make_response
from hotline.gateway.sip.signalling import Signalling
from hotline.gateway.sip.transaction import Hop, Key

log = logging.getLogger(__name__)

RING_SECONDS = 180.0
"""A call nobody answers or refuses for so long gets 480."""


class MediaPorts(Protocol):
    """Where legs get their RTP from."""

    async def session(self, leg: LegId) -> MediaSession:
        """Bind a port pair. Raises a `HotlineError` when none is left."""


class Calls(Protocol):
    """Who knows all calls of the endpoint."""

    def over(self, call: "IncomingInvite") -> None:
        """The call rings no more."""

    def adopt(self, leg: SipLeg) -> None:
        """A leg lives; requests of its dialog go to it."""

    def drop(self, leg: SipLeg) -> None:
        """No request of that leg's dialog can come any more."""


class IncomingInvite:
    """An INVITE waiting for its final answer."""

    def __init__(
        self,
        signalling: Signalling,
        media: MediaPorts,
        invite: tuple[Request, Hop, Key],
        dialog: Dialog,
        offer: bytes,
        calls: Calls,
    ) -> None:
        self._signalling = signalling
        self._media = media
        self._request, self._hop, self.key = invite
        self.dialog = dialog
        self._offer = offer
        self._calls = calls
        self._over = False
        self._taken = False
        self._patience: TimerHandle | None = None

    @property
    def remote(self) -> str:
        """Who calls: the user part when the caller has one, else the whole address. Personal data."""
        uri = NameAddr.parse(self._request.headers.get("From") or "").uri
        return SipUri.parse(uri).user or uri

    @property
    def dialled(self) -> str:
        """The user part of the request URI."""
        return SipUri.parse(self._request.uri).user

    @property
    def channel(self) -> str:
        """Always `phone`."""
        return "phone"

    @property
    def _contact(self) -> tuple[str, str]:
        return self._signalling.contact(self._hop, secure=self.dialog.secure)

    def ring(self) -> None:
        """Send 180 and give the application its time."""
        fields = [self._contact, ALLOW]
        self._respond(180, "Ringing", fields)
        self._patience = self._signalling.later(self._signalling.now() + RING_SECONDS, self._unanswered)

    async def answer(self) -> MediaLeg:
        """Take the call. Raises `CallAborted` when the caller gave up first, or when no ports are left
        (the caller then got 503). Cancelling leaves the call ringing."""
        if self._over or self._taken:
            raise CallAborted("the call is over")
        leg_id = LegId(f"leg-{secrets.token_hex(8)}")
        try:
            session = await self._media.session(leg_id)
        except HotlineError as error:
            await self.reject(503, "Service Unavailable", retry_after=5)
            raise CallAborted("no media ports") from error
        if self._over or self._taken or not self._signalling.pending(self.key):
            await session.close()
            raise CallAborted("the caller gave up")
        return self._accept(leg_id, session)

    def _accept(self, leg_id: LegId, session: MediaSession) -> SipLeg:
        self._taken = True
        negotiation = self._signalling.negotiation(self._hop)
        port = session.local[1]
        # The offer was checked when the INVITE came, so answering it cannot fail any more.
        body = negotiation.answer(self._offer, port) if self._offer else negotiation.offer(port)
        leg = SipLeg(
            leg_id, self._signalling, self.dialog, self._hop, (session, negotiation), self._calls.drop
        )
        if negotiation.plan is not None:
            session.configure(negotiation.plan)
        else:
            leg.offer_pending()
        self._finish()
        self._calls.adopt(leg)
        fields = [("Record-Route", value) for value in self._request.headers.all("Record-Route")]
        fields += [self._contact, ALLOW, SDP]
        tag = self.dialog.ident[1]
        response = make_response(self._request, 200, "OK", fields, body, to_tag=tag)
        self._signalling.respond_with(self.key, response)
        leg.answered(response)
        return leg

    async def reject(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """Refuse the call; harmless when it is over."""
        self.refuse(status, reason, retry_after)

    def refuse(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """`reject` without waiting: CANCEL is 487, an early BYE too."""
        if self._over:
            return
        fields = [] if retry_after is None else [("Retry-After", str(retry_after))]
        self._respond(status, reason, fields)
        self._finish()

    def _respond(self, status: int, reason: str, fields: list[tuple[str, str]]) -> None:
        routes = [("Record-Route", value) for value in self._request.headers.all("Record-Route")]
        known = [*routes, *fields] if status < 200 else fields
        self._signalling.respond(self.key, self._request, status, reason, known, tag=self.dialog.ident[1])

    def _finish(self) -> None:
        self._over = True
        if self._patience is not None:
            self._patience.cancel()
        self._calls.over(self)

    def _unanswered(self) -> None:
        self.refuse(480, "Temporarily Unavailable")
