"""Final utterances of a call → turns (pure)."""

from dataclasses import dataclass, field

from asr.audio import UtteranceId
from asr.transcript import TranscriptEvent
from hotline.conversation import Speaker, Turn

JOIN = "\uff0c"
"""Joins utterances inside a turn: the comma that Chinese text uses, so that no word grows across a border."""

MARKS = "\uff0c\u3002\uff01\uff1f\uff1b\u3001,.!?;"
"""An utterance that ends in one of these needs no comma before the next."""


@dataclass(slots=True)
class _Open:
    speaker: Speaker
    events: list[TranscriptEvent] = field(default_factory=list)


class TurnBuilder:
    """Collects the finals of every leg and tells the turns so far."""

    def __init__(self) -> None:
        self._turns: list[_Open] = []
        self._seen: set[UtteranceId] = set()

    def add(self, speaker: Speaker, event: TranscriptEvent) -> bool:
        """Take a final; False when it is empty or was already taken."""
        if event.kind != "final" or not event.text or event.utterance in self._seen:
            return False
        self._seen.add(event.utterance)
        if not self._turns or self._turns[-1].speaker is not speaker:
            self._turns.append(_Open(speaker))
        self._turns[-1].events.append(event)
        return True

    def cut(self, speaker: Speaker) -> None:
        """The next final of `speaker` begins a new turn (the robot has spoken in between)."""
        if self._turns and self._turns[-1].speaker is speaker:
            self._turns.append(_Open(speaker))

    def latest(self, speaker: Speaker, since: int) -> Turn:
        """What `speaker` has said since a sample; with an empty text when no word was understood."""
        events = [e for each in self._turns if each.speaker is speaker for e in each.events if e.end > since]
        return _turn(_Open(speaker, events)) if events else Turn(speaker, "", "", (), since, since)

    def turns(self, speaker: Speaker | None = None) -> tuple[Turn, ...]:
        """All turns so far, or one speaker's."""
        return tuple(
            _turn(each)
            for each in self._turns
            if each.events and (speaker is None or each.speaker is speaker)
        )


def _turn(each: _Open) -> Turn:
    offsets, text, raw = [], "", ""
    for event in each.events:
        text, raw = _open_end(text), _open_end(raw)
        offsets.append(len(text))
        text += event.text
        raw += event.raw
    return Turn(
        speaker=each.speaker,
        text=text,
        raw=raw,
        utterances=tuple(event.utterance for event in each.events),
        start=each.events[0].start,
        end=each.events[-1].end,
        offsets=tuple(offsets),
    )


def _open_end(text: str) -> str:
    """Ready for the next utterance: what does not end in a mark of its own gets one."""
    return text if not text or text[-1] in MARKS else text + JOIN
