"""What a caller wants, read anew with every utterance; a reader that fails costs its reading only."""

import logging
import re
from collections.abc import Sequence
from datetime import date

import anyio.to_thread

from hotline.call.contained import where
from hotline.call.line import Reader
from hotline.conversation import CallId, Intent, Sentence, Turn

DIALABLE = re.compile(r"(?:sips?:)?\+?\d{7,15}(?:@.*)?")
"""A remote party's name that can be called back."""
PREFECTURE = "00"
"""End of the code of a whole prefecture: too wide to send anybody to."""

log = logging.getLogger(__name__)


class Understanding:
    """The reading of one call so far."""

    def __init__(self, call: CallId, reader: Reader) -> None:
        self._call = call
        self._reader = reader
        self.intent: Intent | None = None

    async def read(self, turns: Sequence[Turn], today: date) -> Intent | None:
        """Read all turns anew, in a thread; the intent when it is another than before, else None."""
        try:
            intent = await anyio.to_thread.run_sync(lambda: self._reader.read(turns, now=today))
        except Exception as error:  # noqa: BLE001  supervision point: the call goes on without a reading
            log.error(
                "the caller's words could not be read", extra={"call_id": self._call, "at": where(error)}
            )
            return None
        if intent is None or intent == self.intent:
            return None
        self.intent = intent
        return intent

    def known(self, remote: str) -> frozenset[str]:
        """Fields that need not be asked for; `remote` is the number or address the call came from."""
        slots = {slot.name: slot.value for slot in self.intent.slots} if self.intent is not None else {}
        if slots.get("place", "").endswith(PREFECTURE):
            del slots["place"]
        return frozenset(slots) | ({"phone"} if DIALABLE.fullmatch(remote) else frozenset())

    def summary(self, turns: Sequence[Turn], *, callback: bool = False) -> tuple[Sentence, ...]:
        """A few sentences for the order; the caller's own words when there is no better.

        `callback`: above all, the caller wants to be called back.
        """
        if callback:
            return (Sentence(self._reader.callback), *(self.summary(turns) if turns else ()))
        try:
            return self._reader.summary(turns, self.intent)
        except Exception as error:  # noqa: BLE001  supervision point: the order is filed all the same
            log.error("no summary of the call", extra={"call_id": self._call, "at": where(error)})
            return (Sentence("\n".join(turn.text for turn in turns)),)
