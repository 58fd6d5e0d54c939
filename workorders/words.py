"""Cuts an order's texts into short pieces, so that any part of a word is found by an index.

Neither database cuts Chinese into words, and their n-gram indexes start at three characters while most legal
words have two. So each run of letters and digits becomes its overlapping pairs in order, then its last
character, which keeps two runs apart; characters that no run ends with follow. Numbers become runs of four
digits as well, the caller's among them, since pairs of digits would stand in every order:

    "abc 12345"  ->  "ab bc c 12 23 34 45 5 a b 1 2 3 4 1234 2345 345"

A word that is asked for is cut the same way. Characters are compared as they are: who writes both texts folds
their case first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

DIGITS = 4
"""A run of this many digits is looked for in callers' numbers, too; and cut into pieces as long as that."""
LONGEST = 64
"""Characters of a run that the index is asked for; the rest is compared with the text."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What an index is asked for to find a word."""

    phrases: tuple[tuple[str, ...], ...]
    """Pieces that stand one after the other, for each run of the word. None: no index can help."""
    exact: bool
    """What has the phrases has the word; otherwise only what has them can have it."""


def pieces(text: str, contact: str) -> list[str]:
    """Pieces of an order's text and of its caller's number, in order."""
    found: list[str] = []
    singles: dict[str, None] = {}
    for run in runs(text):
        found += [first + second for first, second in pairwise(run)]
        found.append(run[-1])
        singles.update(dict.fromkeys(run))
    ends = set(found)
    found += [single for single in singles if single not in ends]
    for digits in (*_numbers(text), *_numbers(contact)):
        found += _fours(digits)
        found.append(digits[1 - DIGITS :])  # shorter than what is asked for: keeps two numbers apart
    return found


def sought(word: str) -> Sought:
    """How to find a word that has no spaces in it."""
    if is_number(word):
        return Sought((tuple(_fours(word[:LONGEST])),), exact=len(word) <= LONGEST)
    cut = [run[:LONGEST] for run in runs(word)]
    phrases = tuple(
        tuple(first + second for first, second in pairwise(run)) if len(run) > 1 else (run,) for run in cut
    )
    return Sought(phrases, exact=cut == [word])


def is_number(word: str) -> bool:
    """Whether the word may be a part of a caller's number."""
    return len(word) >= DIGITS and word.isascii() and word.isdigit()


def runs(text: str) -> list[str]:
    """Runs of letters and digits."""
    return "".join(character if character.isalnum() else " " for character in text).split()


def _numbers(text: str) -> Iterator[str]:
    plain = "".join(each if each.isascii() and each.isdigit() else " " for each in text)
    return (run for run in plain.split() if len(run) >= DIGITS)


def _fours(digits: str) -> list[str]:
    return [digits[at : at + DIGITS] for at in range(len(digits) - DIGITS + 1)]
