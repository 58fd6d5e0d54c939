"""What the SIP side asks of its defence, and tells it."""

from enum import Enum, auto
from typing import Protocol


class Verdict(Enum):
    """What may be done with a message."""

    PASS = auto()
    DIALOGS_ONLY = auto()
    """Its sender is banned but has a call going on: only what belongs to a dialog is heard."""
    BUSY = auto()
    """A trusted sender is too fast: told to try again later."""
    DROP = auto()


class Deed(Enum):
    """What somebody did."""

    MALFORMED = auto()
    """A message that cannot be read."""
    UNKNOWN_NUMBER = auto()
    """Asked for a number that is not ours: 404."""
    BAD_CREDENTIALS = auto()
    """Gave credentials, and they were wrong. A first request without any is no deed at all."""
    SCANNER = auto()
    """Calls itself by a scanner's name."""
    GOOD_CREDENTIALS = auto()
    CALL_BEGUN = auto()
    CALL_ENDED = auto()


class Guard(Protocol):
    """Who may speak, and how much."""

    def admits(self, source: str, now: float) -> Verdict:
        """Asked for each message before it is read."""

    def most_calls(self, source: str) -> int | None:
        """How many calls at once it may have, ringing and answered; None for any number."""

    def shuts_out(self, source: str, now: float) -> bool:
        """Whether no stream is opened to it: it is banned, and in no call."""

    def note(self, source: str, deed: Deed, now: float, user: str = "", *, proved: bool = False) -> None:
        """Somebody did something; `user`: whose credentials; `proved`: over a stream, so that the source
        cannot have been forged."""

    def blocked(self, source: str, user: str, now: float) -> bool:
        """Whether that user's credentials are not even looked at from there any more."""

    def scanner(self, agent: str) -> bool:
        """Whether a User-Agent is a scanner's."""


class Unguarded:
    """Lets everybody in: for endpoints that only call, and for tests of other things."""

    def admits(self, source: str, now: float) -> Verdict:
        """Yes."""
        del source, now
        return Verdict.PASS

    def most_calls(self, source: str) -> int | None:
        """Any number."""
        del source
        return None

    def shuts_out(self, source: str, now: float) -> bool:
        """No."""
        del source, now
        return False

    def note(self, source: str, deed: Deed, now: float, user: str = "", *, proved: bool = False) -> None:
        """Nothing is kept."""

    def blocked(self, source: str, user: str, now: float) -> bool:
        """No."""
        del source, user, now
        return False

    def scanner(self, agent: str) -> bool:
        """No."""
        del agent
        return False
