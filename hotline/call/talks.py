"""The talks that are going on: what pages ask of the floor."""

from collections.abc import Mapping

from hotline.call.floor import Talk
from hotline.conversation import CallId


class Talks:
    """Every talk, by call: the `Floor` of a running line."""

    def __init__(self) -> None:
        self._talks: dict[CallId, Talk] = {}

    @property
    def talks(self) -> Mapping[CallId, Talk]:
        """Those going on."""
        return self._talks

    def of_agent(self, name: str) -> tuple[CallId, Talk] | None:
        """The talk an agent has now."""
        return next(((call, talk) for call, talk in self._talks.items() if talk.agent == name), None)

    def of_guest(self, name: str) -> tuple[CallId, Talk] | None:
        """The talk of somebody else in which an agent is consulted, or a third party."""
        return next(((call, talk) for call, talk in self._talks.items() if name in talk.guests), None)

    def begin(self, call: CallId, talk: Talk) -> None:
        """A talk goes on from now."""
        self._talks[call] = talk

    def end(self, call: CallId) -> None:
        """It is over. Harmless when it is not there."""
        self._talks.pop(call, None)
