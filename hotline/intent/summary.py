"""What was understood → a few Chinese sentences for the order, each with the words it rests on (pure)."""

import re
from collections.abc import Mapping, Sequence

from hotline.conversation import Intent, Sentence, Span, Turn
from hotline.intent.passage import Passage
from hotline.intent.policy import SummaryText

_SAID_MAX = 60
"""Characters of the caller's own words that are quoted."""
_MARKS = " \uff0c\u3001,"
_SENTENCE = re.compile(r"[^\n\u3002\uff01\uff1f]+")


def summary(
    turns: Sequence[Turn], intent: Intent | None, texts: SummaryText, flags: Mapping[str, str]
) -> tuple[Sentence, ...]:
    """The order's summary; with no reading it says that the recording must be listened to.

    `flags` maps flag codes to labels.
    """
    if intent is None:
        return (Sentence(texts.nothing),)
    name = intent.slot("caller_name")
    if name is not None:
        opening = texts.opening.format(caller_name=name.value, matter=intent.matter.label)
    else:
        opening = texts.opening_unnamed.format(matter=intent.matter.label)
    told = [Sentence(opening, (*(name.evidence if name is not None else ()), *intent.evidence))]
    for line in texts.lines:
        slot = intent.slot(line.slot)
        if slot is not None:
            # a demand may only be implied by the matter: then it rests on what the matter rests on
            told.append(Sentence(line.text.format(value=slot.display), slot.evidence or intent.evidence))
    marks = [flags[flag] for flag in intent.flags if flag in flags]
    if marks:
        told.append(Sentence(texts.flags.format(value=texts.join.join(marks)), intent.evidence))
    quote, words = _quote(turns, intent)
    if quote:
        told.append(Sentence(texts.said.format(value=quote), words))
    return tuple(told)


def _quote(turns: Sequence[Turn], intent: Intent) -> tuple[str, tuple[Span, ...]]:
    """The caller's sentence that holds most of the evidence, and where it was said."""
    words = [span.text for span in intent.evidence]
    passage = Passage.of(turns)
    best, most = None, -1
    for match in _SENTENCE.finditer(passage.text):
        held = sum(word in match[0] for word in words)
        if held > most and match[0].strip(_MARKS):
            best, most = match, held
    if best is None:
        return "", ()
    start = best.start() + len(best[0]) - len(best[0].lstrip(_MARKS))
    said = best[0].strip(_MARKS)
    if len(said) <= _SAID_MAX:
        return said, passage.spans(start, start + len(said))
    return said[: _SAID_MAX - 1] + "\u2026", passage.spans(start, start + _SAID_MAX - 1)
