"""Sichuan words → standard ones: the lexicon, its guards, and where in a text it applies (pure).

A row of `lexicon/sichuan.tsv` is source, standard, note, example and, where a word is ambiguous, a guard:
conditions parted by spaces that must all hold, or the row is passed over and a shorter one may apply.

    before=A|B   the text just before the word ends with A or B      !before=A|B   it does not
    after=A|B    the text just after it begins with A or B           !after=A|B    it does not
    near=A|B     A or B stands within 8 characters on either side    !near=A|B     neither does
    first, last  the word begins (ends) its clause                   !first, !last it does not
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from asr.edits import Edit
from asr.numerals import rows_of

NEAR = 8
"""Characters on either side in which `near` looks."""
_MARKS = "\uff0c\u3002\uff1f\uff01\uff1b\uff1a\u3001,.?!;: \n"


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition on what stands around a word."""

    kind: str
    words: tuple[str, ...]
    wanted: bool

    def holds(self, text: str, start: int, end: int) -> bool:
        """Whether it holds for the word at `start` to `end`."""
        return self._met(text, start, end) == self.wanted

    def _met(self, text: str, start: int, end: int) -> bool:
        match self.kind:
            case "before":
                return text.endswith(self.words, 0, start)
            case "after":
                return text.startswith(self.words, end)
            case "near":
                left, right = text[max(0, start - NEAR) : start], text[end : end + NEAR]
                return any(word in left or word in right for word in self.words)
            case "first":
                return start == 0 or text[start - 1] in _MARKS
            case _:
                return end == len(text) or text[end] in _MARKS


@dataclass(frozen=True, slots=True)
class Entry:
    """One row that may apply."""

    source: str
    standard: str
    guards: tuple[Guard, ...] = ()

    def fits(self, text: str, at: int) -> bool:
        """Whether the word stands at `at` and its guards let it through."""
        if not text.startswith(self.source, at):
            return False
        end = at + len(self.source)
        return all(guard.holds(text, at, end) for guard in self.guards)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Dialect words and their standard wording, matched longest first from the left.

    An entry that stands for itself guards an ordinary word in which a dialect word happens to occur.
    """

    by_first: dict[str, tuple[Entry, ...]]
    """Entries by first character: longest first, guarded before unguarded."""

    @property
    def words(self) -> dict[str, str]:
        """Every source and one standard wording of it."""
        return {entry.source: entry.standard for entries in self.by_first.values() for entry in entries}

    def find(self, text: str) -> list[Edit]:
        """The edits that put standard words for dialect ones."""
        edits, at = [], 0
        while at < len(text):
            entry = next((each for each in self.by_first.get(text[at], ()) if each.fits(text, at)), None)
            if entry is None:
                at += 1
                continue
            edits.append(Edit(at, at + len(entry.source), entry.standard))
            at += len(entry.source)
        return edits


def guards_of(field: str) -> tuple[Guard, ...]:
    """The conditions of a guard column. Raises `ValueError` that names a condition that is none."""
    return tuple(_guard(condition) for condition in field.split())


def _guard(condition: str) -> Guard:
    kind, _, words = condition.removeprefix("!").partition("=")
    given = tuple(word for word in words.split("|") if word)
    if kind not in {"before", "after", "near", "first", "last"} or (kind in {"first", "last"}) == bool(given):
        raise ValueError(f"no condition of the lexicon: {condition!r}")
    return Guard(kind, given, not condition.startswith("!"))


def lexicon_of(rows: Iterable[list[str]]) -> Lexicon:
    """A lexicon of rows as `rows_of` gives them."""
    entries = [Entry(row[0], row[1], guards_of(row[4]) if len(row) > 4 else ()) for row in rows]
    by_first: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda each: (len(each.source), bool(each.guards)), reverse=True):
        by_first.setdefault(entry.source[0], []).append(entry)
    return Lexicon({first: tuple(each) for first, each in by_first.items()})


@cache
def sichuan() -> Lexicon:
    """The Sichuan lexicon, read once."""
    return lexicon_of(rows_of("sichuan.tsv"))
