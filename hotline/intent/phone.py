"""Finds the telephone number a caller gives, also read out in groups over several utterances (pure)."""

import re
from dataclasses import dataclass

from asr.numerals import numerals
from hotline.intent.found import Found
from hotline.intent.wording import PhoneWording

UTTERANCES_MAX = 3
"""A number is read out over at most this many utterances."""

_MOBILE = re.compile(r"(?:86)?(1[3-9]\d{9})")
_CONTEXT = 16
"""Characters before a number in which a word such as "telephone" makes it more certain."""


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Digits that belong together, and where each stands."""

    digits: str
    places: tuple[int, ...]


def digit_runs(text: str) -> list[DigitRun]:
    """Digits read out with nothing between them but marks, spaces and fillers."""
    table = numerals()
    values = table.read_out
    fillers = sorted(table.words["filler"], key=len, reverse=True)
    runs: list[DigitRun] = []
    digits: list[str] = []
    places: list[int] = []
    at = 0
    while at < len(text):
        char = text[at]
        filler = next((word for word in fillers if text.startswith(word, at)), None)
        if char in values:
            digits.append(str(values[char]))
            places.append(at)
            at += 1
        elif filler is not None or not (char.isalnum() or char == "\n"):
            at += len(filler or char)
        else:
            if digits:
                runs.append(DigitRun("".join(digits), tuple(places)))
                digits, places = [], []
            at += 1
    if digits:
        runs.append(DigitRun("".join(digits), tuple(places)))
    return runs


def find_phone(text: str, borders: tuple[int, ...], wording: PhoneWording) -> Found | None:
    """The last complete number; `borders` are where utterances begin."""
    best: tuple[float, int, Found] | None = None
    for run in digit_runs(text.replace("\n", " ")):
        for start, end, sure in _numbers(run.digits, wording):
            first, last = run.places[start], run.places[end - 1] + 1
            if sum(first < border < last for border in borders) >= UTTERANCES_MAX:
                continue
            near = any(word in text[max(0, first - _CONTEXT) : first] for word in wording.words)
            confidence = sure if near else sure - 0.15
            number = run.digits[start:end]
            found = Found(number, number, confidence, ((first, last),))
            if best is None or (confidence, first) >= best[:2]:
                best = (confidence, first, found)
    return best[2] if best else None


def _numbers(digits: str, wording: PhoneWording) -> list[tuple[int, int, float]]:
    """Start, end and certainty of every telephone number that a run of digits may hold."""
    whole = _MOBILE.fullmatch(digits)
    if whole:
        return [(whole.start(1), whole.end(1), 0.95)]
    landline = wording.landline.fullmatch(digits)
    if landline:
        return [(0, len(digits), 0.85)]
    if len(digits) in {15, 18, 19} or len(digits) < 11:
        # an identity card or a bank card, or too short to be one
        return []
    # the number said twice, or with a slip before it
    return [(match.start(1), match.end(1), 0.6) for match in _MOBILE.finditer(digits)]
