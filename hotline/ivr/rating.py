"""Takes what a caller says when asked how satisfied they are for a mark (pure)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple


class _Found(NamedTuple):
    length: int
    start: int
    value: int | None


def mark(
    text: str, raw: str, words: Mapping[int, Sequence[str]], unrelated: Sequence[str] = ()
) -> int | None:
    """The mark whose words were said, 1 to 5; None when none were.

    A word inside a longer one that was said does not count, so that a denial is not taken for what it
    denies, nor a time for a mark (`unrelated`: such longer words that are no mark). Of the rest the longest
    counts; of equally long ones the last. `text` is the normalised wording, `raw` the caller's own, which
    dialect words are looked for in when the former has none.
    """
    known: list[tuple[str, int | None]] = [(word, value) for value, each in words.items() for word in each]
    known += [(word, None) for word in unrelated]
    for said in (text, raw):
        found = sorted(_found(said, known), reverse=True)
        free: list[_Found] = []
        for item in found:
            if not any(_inside(item, longer) for longer in free):
                free.append(item)
        marks = [item for item in free if item.value is not None]
        if marks:
            return marks[0].value
    return None


def _found(said: str, known: Sequence[tuple[str, int | None]]) -> Iterator[_Found]:
    for word, value in known:
        start = said.find(word)
        while start >= 0:
            yield _Found(len(word), start, value)
            start = said.find(word, start + 1)


def _inside(item: _Found, longer: _Found) -> bool:
    return longer.start <= item.start and item.start + item.length <= longer.start + longer.length
