"""The one task of call distribution: wakes it when something is due, hangs up legs that nobody takes."""

import logging
from collections import deque
from typing import Protocol

import anyio

from hotline.gateway.media import MediaLeg

log = logging.getLogger(__name__)

AFTER_FAULT_S = 1.0
"""Before the next try after a fault of ours: waiting calls are worth more than a clean stop."""
HANGUP_S = 5.0


class Timed(Protocol):
    """What is woken."""

    strays: deque[MediaLeg]
    """Legs to be hung up."""
    wake: anyio.Event
    """Set when something happened; a fresh one is put in its place."""

    def now(self) -> float:
        """Steady seconds."""

    def tick(self) -> None:
        """Do what is due."""

    def due(self) -> float | None:
        """When something is due next (steady seconds)."""


async def keep_time(hub: Timed) -> None:
    """Run until cancelled."""
    async with anyio.create_task_group() as tasks:
        while True:
            pause = _turn(hub)
            while hub.strays:
                tasks.start_soon(_hang_up, hub.strays.popleft())
            hub.wake = anyio.Event()
            with anyio.move_on_after(pause):
                await hub.wake.wait()


def _turn(hub: Timed) -> float | None:
    """Do what is due; how long to wait for the next thing, None for as long as nothing happens."""
    try:
        hub.tick()
        due = hub.due()
    except Exception as error:  # noqa: BLE001  supervision point: one bad entry must not end all distribution
        log.error("call distribution failed, trying again", extra={"error": type(error).__name__})
        return AFTER_FAULT_S
    return None if due is None else max(0.0, due - hub.now())


async def _hang_up(leg: MediaLeg) -> None:
    with anyio.move_on_after(HANGUP_S):
        try:
            await leg.hangup()
        except Exception as error:  # noqa: BLE001  supervision point: as above
            log.error("leg not hung up", extra={"error": type(error).__name__})
