"""Terms, names and dialect words the recogniser wrote with other characters of the same sound (pure).

A run of characters is mended when it sounds like a known term to Sichuan ears (`asr.syllables`), is no
ordinary word itself, the clause speaks of what the term belongs to, and a scorer of wording likes the
sentence better with the term than without. What may be mended and what must stand near it is data:
`lexicon/repair.tsv`. Precision comes before recall: what stays unmended is still in the raw text and on the
recording.
"""

from dataclasses import dataclass
from functools import cache

from asr.edits import Edit
from asr.numerals import rows_of
from asr.syllables import Key, sound, sounds
from asr.wordscore import Scorer, counts, word_scorer

AROUND = 6
"""Characters on either side that the scorer reads with the term."""
CLOSE = 3
"""Characters on either side in which a risky term's own words must stand."""
CLAUSE = 16
"""Characters on either side in which a term's matter must be spoken of."""
ORDINARY = 100
"""A word counted this often is left as it stands."""
LONG = 4
"""Terms of so many characters are their own context."""
MARGIN = 4.0
"""By how much (natural log) the mended wording must be likelier, one character of the term being as heard."""
FARTHER = 8.0
"""The same for a term of two or three of whose characters none is as heard."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """The tables of `lexicon/repair.tsv`."""

    terms: dict[Key, tuple[str, ...]]
    """Terms by sound."""
    lengths: tuple[int, ...]
    """Lengths of terms, longest first."""
    first: frozenset[str]
    """Syllables a term begins with."""
    group: dict[str, str]
    near: dict[str, tuple[str, ...]]
    only: dict[str, tuple[str, ...]]
    ordinary: frozenset[str]
    """Words that are left alone whatever they sound like."""


@cache
def repairs() -> Repairs:
    """The tables, read once."""
    rows = rows_of("repair.tsv")
    group = {row[1]: row[2] for row in rows if row[0] == "term"}
    terms: dict[Key, tuple[str, ...]] = {}
    for term in group:
        key = sounds(term)
        terms[key] = (*terms.get(key, ()), term)
    never = {word for row in rows if row[0] == "never" for word in row[2].split()}
    common = {word for word, count in counts().items() if count >= ORDINARY and len(word) > 1}
    return Repairs(
        terms,
        tuple(sorted({len(key) for key in terms}, reverse=True)),
        frozenset(key[0] for key in terms),
        group,
        {row[1]: tuple(row[2].split()) for row in rows if row[0] == "near"},
        {row[1]: tuple(row[2].split()) for row in rows if row[0] == "only"},
        frozenset(common | never | group.keys()),
    )


def find_misheard(text: str, scorer: Scorer | None = None) -> list[Edit]:
    """The edits, in order and without overlap, that put terms for what was written instead."""
    table = repairs()
    edits: list[Edit] = []
    heard = [sound(char) for char in text]
    at = 0
    while at < len(text):
        edit = _at(text, heard, at, table, scorer or word_scorer()) if heard[at] in table.first else None
        if edit is not None:
            edits.append(edit)
        at = edit.end if edit is not None else at + 1
    return edits


def _at(text: str, heard: list[str], at: int, table: Repairs, scorer: Scorer) -> Edit | None:
    for length in table.lengths:
        end = at + length
        terms = table.terms.get(tuple(heard[at:end])) if end <= len(text) else None
        said = text[at:end]
        if terms is None:
            continue
        if said in table.ordinary:
            return None
        for term in terms:
            if _fits(text, at, end, term, table) and _likelier(text, at, end, term, scorer):
                return Edit(at, end, term)
    return None


def _fits(text: str, start: int, end: int, term: str, table: Repairs) -> bool:
    """Whether what stands around speaks for the term."""
    only = table.only.get(term)
    if only is not None:
        left, right = text[max(0, start - CLOSE) : start], text[end : end + CLOSE]
        return any(word in left or word in right for word in only)
    if len(term) >= LONG:
        return True
    left, right = text[max(0, start - CLAUSE) : start], text[end : end + CLAUSE]
    return any(word in left or word in right for word in table.near.get(table.group[term], ()))


def _likelier(text: str, start: int, end: int, term: str, scorer: Scorer) -> bool:
    """Whether the scorer likes the wording better with the term, by enough."""
    same = sum(one == other for one, other in zip(text[start:end], term, strict=True))
    margin = MARGIN if same else FARTHER
    left, right = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    return scorer.score(left + term + right) - scorer.score(left + text[start:end] + right) >= margin
