"""Registered phones whose people do what a test says."""

import anyio

from hotline.gateway.media import MediaLeg
from tests.fakes.acd_parts import StillLeg


class Phones:
    """Registered phones whose people do what a test says."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.ringing: list[str] = []
        self.taken_back: list[str] = []
        self.shown: set[str] = set()
        self._answers: dict[str, StillLeg | Exception] = {}
        self._answered = anyio.Event()

    def registered(self, user: str) -> bool:
        """As `SipEndpoint`."""
        return user in self.there

    async def ring(self, user: str, *, caller: str = "anonymous") -> MediaLeg:
        """As `SipEndpoint`."""
        self.shown.add(caller)
        self.ringing.append(user)
        try:
            while user not in self._answers:
                await self._answered.wait()
        except anyio.get_cancelled_exc_class():
            self.taken_back.append(user)
            raise
        finally:
            self.ringing.remove(user)
        answer = self._answers.pop(user)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer(self, user: str, how: StillLeg | Exception) -> None:
        """Somebody picks up, or the phone says no."""
        self._answers[user] = how
        self._answered.set()
        self._answered = anyio.Event()
