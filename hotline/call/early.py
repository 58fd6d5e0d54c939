"""Takes a call: at once, or after what the flow says before it is answered (early media)."""

from contextlib import suppress

from hotline.call.line import Line
from hotline.errors import LegGone
from hotline.gateway.media import IncomingCall, MediaLeg


async def take(incoming: IncomingCall, line: Line) -> MediaLeg:
    """Answer the call. Raises `CallAborted` when the caller gave up first."""
    if line.early and line.flow.early:
        sound = await incoming.progress()
        if sound is not None:
            with suppress(LegGone):  # the caller gave up: `answer` says so
                await sound.play(line.prompts.audio(line.flow.early, {}))
    return await incoming.answer()
