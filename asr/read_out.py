"""Finds digits that were read out one after the other: telephone, identity-card and bank-card numbers (pure).

Between the digits of a run stand at most marks, spaces and fillers. A character that only sounds like a digit
counts where it stands beside digits, for recognisers write such characters; it is marked as not sure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from asr.numerals import numerals
from asr.syllables import sound

CHECK = "X"
"""The last character of an identity card that is no digit."""
REACH = 2
"""A character that sounds like a digit counts within so many characters of a digit."""


@dataclass(frozen=True, slots=True)
class Run:
    """Digits that belong together, and where each stands."""

    digits: str
    """0..9, and X where an identity card may end with it."""
    places: tuple[int, ...]
    """Where each begins in the text."""
    sure: tuple[bool, ...]
    """False: written as a character that only sounds like this digit."""

    def trimmed(self) -> "Run":
        """Without the unsure ones at its ends: they are mostly the words around a number."""
        first = next((at for at, sure in enumerate(self.sure) if sure), 0)
        last = len(self.sure) - next((at for at, sure in enumerate(reversed(self.sure)) if sure), 0)
        if not any(self.sure):
            return Run("", (), ())
        return Run(self.digits[first:last], self.places[first:last], self.sure[first:last])


@dataclass(frozen=True, slots=True)
class _Tables:
    values: dict[str, int]
    sounds: dict[str, str]
    fillers: tuple[str, ...]
    checks: tuple[str, ...]
    counted: re.Pattern[str]
    """A lone numeral before "places", "groups" and the like: it counts digits and is none of them."""


@cache
def _tables() -> _Tables:
    table = numerals()
    values = {**table.read_out, **{chr(0xFF10 + digit): digit for digit in range(10)}}
    sounds = {sound(char): str(value) for char, value in table.read_out.items() if not char.isdigit()}

    def longest_first(kind: str) -> tuple[str, ...]:
        return tuple(sorted(table.words[kind], key=len, reverse=True))

    some = "".join(values)
    counted = re.compile(f"(?<![{some}])[{some}](?={'|'.join(table.words['counted'])})")
    return _Tables(values, sounds, longest_first("filler"), longest_first("check"), counted)


def find_runs(text: str) -> list[Run]:
    """Every run of digits in a text, in order; all digits of a run are sure but for misheard ones."""
    runs: list[Run] = []
    digits: list[tuple[str, int, bool]] = []
    for token, place, sure in _tokens(text):
        if token:
            digits.append((token, place, sure))
        elif digits:
            runs.append(_run(digits))
            digits = []
    if digits:
        runs.append(_run(digits))
    return [run for run in runs if any(run.sure)]


def _run(digits: list[tuple[str, int, bool]]) -> Run:
    return Run(
        "".join(digit for digit, _, _ in digits),
        tuple(place for _, place, _ in digits),
        tuple(sure for _, _, sure in digits),
    )


def _tokens(text: str) -> Iterator[tuple[str, int, bool]]:
    """Digits with place and certainty; an empty one for whatever ends a run."""
    tables = _tables()
    exact = [char in tables.values for char in text]
    for match in tables.counted.finditer(text):
        exact[match.start()] = False
    at = 0
    while at < len(text):
        char = text[at]
        filler = next((word for word in tables.fillers if text.startswith(word, at)), "")
        check = next((word for word in tables.checks if text.startswith(word, at)), "")
        if exact[at]:
            yield str(tables.values[char]), at, True
        elif check:
            yield CHECK, at, True
        elif char in tables.values:
            yield "", at, True
        elif heard := _heard(text, at, exact):
            yield heard, at, False
        elif not filler and char.isalnum():
            yield "", at, True
        at += len(check) or len(filler) or 1


def _heard(text: str, at: int, exact: list[bool]) -> str:
    """The digit a character sounds like, when digits stand close to it on both sides or it ends the text."""
    value = _tables().sounds.get(sound(text[at]), "")
    if not value:
        return ""
    before = any(exact[max(0, at - REACH) : at])
    after = any(exact[at + 1 : at + 1 + REACH])
    return value if before or after else ""
