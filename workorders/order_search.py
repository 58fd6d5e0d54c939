"""How a list of orders is found: by the index of words where they are rare, else along the list itself.

Reading a list newest first until a page is full is quick when what is looked for is common, and takes the
whole table when it is rare; collecting all there is from an index is the other way round. Neither database
knows how common a word is, so it is counted first, as far as lists are counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select, func, select, union_all

from workorders.order_filter import OrderFilter, conditions, hidden, of_kind, ways
from workorders.tables import work_orders
from workorders.word_search import Words, count_to, frequency

MOST_COUNTED = 10_000
"""A list that has more is not counted to its end: that would take longer than reading it."""
MOST_PICKED = 1_000
"""The same for whoever may see only some of them: each has to be asked whether it is one."""
FEW = 5_000
"""So many are collected and sorted in the time in which fifty of them are met along a list of a million."""
MAX_BRANCHES = 64
"""Lists that are merged at most; of more, everything is sorted."""
_c = work_orders.c


def most_counted(*, picked: bool) -> int:
    """How far a list is counted; `picked`: it has only what somebody may see."""
    return MOST_PICKED if picked else MOST_COUNTED


@dataclass(frozen=True, slots=True)
class Look:
    """A search that knows its way."""

    wanted: OrderFilter
    matters: tuple[str, ...]
    """Codes that `wanted.matter` stands for."""
    words: tuple[ColumnElement[bool], ...]
    indexed: bool
    """The words are looked up."""
    paged: bool
    settled: bool
    """There are more than are counted."""

    def conditions(self) -> list[ColumnElement[bool]]:
        """On `work_orders`."""
        return [*conditions(self.wanted, matters=self.matters, paged=self.paged), *self.words]

    def collected(self) -> CompoundSelect[tuple[int]]:
        """Ids of what is one's own, some of them twice; only where the filter can be `collected`."""
        rest = replace(self, wanted=replace(self.wanted, own="")).conditions()
        return union_all(
            *(select(_c.id).where(*rest, way) for way in ways(self.wanted, self.wanted.collected))
        )

    def ids(self) -> Select[tuple[int]]:
        """Of all of them, in no order."""
        if self.wanted.collected is None:
            return select(_c.id).where(*self.conditions())
        return select(self.collected().subquery().c.id).distinct()

    def branches(self) -> list[list[ColumnElement[bool]]]:
        """The same, as lists that an index has in order, each newest first: one a matter and state."""
        each = [
            [_c.matter == code for code in self.matters],
            [_c.state == state.value for state in self.wanted.states],
        ]
        lists = [list(one) for one in product(*filter(None, each))]
        if self.indexed or not 1 < len(lists) <= MAX_BRANCHES:
            return [self.conditions()]
        rest = replace(self.wanted, matter=None, states=())
        return [[*conditions(rest, paged=self.paged), *self.words, *one] for one in lists]


def look(connection: Connection, wanted: OrderFilter, *, paged: bool = True) -> Look:
    """Choose the way."""
    matters = tuple(_matters(connection, wanted))
    if paged and not _few(connection, wanted):
        wanted = replace(wanted, collected=None)
    words = Words.of(wanted.text, connection.dialect)
    if not words.indexed:
        return Look(wanted, matters, tuple(words.read()), False, paged, False)

    def unless(order_id: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        return hidden(wanted, order_id)

    count = frequency(connection, words, MOST_COUNTED, unless)
    common = count > (FEW if paged else MOST_COUNTED)
    alone = replace(wanted, text="", hidden_from=(), limit=50, after=None) == OrderFilter()
    if common and (paged or not alone):
        return Look(wanted, matters, tuple(words.read()), False, paged, False)
    return Look(wanted, matters, tuple(words.looked_up()), True, paged, common and words.exact)


def newest(looked: Look, limit: int) -> Select[Any]:
    """The orders, newest first."""
    order = (_c.filed_at.desc(), _c.id.desc())
    wanted = select(work_orders).order_by(*order).limit(limit)
    if looked.wanted.collected is not None:
        return wanted.where(_c.id.in_(looked.collected()))
    lists = looked.branches()
    if len(lists) == 1:
        return wanted.where(*lists[0])
    firsts = [select(_c.id).where(*one).order_by(*order).limit(limit).subquery() for one in lists]
    return wanted.where(_c.id.in_(union_all(*(select(first.c.id) for first in firsts))))


def _few(connection: Connection, wanted: OrderFilter) -> bool:
    """Whether what is one's own is so little that it is quicker collected than come across in a list."""
    if wanted.collected is None:
        return False
    own = union_all(*(select(_c.id).where(way) for way in ways(wanted, wanted.collected)))
    return count_to(connection, own, FEW + 1) <= FEW


def _matters(connection: Connection, wanted: OrderFilter) -> Sequence[str]:
    return of_kind(wanted.matter, codes(connection, _c.matter)) if wanted.matter is not None else ()


def codes(connection: Connection, of: ColumnElement[str]) -> list[str]:
    """The different values of an indexed column, of which there are few: one step in the index for each."""
    found = select(func.min(of).label("code")).cte("codes", recursive=True)
    following = select(func.min(of)).where(of > found.c.code).scalar_subquery()
    found = found.union_all(select(following).where(found.c.code.is_not(None)))
    return [code for code in connection.scalars(select(found.c.code)) if code is not None]
