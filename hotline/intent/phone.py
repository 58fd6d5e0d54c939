"""Finds the telephone number a caller gives, also read out in groups over several utterances (pure)."""

import re

from asr.read_out import CHECK, Run
from hotline.identity import Identity
from hotline.intent.found import Found
from hotline.intent.wording import PhoneWording

UTTERANCES_MAX = 4
"""A number is read out over at most this many utterances."""
SURE_MIN = 7
"""Digits of a number that must have been written as digits; the others may only sound like them."""

_MOBILE = re.compile(r"(?:86)?(1[3-9]\d{9})")
_ANYWHERE = re.compile(r"(?=(1[3-9]\d{9}))")
_CONTEXT = 16
"""Characters before a number in which a word such as "telephone" makes it more certain."""
_APART = 0.15
"""What a number without such a word is less certain by."""
_MISHEARD = 0.08
"""What a number is less certain by for each digit that was only heard to sound like one."""


def find_phone(
    text: str,
    runs: tuple[Run, ...],
    borders: tuple[int, ...],
    identities: tuple[Identity, ...],
    wording: PhoneWording,
) -> Found | None:
    """The last complete number that is no part of an identity card; `borders`: where utterances begin."""
    taken = {place for identity in identities for place in identity.places}
    best: tuple[float, int, Found] | None = None
    for run in runs:
        if taken & set(run.places):
            continue
        for start, end, sure in _numbers(run, wording):
            first, last = run.places[start], run.places[end - 1] + 1
            if sum(first < border < last for border in borders) >= UTTERANCES_MAX:
                continue
            near = any(word in text[max(0, first - _CONTEXT) : first] for word in wording.words)
            confidence = sure - _APART * (not near) - _MISHEARD * run.sure[start:end].count(False)
            number = run.digits[start:end]
            found = Found(number, number, max(0.1, confidence), ((first, last),))
            if best is None or (confidence, first) >= best[:2]:
                best = (confidence, first, found)
    return best[2] if best else None


def _numbers(run: Run, wording: PhoneWording) -> list[tuple[int, int, float]]:
    """Start, end and certainty of every telephone number that a run of digits may hold."""
    for each in (run, run.trimmed()):
        at = len(run.digits) - len(run.digits.lstrip(CHECK)) if each is run else _offset(run, each)
        digits = each.digits.strip(CHECK)
        whole = _MOBILE.fullmatch(digits)
        if whole and sum(each.sure) >= SURE_MIN:
            return [(at + whole.start(1), at + whole.end(1), 0.95)]
        if wording.landline.fullmatch(digits) and all(each.sure):
            return [(at, at + len(digits), 0.85)]
    if sum(run.sure) in {15, 18, 19} or len(run.digits) < 11:
        # an identity card or a bank card, or too short to be one
        return []
    # the number said twice, or with a slip before it
    return [
        (match.start(1), match.end(1), 0.6)
        for match in _ANYWHERE.finditer(run.digits)
        if sum(run.sure[match.start(1) : match.end(1)]) >= SURE_MIN
    ]


def _offset(run: Run, part: Run) -> int:
    return run.places.index(part.places[0]) if part.places else 0
