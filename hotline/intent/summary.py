"""What was understood → a few Chinese sentences for the order (pure)."""

import re
from collections.abc import Mapping, Sequence

from hotline.conversation import Intent, Speaker, Turn
from hotline.intent.policy import SummaryText

_SAID_MAX = 60
"""Characters of the caller's own words that are quoted."""
_MARKS = " \uff0c\u3001,"
_SENTENCE = re.compile(r"[^\n\u3002\uff01\uff1f]+")


def summary(
    turns: Sequence[Turn], intent: Intent | None, texts: SummaryText, flags: Mapping[str, str]
) -> str:
    """The order's summary; with no reading it says that the recording must be listened to.

    `flags` maps flag codes to labels.
    """
    if intent is None:
        return texts.nothing
    name = intent.slot("caller_name")
    if name is not None:
        opening = texts.opening.format(caller_name=name.value, matter=intent.matter.label)
    else:
        opening = texts.opening_unnamed.format(matter=intent.matter.label)
    parts = [opening]
    for line in texts.lines:
        slot = intent.slot(line.slot)
        if slot is not None:
            parts.append(line.text.format(value=slot.display))
    marks = [flags[flag] for flag in intent.flags if flag in flags]
    if marks:
        parts.append(texts.flags.format(value=texts.join.join(marks)))
    quote = _quote(turns, intent)
    if quote:
        parts.append(texts.said.format(value=quote))
    return "".join(parts)


def _quote(turns: Sequence[Turn], intent: Intent) -> str:
    """The caller's sentence that holds most of the evidence."""
    words = [span.text for span in intent.evidence]
    sentences = [
        match[0].strip(_MARKS)
        for turn in turns
        if turn.speaker is Speaker.CALLER
        for match in _SENTENCE.finditer(turn.text)
    ]
    best = max(sentences, key=lambda sentence: sum(word in sentence for word in words), default="")
    return best if len(best) <= _SAID_MAX else best[: _SAID_MAX - 1] + "\u2026"
