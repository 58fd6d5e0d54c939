"""When has the caller finished? Decided on the leg's own clock, frame by frame (pure)."""

from dataclasses import dataclass
from enum import Enum

from asr.audio import SAMPLE_RATE


class Verdict(Enum):
    """What became of a listening."""

    HEARD = "heard"
    NO_INPUT = "no_input"


@dataclass(slots=True)
class Listening:
    """One listening; times are samples at 16 kHz on the leg's clock."""

    began: int
    silence: int
    """This much silence after speech ends it."""
    longest: int
    """It ends by then whatever the caller does."""
    patience: int = 8 * SAMPLE_RATE
    """With nothing said at all, it ends by then."""
    speech: bool = True
    """False: only keys count, whatever is said."""
    settle: int = 6 * SAMPLE_RATE
    """How long finals still under way are waited for before the listening ends without them."""
    _finished: int | None = None

    def finish(self, now: int) -> None:
        """The caller pressed the end key."""
        if self._finished is None:
            self._finished = now

    def update(self, now: int, last_speech: int, pending: int) -> Verdict | None:
        """The verdict at sample `now`, or None while it goes on.

        `last_speech`: one past the last sample judged speech; `pending`: utterances without their final yet.
        """
        spoken = self.speech and last_speech > self.began
        if self._finished is None:
            quiet = now - max(last_speech, self.began)
            over = quiet >= self.silence if spoken else now - self.began >= self.patience
            if not over and now - self.began < self.longest:
                return None
            self._finished = now
        if not spoken:
            return Verdict.NO_INPUT
        if pending and now - self._finished < self.settle:
            return None
        return Verdict.HEARD
