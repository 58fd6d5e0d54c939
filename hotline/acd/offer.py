"""One waiting call ringing at one agent: the handle that pages and phones hold."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from hotline.acd.model import Wanted
from hotline.acd.ports import Device
from hotline.gateway.media import MediaLeg

if TYPE_CHECKING:
    from hotline.acd.distributor import Distributor
    from hotline.acd.seat import StaffSeat
    from hotline.acd.waiting import QueuedCall

log = logging.getLogger(__name__)


class RingingOffer:
    """Open from its making until the first of: accept, refuse, time-out, withdrawal. Never opens again."""

    def __init__(self, hub: "Distributor", call: "QueuedCall", seat: "StaffSeat", number: int) -> None:
        self._hub = hub
        self.queued = call
        self.seat = seat
        self.id = f"{call.wanted.call}.{number}"
        self.began = hub.now()
        self.ends = self.began + hub.settings.ring_s
        self.until: datetime = hub.ring_until()
        self.open = True
        self.rung: list[Device] = []
        """Devices that were told to ring and not yet to stop."""

    @property
    def wanted(self) -> Wanted:
        """The call."""
        return self.queued.wanted

    def accept(self, leg: MediaLeg, device: Device) -> bool:
        """The agent answers with this leg. False: too late, or not a device of the agent's any more."""
        return self._hub.accept(self, leg, device)

    def refuse(self, reason: str = "") -> None:
        """The agent will not; the next one is rung. Harmless when the offer is over."""
        self._hub.refuse(self, reason)

    def ring_at(self, device: Device) -> None:
        """Tell the device, unless the offer or the device is gone by now."""
        if self.open and device in self.seat.devices and device not in self.rung:
            self.rung.append(device)
            try:
                device.ring(self)
            except Exception as error:  # noqa: BLE001  supervision point: one broken page rings nobody else off
                log.error("device does not ring", extra={"kind": device.kind, "error": type(error).__name__})

    def stop_at(self, device: Device) -> None:
        """Tell the device that it is over, if it was told to ring."""
        if device in self.rung:
            self.rung.remove(device)
            try:
                device.stop(self)
            except Exception as error:  # noqa: BLE001  supervision point: as above
                log.error("device does not stop", extra={"kind": device.kind, "error": type(error).__name__})
