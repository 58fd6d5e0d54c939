"""Carries out in a talk what the agent's page asks for."""

from collections.abc import Awaitable, Callable

from hotline.acd.model import NotAllowed
from hotline.call.floor import Talk
from hotline.web.console_frames import Asked, Mute, Plain, Press, Toward

_AT_ONCE: dict[str, Callable[[Talk], None]] = {
    "hold": lambda talk: talk.hold(),
    "resume": lambda talk: talk.resume(),
}
_WAITING: dict[str, Callable[[Talk], Awaitable[None]]] = {
    "complete": lambda talk: talk.complete(),
    "back": lambda talk: talk.back(),
    "conference": lambda talk: talk.conference(),
    "hangup": lambda talk: talk.hangup(),
}
_TOWARD: dict[str, Callable[[Talk, str], Awaitable[None]]] = {
    "transfer": lambda talk, target: talk.transfer(target),
    "consult": lambda talk, target: talk.consult(target),
    "invite": lambda talk, target: talk.conference(target),
}


async def carry_out(asked: Asked, talk: Talk) -> None:
    """Raises `NotAllowed` for what does not fit, with a reason the page has words for."""
    match asked:
        case Plain() if asked.type in _AT_ONCE:
            _AT_ONCE[asked.type](talk)
        case Plain() if asked.type in _WAITING:
            await _WAITING[asked.type](talk)
        case Mute():
            talk.mute(on=asked.on)
        case Press():
            talk.press(asked.key)
        case Toward():
            await _TOWARD[asked.type](talk, asked.target)
        case _:
            raise NotAllowed("no_talk")
