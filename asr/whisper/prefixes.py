"""What partials of an utterance have agreed on: the next one starts there, not at the first word (pure).

Two readings in a row that begin with the same tokens are believed so far (local agreement: Machacek et al.,
2023, "Turning Whisper into Real-Time Transcription System"), short of the last ones, which lacked what was
said next. The final is always read from its beginning.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from asr.audio import UtteranceId

REMEMBERED = 512
"""Utterances kept; beyond, the one not read for longest is forgotten, and read whole the next time."""
HELD_BACK = 4
"""Tokens at the end of a reading that are not believed yet."""


@dataclass(slots=True)
class _Utterance:
    before: tuple[int, ...] = ()
    agreed: int = 0


class Prefixes:
    """Of all utterances that are going on."""

    def __init__(self) -> None:
        self._known: OrderedDict[UtteranceId, _Utterance] = OrderedDict()

    def of(self, utterance: UtteranceId) -> tuple[int, ...]:
        """The tokens the next reading starts with; none for an utterance not known."""
        known = self._known.get(utterance)
        return known.before[: known.agreed] if known is not None else ()

    def note(self, utterance: UtteranceId, tokens: Sequence[int]) -> None:
        """Take a whole reading, the tokens it started with included."""
        known = self._known.setdefault(utterance, _Utterance())
        self._known.move_to_end(utterance)
        row = tuple(tokens)
        agreed = _common(known.before, row)
        believed = min(agreed, min(len(known.before), len(row)) - HELD_BACK)
        known.agreed = max(known.agreed, believed) if agreed >= known.agreed else max(0, believed)
        known.before = row
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, utterance: UtteranceId) -> None:
        """It has ended, or its readings are not to be trusted."""
        self._known.pop(utterance, None)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
