"""Conditions for orders in which words occur: by the index of words, or by reading the texts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Dialect,
    FromClause,
    Select,
    column,
    func,
    or_,
    select,
    table,
    true,
)

from workorders.number import is_valid, parse
from workorders.tables import work_orders
from workorders.word_tables import INDEX, order_words
from workorders.words import Sought, is_number, sought

MAX_WORDS = 8
"""Words of one search; more are ignored."""
Unless = Callable[[ColumnElement[int]], Iterable[ColumnElement[bool]]]
_c = work_orders.c


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one search on one kind of database."""

    words: tuple[str, ...]
    numbers: tuple[str, ...]
    """Whole order numbers among them."""
    dialect: Dialect

    @classmethod
    def of(cls, text: str, dialect: Dialect) -> "Words":
        """The words of a text as it was typed."""
        all_ = text.casefold().split()[:MAX_WORDS]
        numbers = tuple(str(parse(word)) for word in all_ if is_valid(word))
        return cls(tuple(word for word in all_ if not is_valid(word)), numbers, dialect)

    @property
    def indexed(self) -> bool:
        """The index of words helps: an order's number is found by its own."""
        return not self.numbers and any(each.phrases for each in self._sought)

    @property
    def exact(self) -> bool:
        """What the index finds needs no second look."""
        return all(map(self._settled, self._sought))

    def read(self) -> list[ColumnElement[bool]]:
        """Conditions that read each order's text: right for words that stand in many orders."""
        return [*self._named(), *map(mentions, self.words)]

    def looked_up(self) -> list[ColumnElement[bool]]:
        """Conditions that ask the index: right for words that stand in few orders."""
        index, has = self.entries()
        again = [
            mentions(word)
            for word, how in zip(self.words, self._sought, strict=True)
            if not self._settled(how)
        ]
        return [*self._named(), _c.id.in_(select(entry_id(index)).where(has)), *again]

    def entries(self) -> tuple[FromClause, ColumnElement[bool]]:
        """The index and a condition on it; its entries are `entry_id`."""
        phrases = [phrase for how in self._sought for phrase in how.phrases]
        if self.dialect.name == "sqlite":
            index = table(INDEX, column("rowid"), column(INDEX))
            # Pieces hold no quotes, and travel as a bound value.
            wanted = " AND ".join(f'"{" ".join(phrase)}"' for phrase in phrases)
            return index, index.c[INDEX].bool_op("MATCH")(wanted) if phrases else true()
        every = list(dict.fromkeys(piece for phrase in phrases for piece in phrase))
        return order_words, order_words.c.words.bool_op("@>")(every) if every else true()

    @property
    def _sought(self) -> Sequence[Sought]:
        return [sought(word) for word in self.words]

    def _settled(self, how: Sought) -> bool:
        if self.dialect.name == "sqlite":
            return how.exact
        return how.exact and all(len(phrase) == 1 for phrase in how.phrases)  # arrays know no order

    def _named(self) -> list[ColumnElement[bool]]:
        return [_c.number == number for number in self.numbers]


def entry_id(index: FromClause) -> ColumnElement[int]:
    """Which order an entry of the index is about."""
    return index.c["order_id" if "order_id" in index.c else "rowid"]


def mentions(word: str) -> ColumnElement[bool]:
    """The order's text has the word in it, or the caller's number has."""
    found = _c.search_text.contains(word, autoescape=True)
    if is_number(word):
        return or_(found, _c.caller_contact.contains(word, autoescape=True))
    return found


def frequency(connection: Connection, words: Words, most: int, unless: Unless) -> int:
    """How many orders the index has for the words, not counted beyond `most` + 1.

    `unless`: conditions on an order's id that hold for what may be counted.
    """
    index, has = words.entries()
    return count_to(connection, select(entry_id(index)).where(has, *unless(entry_id(index))), most + 1)


def count_to(connection: Connection, rows: Select[Any] | CompoundSelect[Any], most: int) -> int:
    """How many rows there are, not counted beyond `most`."""
    some = rows.limit(most).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()
