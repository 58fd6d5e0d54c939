"""Masks telephone, identity-card and bank-card numbers and names in text, keeping its length.

Every hidden character becomes one asterisk, so that places in the masked text are places in the text. Digits
count however they are written (ASCII, full width, spoken Chinese) and across utterances: `mask_all` finds a
number that was read out over several of them. Masking may hide too much, never too little.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from asr.numerals import numerals

STAR = "*"
PHONE_HEAD, PHONE_TAIL = 3, 4
IDENTITY_HEAD, IDENTITY_TAIL = 6, 0
"""The first six digits of an identity card name the county (GB 11643)."""
BANK_TAIL = 4
SEGMENTS_MAX = 3
"""A number is read out over at most so many segments."""
UNKNOWN_MIN = 13
"""A run of digits this long that is no number we know is hidden but for its first three and last four."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with what was hidden in it."""

    text: str
    """As long as the original."""
    hidden: tuple[tuple[int, int], ...]
    """Half-open ranges of characters that are asterisks now."""


@dataclass(frozen=True, slots=True)
class _Digit:
    value: str
    """0..9, or X at the end of an identity card."""
    segment: int
    at: int


def mask(text: str) -> Masked:
    """One text, masked."""
    return mask_all([text])[0]


def mask_text(text: str) -> str:
    """One text as it may be shown: numbers hidden, every other character in its place."""
    return mask(text).text


def mask_all(segments: Sequence[str]) -> list[Masked]:
    """Segments of one conversation in order, masked; numbers that run over their borders are found."""
    hide: list[set[int]] = [set() for _ in segments]
    for run in _runs(segments):
        for digit in _hidden(run):
            hide[digit.segment].add(digit.at)
    return [_masked(text, places) for text, places in zip(segments, hide, strict=True)]


def mask_phone(number: str) -> str:
    """A telephone number or the user part of an address, for a list: head and tail stay."""
    if len(number) <= PHONE_HEAD + PHONE_TAIL:
        return STAR * max(0, len(number) - 2) + number[-2:]
    return number[:PHONE_HEAD] + STAR * (len(number) - PHONE_HEAD - PHONE_TAIL) + number[-PHONE_TAIL:]


def mask_name(name: str) -> str:
    """A person's name with only its first character left."""
    return name[:1] + STAR * (len(name) - 1)


def is_identity_card(digits: str) -> bool:
    """Whether 18 characters carry the check digit of GB 11643 (ISO 7064 MOD 11-2)."""
    if len(digits) != 18 or not digits[:17].isascii() or not digits[:17].isdigit():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits[:17], _WEIGHTS, strict=True))
    return _CHECKS[total % 11] == digits[17].upper()


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


def _runs(segments: Sequence[str]) -> list[list[_Digit]]:
    """Digits with nothing between them but marks, spaces and fillers, over at most three segments."""
    table = numerals()
    values = table.read_out
    fillers = sorted(table.words["filler"], key=len, reverse=True)
    runs: list[list[_Digit]] = []
    run: list[_Digit] = []
    for number, text in enumerate(segments):
        at = 0
        while at < len(text):
            digit = _digit(text[at], values, run)
            filler = next((word for word in fillers if text.startswith(word, at)), None)
            if digit is not None:
                run.append(_Digit(digit, number, at))
                at += 1
            elif filler is not None or not text[at].isalnum():
                at += len(filler or text[at])
            else:
                runs.append(run)
                run = []
                at += 1
        if run and number - run[0].segment >= SEGMENTS_MAX - 1:
            # keep what may still be the head of a number; the whole run is judged again with what follows
            runs.append(run)
            run = [each for each in run if each.segment > run[0].segment]
    return [each for each in (*runs, run) if each]


def _digit(char: str, values: dict[str, int], run: list[_Digit]) -> str | None:
    """What a character counts for in a number read out, or None."""
    if char in values:
        return str(values[char])
    if char.isdigit():
        return str(unicodedata.digit(char))
    return "X" if char in "xX\uff38\uff58" and len(run) == 17 else None


def _hidden(run: list[_Digit]) -> list[_Digit]:
    """The digits of a run to hide."""
    digits = "".join(digit.value for digit in run)
    found: set[int] = set()
    at = 0
    while at < len(digits):
        length, head, tail = _card(digits[at:])
        found.update(range(at + head, at + length - tail))
        rest = digits[at + length :] if length else ""
        at += length or 1
        if _is_phone(rest):
            found.update(range(at + PHONE_HEAD, at + len(rest) - PHONE_TAIL))
            at = len(digits)
    if not found and (_is_phone(digits) or len(digits) >= UNKNOWN_MIN):
        # a long run with a wrong check digit may be a card that was misheard, or a number said twice
        found.update(range(PHONE_HEAD, len(digits) - PHONE_TAIL))
    return [run[place] for place in sorted(found)]


def _card(digits: str) -> tuple[int, int, int]:
    """Length of the card number that digits begin with, and how much of its head and tail may stay."""
    if is_identity_card(digits[:18]):
        return 18, IDENTITY_HEAD, IDENTITY_TAIL
    for length in range(min(19, len(digits)), 15, -1):
        if is_bank_card(digits[:length]):
            return length, 0, BANK_TAIL
    return 0, 0, 0


def _is_phone(digits: str) -> bool:
    """Whether a whole run reads as a Chinese mobile or landline number, also one with a digit too many."""
    if 11 <= len(digits) <= 12 and digits[0] == "1" and digits[1] in "3456789":
        return True
    return 10 <= len(digits) <= 12 and digits[0] == "0" and digits[1] != "0"
