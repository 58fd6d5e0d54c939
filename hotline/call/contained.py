"""One step of a call's end: limited in time, and its failure kept to itself."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from hotline.conversation import CallId

log = logging.getLogger(__name__)


def where(error: BaseException) -> list[str]:
    """The lines an error passed through; never its text, which may quote a caller."""
    if isinstance(error, BaseExceptionGroup):
        return [line for inner in error.exceptions for line in where(inner)][:40]
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{type(error).__name__} {Path(frame.filename).name}:{frame.lineno}" for frame in frames[-8:]]


async def contained(call: CallId, step: Callable[[], Awaitable[object]], seconds: float) -> bool:
    """Take a step; True when it was finished in time and without an error.

    Cancelling from outside is not contained.
    """
    with anyio.move_on_after(seconds) as scope:
        try:
            await step()
        except Exception as error:  # noqa: BLE001  supervision point: the other steps must still be taken
            log.error("a step of the call's end failed", extra={"call_id": call, "at": where(error)})
            return False
    if scope.cancelled_caught:
        log.error("a step of the call's end took too long", extra={"call_id": call})
    return not scope.cancelled_caught
