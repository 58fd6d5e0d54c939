"""What a machine can see in a talk: hints for an inspector, each with its place (pure)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asr.audio import SAMPLE_RATE
from hotline.conversation import Speaker
from hotline.stats.quality_rules import Looked, Marks
from hotline.stats.topic_matches import places_of
from hotline.store.views import UtteranceView


@dataclass(frozen=True, slots=True)
class Mark:
    """One hint."""

    kind: str
    """Field of `Marks`."""
    utterance: str
    """Where; empty: nowhere in particular."""
    at: int
    """Sample (16 kHz, caller's leg clock) to listen from."""
    first: int = 0
    """Characters of the utterance's text that are meant."""
    last: int = 0
    amount: float = 0.0
    """Seconds, or characters a minute."""


def marks(said: Sequence[UtteranceView], *, noticed: bool, rules: Marks) -> list[Mark]:
    """Everything there is to see, by its place. `noticed`: the recording notice was played."""
    agent = [view for view in said if view.speaker is Speaker.AGENT and view.text]
    found = [] if noticed else [Mark("notice", "", 0)]
    found += _greeting(agent, rules.greeting)
    found += _silence(said, rules.silence)
    for view in agent:
        found += _interruption(view, said, rules.interruption)
        found += _speed(view, rules.speed)
        found += _words("forbidden", view, rules.forbidden)
        found += _words("promise", view, rules.promise)
    return sorted(found, key=lambda mark: (mark.at, mark.kind))


def _greeting(agent: Sequence[UtteranceView], rule: Looked) -> Iterator[Mark]:
    """None of the words in what the agent says first, for so many seconds."""
    if not agent:
        return
    end = agent[0].start + rule.within_s * SAMPLE_RATE
    first = [view for view in agent if view.start <= end]
    if not any(places_of(word, view.text) for view in first for word in rule.words):
        yield Mark("greeting", agent[0].utterance, agent[0].start, 0, len(agent[0].text))


def _interruption(view: UtteranceView, said: Sequence[UtteranceView], rule: Looked) -> Iterator[Mark]:
    """The agent begins while the caller goes on speaking for at least so long."""
    for other in said:
        both = (min(other.end, view.end) - view.start) / SAMPLE_RATE
        if other.speaker is Speaker.CALLER and other.start < view.start and both >= rule.seconds:
            yield Mark("interruption", view.utterance, view.start, 0, len(view.text), round(both, 1))
            return


def _silence(said: Sequence[UtteranceView], rule: Looked) -> Iterator[Mark]:
    """Nobody says anything for so long, between two utterances."""
    end: int | None = None
    for view in sorted(said, key=lambda each: each.start):
        if end is not None and (view.start - end) / SAMPLE_RATE >= rule.seconds:
            yield Mark("silence", view.utterance, end, amount=round((view.start - end) / SAMPLE_RATE, 1))
        end = view.end if end is None else max(end, view.end)


def _speed(view: UtteranceView, rule: Looked) -> Iterator[Mark]:
    """More characters a minute, in an utterance that is long enough to tell."""
    letters = sum(character.isalnum() for character in view.text)
    length = (view.end - view.start) / SAMPLE_RATE
    if letters >= rule.shortest and length > 0 and letters * 60 / length > rule.per_minute:
        yield Mark("speed", view.utterance, view.start, 0, len(view.text), round(letters * 60 / length))


def _words(kind: str, view: UtteranceView, rule: Looked) -> Iterator[Mark]:
    for word in rule.words:
        for first, last in places_of(word, view.text):
            yield Mark(kind, view.utterance, view.start, first, last)
