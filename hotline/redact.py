"""Masks telephone, identity-card and bank-card numbers and names in text, keeping its length.

Every hidden character becomes one asterisk, so that places in the masked text are places in the text. Digits
count however they are written (ASCII, full width, spoken Chinese) and across utterances: `mask_all` finds a
number that was read out over several of them. Masking may hide too much, never too little.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asr.read_out import Run, find_runs
from hotline.identity import LENGTH, find_identities, is_identity_card

STAR = "*"
PHONE_HEAD, PHONE_TAIL = 3, 4
IDENTITY_HEAD, IDENTITY_TAIL = 6, 0
"""The first six digits of an identity card name the county (GB 11643)."""
BANK_TAIL = 4
UNKNOWN_MIN = 13
"""A run of digits this long that is no number we know is hidden but for its first three and last four."""
SURE_MIN = 7
"""Digits of a telephone number that must be written as digits; the others may be misheard ones."""

_BREAK = "\n"
"""Stands between segments: a mark, so that numbers run on over it."""
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"0[1-9]\d{8,10}")


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with what was hidden in it."""

    text: str
    """As long as the original."""
    hidden: tuple[tuple[int, int], ...]
    """Half-open ranges of characters that are asterisks now."""


def mask(text: str) -> Masked:
    """One text, masked."""
    return mask_all([text])[0]


def mask_text(text: str) -> str:
    """One text as it may be shown: numbers hidden, every other character in its place."""
    return mask(text).text


def mask_all(segments: Sequence[str]) -> list[Masked]:
    """Segments of one conversation in order, masked; numbers that run over their borders are found."""
    whole = _BREAK.join(segments)
    runs = find_runs(whole)
    hide: set[int] = set()
    known: set[int] = set()
    for identity in find_identities(runs):
        known.update(identity.places)
        hide.update(identity.places[IDENTITY_HEAD : LENGTH - IDENTITY_TAIL])
    for run in runs:
        hide.update(place for place in _hidden(run, known) if place not in known)
    masked, start = [], 0
    for text in segments:
        masked.append(_masked(text, {at - start for at in hide if start <= at < start + len(text)}))
        start += len(text) + len(_BREAK)
    return masked


def mask_phone(number: str) -> str:
    """A telephone number or the user part of an address, for a list: head and tail stay."""
    if len(number) <= PHONE_HEAD + PHONE_TAIL:
        return STAR * max(0, len(number) - 2) + number[-2:]
    return number[:PHONE_HEAD] + STAR * (len(number) - PHONE_HEAD - PHONE_TAIL) + number[-PHONE_TAIL:]


def mask_name(name: str) -> str:
    """A person's name with only its first character left."""
    return name[:1] + STAR * (len(name) - 1)


def is_bank_card(digits: str) -> bool:
    """Whether 13 to 19 digits pass the Luhn check (ISO/IEC 7812-1)."""
    if not 13 <= len(digits) <= 19 or not digits.isascii() or not digits.isdigit():
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _masked(text: str, places: set[int]) -> Masked:
    shown = "".join(STAR if at in places else char for at, char in enumerate(text))
    hidden: list[tuple[int, int]] = []
    for at in sorted(places):
        if hidden and hidden[-1][1] == at:
            hidden[-1] = (hidden[-1][0], at + 1)
        else:
            hidden.append((at, at + 1))
    return Masked(shown, tuple(hidden))


def _hidden(run: Run, known: set[int]) -> Iterator[int]:
    """Where the digits of a run stand that are to be hidden; those of `known` places have been judged."""
    yield from _misheard(run)
    for digits, places in _sure(run, known):
        for at in _to_hide(digits):
            yield places[at]


def _sure(run: Run, known: set[int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The stretches of a run that are written as digits: misheard ones stand for words here."""
    at = 0
    ends = [n for n, sure in enumerate(run.sure) if not sure or run.places[n] in known]
    for end in (*ends, len(run.digits)):
        if end > at:
            yield run.digits[at:end], run.places[at:end]
        at = end + 1


def _misheard(run: Run) -> Iterator[int]:
    """Of mobile numbers some of whose digits are written as characters that sound like them."""
    if all(run.sure):
        return
    for match in re.finditer(f"(?=({_MOBILE.pattern}))", run.digits):
        start, end = match.span(1)
        if sum(run.sure[start:end]) >= SURE_MIN:
            yield from run.places[start + PHONE_HEAD : end - PHONE_TAIL]


def _to_hide(digits: str) -> set[int]:
    """Which of some digits are to be hidden: of the cards among them, and of what stands between these."""
    found: set[int] = set()
    at = gap = 0
    while at < len(digits):
        length, head, tail = _card(digits[at:])
        if length:
            found.update(range(at + head, at + length - tail))
            found.update(_in_gap(digits, gap, at))
            gap = at + length
        at += length or 1
    return found | _in_gap(digits, gap, at)


def _in_gap(digits: str, start: int, end: int) -> set[int]:
    """Of digits that are no card: a long run with a wrong check digit may be one that was misheard."""
    if _is_phone(digits[start:end]) or end - start >= UNKNOWN_MIN:
        return set(range(start + PHONE_HEAD, end - PHONE_TAIL))
    return set()


def _card(digits: str) -> tuple[int, int, int]:
    """Length of the card number that digits begin with, and how much of its head and tail may stay."""
    if is_identity_card(digits[:LENGTH]):
        return LENGTH, IDENTITY_HEAD, IDENTITY_TAIL
    for length in range(min(19, len(digits)), 15, -1):
        if is_bank_card(digits[:length]):
            return length, 0, BANK_TAIL
    return 0, 0, 0


def _is_phone(digits: str) -> bool:
    """Whether a whole run reads as a Chinese mobile or landline number, also with a digit too many."""
    return len(digits) <= 12 and bool(_MOBILE.search(digits) or _LANDLINE.fullmatch(digits))
