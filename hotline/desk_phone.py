"""Desk phones as devices of agents: plugged while registered, rung for offers, hung up when too late."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from hotline.acd.distributor import Distributor
from hotline.acd.duty import LICENCE_EXPIRED, OFF_DUTY, hindrance
from hotline.acd.model import NotAllowed, Presence
from hotline.acd.ports import Offer
from hotline.acd.seat import NO_ANSWER, SIGNED_IN, StaffSeat
from hotline.errors import HotlineError
from hotline.gateway.media import MediaLeg
from hotline.gateway.sip.client import CallRefused
from hotline.store.roster import Profile

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How soon a registration that comes or goes is seen."""
PAUSE = timedelta(minutes=5)
"""Who works by phone alone and has missed too many calls is offered calls again after this."""
BY_ITSELF = frozenset({SIGNED_IN, OFF_DUTY, LICENCE_EXPIRED, NO_ANSWER})
"""Reasons of being busy that such an agent did not choose."""
DECLINE = 603
"""The person at the phone will not have the call, anywhere (RFC 3261 §21.6.2)."""


class Phones(Protocol):
    """What rings registered phones: `SipEndpoint`."""

    def registered(self, user: str) -> bool:
        """Whether a phone of that user can be reached."""

    async def ring(self, user: str, *, caller: str = "anonymous") -> MediaLeg:
        """Ring it until it answers. Raises `HotlineError`; cancelling takes the call back."""


class DeskPhone:
    """One agent's registered phone."""

    kind = "phone"

    def __init__(self, user: str, seat: StaffSeat, sip: Phones, tasks: TaskGroup, caller: str) -> None:
        """`caller`: what the phone shows as calling; never the caller's number."""
        self.user = user
        self.seat = seat
        self._sip = sip
        self._tasks = tasks
        self._caller = caller
        self._ringing: dict[str, anyio.CancelScope] = {}

    def ring(self, offer: Offer) -> None:
        """Ring it in the background."""
        scope = self._ringing[offer.id] = anyio.CancelScope()
        self._tasks.start_soon(self._ring, offer, scope)

    def stop(self, offer: Offer) -> None:
        """Take the call back, also one whose answer is on its way."""
        if (scope := self._ringing.pop(offer.id, None)) is not None:
            scope.cancel()

    def stop_all(self) -> None:
        """The phone is gone."""
        for scope in self._ringing.values():
            scope.cancel()
        self._ringing.clear()

    async def _ring(self, offer: Offer, scope: anyio.CancelScope) -> None:
        if scope.cancel_called:
            return
        leg: MediaLeg | None = None
        with scope:
            try:
                leg = await self._sip.ring(self.user, caller=self._caller)
            except HotlineError as error:
                self._not_answered(offer, error)
            except Exception as error:  # noqa: BLE001  supervision point: one phone's failure is no other's
                log.error("desk phone failed", extra={"error": type(error).__name__})
                self._not_answered(offer, error)
        # From the answer to here nothing was waited for: accept decides who was first.
        if leg is not None and not offer.accept(leg, self):
            with anyio.move_on_after(5, shield=True):
                await leg.hangup()
        if self._ringing.get(offer.id) is scope:
            del self._ringing[offer.id]

    def _not_answered(self, offer: Offer, error: Exception) -> None:
        """Busy, declined or out of reach: on to the next agent, unless another device may answer."""
        status = error.status if isinstance(error, CallRefused) else 0
        log.info("desk phone not answered", extra={"status": status, "error": type(error).__name__})
        if status == DECLINE:
            offer.refuse("declined")
        elif self.seat.devices == [self]:
            offer.refuse("phone_busy" if status == 486 else "phone_unreachable")


class DeskPhones:
    """Watches registrations; signs in those who work by phone alone."""

    def __init__(
        self,
        acd: Distributor,
        sip: Phones,
        profiles: Callable[[], Mapping[str, Profile]],
        caller: str,
        utc_now: Callable[[], datetime],
    ) -> None:
        self._acd = acd
        self._sip = sip
        self._profiles = profiles
        self._caller = caller
        self._utc_now = utc_now
        self._plugged: dict[str, DeskPhone] = {}
        self._signed_in: set[str] = set()
        """By their phones."""
        self._put_out: set[str] = set()
        """Signed out by somebody: not signed in again before the phone has been away."""

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                try:
                    self.look(tasks)
                except Exception as error:  # noqa: BLE001  supervision point: a fault here ends no call
                    log.error("desk phones not looked at", extra={"error": type(error).__name__})
                await anyio.sleep(LOOK_SECONDS)

    def look(self, tasks: TaskGroup) -> None:
        """Bring seats and registrations together."""
        for profile in self._profiles().values():
            if profile.phone_only:
                self._attend(profile)
        for name, phone in list(self._plugged.items()):
            if self._acd.seats.get(name) is not phone.seat or not self._reachable(phone):
                del self._plugged[name]
                phone.seat.unplug(phone)
                phone.stop_all()
        for name, seat in list(self._acd.seats.items()):
            user = seat.agent.phone
            if user and name not in self._plugged and self._sip.registered(user):
                phone = DeskPhone(user, seat, self._sip, tasks, self._caller)
                self._plugged[name] = phone
                seat.plug(phone)
        for profile in self._profiles().values():
            if profile.phone_only:
                self._make_ready(profile.agent.name)

    def _reachable(self, phone: DeskPhone) -> bool:
        return phone.user == phone.seat.agent.phone and self._sip.registered(phone.user)

    def _attend(self, profile: Profile) -> None:
        """Sign in, or out at the end of duty, somebody who has no page to do it with."""
        agent, seats = profile.agent, self._acd.seats
        if not self._sip.registered(agent.phone):
            self._signed_in.discard(agent.name)
            self._put_out.discard(agent.name)
            return
        may = hindrance(agent, self._utc_now()) is None
        if agent.name in self._signed_in:
            if agent.name not in seats:
                self._signed_in.remove(agent.name)
                self._put_out.add(agent.name)
            elif not may:
                self._signed_in.remove(agent.name)
                self._acd.sign_out(agent.name)
        elif may and agent.name not in self._put_out and agent.name not in seats:
            self._acd.sign_in(agent)
            self._signed_in.add(agent.name)

    def _make_ready(self, name: str) -> None:
        seat = self._acd.seats.get(name)
        if name not in self._signed_in or seat is None or seat.presence is not Presence.BUSY:
            return
        if seat.reason not in BY_ITSELF:
            return
        if seat.reason == NO_ANSWER and self._utc_now() - seat.since < PAUSE:
            return
        try:
            seat.ready()
        except NotAllowed as error:
            log.debug("not made ready", extra={"reason": error.reason})
