"""What waits for one browser: every lasting event, and of partials only the latest."""

from typing import Any

import anyio

LASTING = 500
"""Events that may wait for a browser; one that is slower is sent away and comes back with `after`."""
PARTIALS = 200
"""Utterances with a waiting partial: more than can be open at once."""

Json = dict[str, Any]


class TooSlow(Exception):
    """The browser does not keep up."""


class Mailbox:
    """One browser's bounded queue. `offer…` never waits; `take` waits for something to send."""

    def __init__(self, lasting: int = LASTING, partials: int = PARTIALS) -> None:
        self._lasting: list[Json] = []
        self._partials: dict[str, Json] = {}
        self._capacity = (lasting, partials)
        self._wake = anyio.Event()
        self.overflowed = anyio.Event()
        """Set once an event was lost; the browser must be sent away."""

    def offer(self, event: Json) -> None:
        """Queue an event that must arrive. A final takes the place of its utterance's partial."""
        if event.get("type") == "utterance":
            self._partials.pop(event["utterance"], None)
        if len(self._lasting) >= self._capacity[0]:
            self.overflowed.set()
            return
        self._lasting.append(event)
        self._wake.set()

    def offer_partial(self, utterance: str, event: Json) -> None:
        """Queue a partial in place of the utterance's last one."""
        if utterance not in self._partials and len(self._partials) >= self._capacity[1]:
            self._partials.pop(next(iter(self._partials)))
        self._partials[utterance] = event
        self._wake.set()

    @property
    def depth(self) -> int:
        """Events waiting."""
        return len(self._lasting) + len(self._partials)

    async def take(self) -> list[Json]:
        """Everything that waits, lasting events first. Raises `TooSlow` once something was lost."""
        while not self._lasting and not self._partials:
            if self.overflowed.is_set():
                raise TooSlow
            self._wake = anyio.Event()
            await self._wake.wait()
        if self.overflowed.is_set():
            raise TooSlow
        batch = [*self._lasting, *self._partials.values()]
        self._lasting, self._partials = [], {}
        return batch
