"""One signed-in agent: presence and its changes, devices, wrap-up and grace times."""

import re
from datetime import datetime
from typing import TYPE_CHECKING

from hotline.acd.duty import hindrance
from hotline.acd.model import Agent, LogKind, NotAllowed, Presence
from hotline.acd.offer import RingingOffer
from hotline.acd.ports import Device
from hotline.conversation import CallId

if TYPE_CHECKING:
    from hotline.acd.distributor import Distributor

SIGNED_IN = "signed_in"
"""Reason of being busy right after signing in."""
NO_ANSWER = "no_answer"
"""Reason after too many offers left unanswered."""
_REASON = re.compile(r"[a-z][a-z0-9_]{0,31}")

ON_DUTY = frozenset({Presence.READY, Presence.RINGING, Presence.TALKING, Presence.WRAP_UP})
"""Taking calls, or about to again."""


class StaffSeat:
    """A seat; made by `Distributor.sign_in`. Once offline it is over: signing in again makes a new one."""

    def __init__(self, hub: "Distributor", agent: Agent) -> None:
        self._hub = hub
        self.agent = agent
        self.presence = Presence.BUSY
        self.reason = SIGNED_IN
        self.since: datetime = hub.utc_now()
        self.signed_in = hub.now()
        self.idle_since = self.signed_in
        """When it last became free after a talk, a pause or a missed call: who has the earliest is rung."""
        self.changed = self.signed_in
        self.offer: RingingOffer | None = None
        self.call: CallId | None = None
        self.devices: list[Device] = []
        self.misses = self.refusals = 0
        """Offers unanswered in a row; offers refused since signing in."""
        self.gone_at: float | None = self.signed_in + hub.settings.grace_s
        """Without device: when it is signed out (steady seconds)."""
        self.wrap_until: float | None = None
        self._talked_s = 0.0
        self._then = ""
        """Reason of being busy asked for while talking."""
        self.leaving: str | None = None
        """Signed out while talking, by whom ("" by itself): offline when the talk is over."""

    @property
    def free(self) -> bool:
        """Whether a call may be offered right now, duty hours and licence aside."""
        idle = self.presence is Presence.READY and self.offer is None
        return idle and self.leaving is None and bool(self.devices)

    @property
    def hindrance(self) -> str | None:
        """Why the agent may not take calls now, if so."""
        return hindrance(self.agent, self._hub.utc_now())

    @property
    def serving(self) -> bool:
        """Whether the agent may get calls, now or after a pause."""
        return self.presence is not Presence.OFFLINE and self.leaving is None and self.hindrance is None

    def ready(self) -> None:
        """Take calls; while talking only takes back a `busy` asked for.

        Raises `NotAllowed`: `offline`, `talking`, `licence_expired`, `off_duty`, `no_device`.
        """
        if self.presence is Presence.OFFLINE or self.leaving is not None:
            raise NotAllowed("offline")
        if self.presence is Presence.TALKING:
            self._then = ""
            raise NotAllowed("talking")
        if (why := self.hindrance) is not None:
            raise NotAllowed(why)
        if not self.devices:
            raise NotAllowed("no_device")
        if self.presence in {Presence.BUSY, Presence.WRAP_UP}:
            self._leave_wrap_up()
            self.misses = 0
            self.become_ready()
            self._hub.settle()

    def busy(self, reason: str) -> None:
        """Take none; while talking, from the end of the talk on. A ringing offer is refused.

        Raises `NotAllowed`: `offline`, `bad_reason` for one that is no code of letters, digits and `_`.
        """
        if not _REASON.fullmatch(reason):
            raise NotAllowed("bad_reason")
        if self.presence is Presence.OFFLINE:
            raise NotAllowed("offline")
        if self.presence is Presence.TALKING:
            self._then = reason
            return
        if self.offer is not None:
            self._hub.refuse(self.offer, reason, pausing=True)
        self._leave_wrap_up()
        if (self.presence, self.reason) != (Presence.BUSY, reason):
            self.become_busy(reason)
        self._hub.settle()

    def plug(self, device: Device) -> None:
        """A page was opened, a phone registered. A ringing offer rings there too. Harmless when repeated."""
        if device in self.devices or self.presence is Presence.OFFLINE:
            return
        self.devices.append(device)
        self.gone_at = None
        if self.offer is not None:
            self._hub.ring(self.offer, device)
        self._hub.settle()

    def unplug(self, device: Device) -> None:
        """It is gone. Without any left a ringing offer is withdrawn; after the grace time it is offline."""
        if device not in self.devices:
            return
        self.devices.remove(device)
        if self.offer is not None and device in self.offer.rung:
            self.offer.rung.remove(device)
        if not self.devices:
            self.gone_at = self._hub.now() + self._hub.settings.grace_s
            if self.offer is not None:
                self._hub.withdraw(self.offer, "device_gone")
        self._hub.settle()

    def talk_began(self, call: CallId) -> None:
        """The agent talks with a caller who came otherwise than by an offer: a transfer, a take-over.

        A ringing offer is withdrawn. Raises `NotAllowed`: `offline`; `talking`, with another call.
        """
        if self.presence is Presence.OFFLINE:
            raise NotAllowed("offline")
        if self.presence is Presence.TALKING:
            if self.call == call:
                return
            raise NotAllowed("talking")
        if self.offer is not None:
            self._hub.withdraw(self.offer, "talking")
        self._leave_wrap_up()
        self.become_talking(call)
        self._hub.log(LogKind.CONNECT, call, self.agent.name, handed=True)
        self._hub.settle()

    def talk_over(self, call: CallId) -> None:
        """The talk is over: wrap-up begins. Harmless for another call than the seat's."""
        if self.presence is not Presence.TALKING or self.call != call:
            return
        self._talked_s = self._hub.now() - self.changed
        talked_ms = round(self._talked_s * 1000)
        self._change(Presence.WRAP_UP, "")
        self.wrap_until = self._hub.now() + self._hub.settings.wrap_up_s
        self._hub.log(LogKind.WRAPUP, call, self.agent.name, talked_ms=talked_ms)
        if self.leaving is not None:
            self.go_offline("signed_out", self.leaving)
        self._hub.settle()

    def free_at_once(self, call: CallId) -> None:
        """The caller was gone before the agent's leg was joined: no wrap-up."""
        if self.presence is Presence.TALKING and self.call == call:
            self.call = None
            if self.leaving is not None:
                self.go_offline("signed_out", self.leaving)
            else:
                self._after_talk()

    def tick(self, now: float) -> None:
        """What is due: end of wrap-up, of the grace time, of duty hours or of a licence."""
        if self.presence is Presence.WRAP_UP and self.wrap_until is not None and self.wrap_until <= now:
            self._leave_wrap_up()
            self._after_talk()
        if self.presence is Presence.READY and (why := self.hindrance) is not None:
            self.become_busy(why)
        gone = not self.devices and self.gone_at is not None and self.gone_at <= now
        if gone and self.presence is not Presence.TALKING:
            self.go_offline("gone", None)

    def due(self, now: float) -> float | None:
        """When `tick` has something to do next (steady seconds); duty hours are looked at twice a minute."""
        times = [self.wrap_until] if self.wrap_until is not None else []
        if not self.devices and self.gone_at is not None and self.presence is not Presence.TALKING:
            times.append(self.gone_at)
        if self.presence is Presence.READY and (self.agent.shifts or self.agent.licence_until is not None):
            times.append(now + 30.0)
        return min(times, default=None)

    def become_ready(self) -> None:
        """Free from now on."""
        paused_ms = round((self._hub.now() - self.changed) * 1000)
        was = self.presence.value
        self._change(Presence.READY, "")
        self.idle_since = self._hub.now()
        self._hub.log(LogKind.READY, None, self.agent.name, after=was, paused_ms=paused_ms)

    def become_busy(self, reason: str) -> None:
        """Take no calls from now on."""
        self._change(Presence.BUSY, reason)
        self._hub.log(LogKind.PAUSE, None, self.agent.name, reason=reason)

    def become_talking(self, call: CallId) -> None:
        """With a caller from now on."""
        self._change(Presence.TALKING, "")
        self.call, self.misses, self._then = call, 0, ""

    def become_ringing(self, offer: RingingOffer) -> None:
        """A call is offered."""
        self._change(Presence.RINGING, "")
        self.offer = offer

    def stop_ringing(self, *, missed: bool) -> None:
        """The offer is over without a talk. One who missed it is rung after everybody else."""
        self.offer = None
        self._change(Presence.READY, "")
        if missed:
            self.idle_since = self._hub.now()

    def go_offline(self, reason: str, by: str | None) -> None:
        """The end of the seat."""
        self._leave_wrap_up()
        self._change(Presence.OFFLINE, "")
        self.devices.clear()
        self.gone_at = None
        facts: dict[str, str | float] = {"reason": reason}
        facts["signed_in_ms"] = round((self._hub.now() - self.signed_in) * 1000)
        if by:
            facts["by"] = by
        self._hub.log(LogKind.AGENTLOGOFF, None, self.agent.name, "", **facts)
        self._hub.forget(self)

    def _after_talk(self) -> None:
        if self._then:
            reason, self._then = self._then, ""
            self.become_busy(reason)
        elif (why := self.hindrance) is not None:
            self.become_busy(why)
        else:
            self.become_ready()

    def _leave_wrap_up(self) -> None:
        if self.presence is Presence.WRAP_UP:
            self._hub.measured(self._talked_s + self._hub.now() - self.changed)
            self.call = self.wrap_until = None

    def _change(self, presence: Presence, reason: str) -> None:
        self.presence, self.reason = presence, reason
        self.since, self.changed = self._hub.utc_now(), self._hub.now()
