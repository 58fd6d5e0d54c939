"""Finds any run of characters in transcripts, two-character Chinese words included, on both databases.

Neither database cuts Chinese into words, and their n-gram indexes start at three characters while most legal
words have two. So the text is cut before it is stored: each run of letters and digits becomes its overlapping
pairs in order, then its last character, which keeps two runs apart; single characters follow at the end.

    "abc, de"  ->  "ab bc c de e a b d"

A word asked for is cut the same way and looked up as a phrase of its pairs, which finds exactly the places
where its characters stand together.
"""

import unicodedata
from itertools import pairwise

from sqlalchemy import Dialect, Select, column, func, select, table, text

from hotline.store.tables import utterances

INDEX_TABLE = "utterance_index"
"""SQLite's FTS5 table over `utterances.search`; its rowid is `utterances.id`."""

MAX_WORDS = 8
"""Words of one query; more are ignored."""

MAX_WORD_CHARACTERS = 64


def split(*texts: str) -> str:
    """What to store in `utterances.search` for an utterance's texts (equal ones are taken once)."""
    tokens: list[str] = []
    singles: dict[str, None] = {}
    for run in (run for each in dict.fromkeys(texts) for run in _runs(each)):
        tokens += [first + second for first, second in pairwise(run)]
        tokens.append(run[-1])
        singles.update(dict.fromkeys(run))
    ends = set(tokens)
    return " ".join(tokens + [single for single in singles if single not in ends])


def phrases(query: str) -> list[str]:
    """The phrases of pairs to look for: one for each run of letters and digits in the query."""
    runs = _runs(query)[:MAX_WORDS]
    return [
        " ".join(first + second for first, second in pairwise(run)) if len(run) > 1 else run
        for run in (run[:MAX_WORD_CHARACTERS] for run in runs)
    ]


def calls_saying(phrase: str, dialect: Dialect) -> Select[tuple[str]]:
    """The ids of the calls in which a phrase of `phrases` occurs.

    Phrases hold only letters, digits and spaces, and travel as bound values: no query syntax gets through.
    """
    found = select(utterances.c.call_id)
    if dialect.name == "sqlite":
        index = table(INDEX_TABLE, column("rowid"), column(INDEX_TABLE))
        matches = select(index.c.rowid).where(index.c[INDEX_TABLE].op("MATCH")(f'"{phrase}"'))
        return found.where(utterances.c.id.in_(matches))
    # The expression must be the indexed one, letter for letter, or the index is not used.
    vector = func.to_tsvector(text("'simple'"), utterances.c.search)
    return found.where(vector.op("@@")(func.phraseto_tsquery(text("'simple'"), phrase)))


def _runs(value: str) -> list[str]:
    """Runs of letters and digits, in one width and case."""
    plain = unicodedata.normalize("NFKC", value).casefold()
    return "".join(character if character.isalnum() else " " for character in plain).split()
