"""The tab-separated tables beside this module: one rule's data a file, `#` before what is told about it."""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from asr.errors import AsrError

DATA = Path(__file__).parent / "dialect"


class BadPronunciation(AsrError):
    """A table of pronunciations that cannot be used."""

    code = "asr.bad_pronunciation"


@cache
def rows(name: str, columns: int) -> tuple[tuple[str, ...], ...]:
    """The lines of a table. Raises `BadPronunciation` for one with fewer columns, `OSError`."""
    found = []
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            if not row or row[0].startswith("#"):
                continue
            if len(row) < columns:
                raise BadPronunciation(f"{name}:{number}: {columns} columns")
            found.append(tuple(row))
    return tuple(found)


def marked(text: str, name: str) -> Iterator[tuple[str, int]]:
    """Words of a table (word, place of one of its syllables from 1, source) in a text, with that place.

    Raises what `rows` raises.
    """
    for word, place, *_ in rows(name, 3):
        at = text.find(word)
        while at >= 0:
            yield word, at + int(place) - 1
            at = text.find(word, at + len(word))
