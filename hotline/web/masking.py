"""Masks numbers in a call's transcript, also those that were said in several pieces."""

import re
from collections.abc import Iterable

from hotline.conversation import Speaker
from hotline.redact import mask, mask_all
from hotline.store.views import UtteranceView

WINDOW = 6
"""Utterances of one speaker that one number may be spread over."""

SHOWN_DIGITS = 3
"""Digits at the end of a growing text that are shown before it is known what number they belong to."""

_GROWING = re.compile(r"\d[\d\s-]*$")


class TranscriptMask:
    """One call's utterances, masked; masked text is as long as the text, so that spans still fit.

    A number may show itself as one only with its last piece, so adding an utterance may change earlier ones.
    What has been masked once stays masked.
    """

    def __init__(self) -> None:
        self._spoken: dict[Speaker, dict[str, str]] = {}
        self._masked: dict[str, str] = {}

    def add(self, utterance: str, speaker: Speaker, text: str) -> dict[str, str]:
        """Take a final; the utterances whose masked text is new or has changed."""
        texts = self._spoken.setdefault(speaker, {})
        texts[utterance] = text
        window = list(texts.items())[-WINDOW:]
        changed = {}
        for key, masked in zip(
            (key for key, _ in window), _together([text for _, text in window]), strict=True
        ):
            before = self._masked.get(key)
            now = masked if before is None else _both(texts[key], before, masked)
            if now != before:
                self._masked[key] = changed[key] = now
        return changed

    def growing(self, speaker: Speaker, text: str) -> str:
        """A partial, masked as it would be if it were the next final, and more carefully at its end."""
        texts = [*list(self._spoken.get(speaker, {}).values())[-(WINDOW - 1) :], text]
        masked = _together(texts)[-1]
        end = _GROWING.search(masked)
        if end is None:
            return masked
        at = end.start() + SHOWN_DIGITS
        return masked[:at] + re.sub(r"\d", "*", masked[at:])

    def text(self, utterance: str) -> str | None:
        """An utterance's masked text."""
        return self._masked.get(utterance)

    def span(self, utterance: str, start: int, end: int, fallback: str) -> str:
        """The masked words of a span; `fallback`, masked, for an utterance that is not known."""
        text = self._masked.get(utterance)
        return text[start:end] if text is not None else mask(fallback).text


def mask_transcript(utterances: Iterable[UtteranceView]) -> TranscriptMask:
    """The mask of a stored transcript."""
    whole = TranscriptMask()
    for view in utterances:
        whole.add(view.utterance, view.speaker, view.text)
    return whole


def _together(texts: list[str]) -> list[str]:
    return [masked.text for masked in mask_all(texts)]


def _both(text: str, one: str, other: str) -> str:
    """A character is masked when either mask says so."""
    return "".join(
        first if first != plain else second for plain, first, second in zip(text, one, other, strict=True)
    )
