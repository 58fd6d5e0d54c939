"""Deletes what orders say of people once it may no longer be kept, and leaves the facts.

What stays: number, state, times, matter, place, unit, who handled it, how often it was returned, extended,
urged and done again, marks of visits: all that statistics count. What goes: the caller's number, the form,
the summary, the other party, every text and correction in its history, files, the other side of a mediation,
what systems outside have said, what was in the outbox, and with them the words in search indexes.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, select

from hotline.audit.erasing import Due, Erased, erase
from hotline.errors import HotlineError, StoreError
from hotline.store.engine import forget_pages, reading, writing
from hotline.store.files import FileStore
from hotline.store.order_standing import candidates, related_of, still_going_on
from hotline.store.retention_rules import Kind, OrderRules
from workorders.model import Kind as OrderKind
from workorders.tables import order_attachments
from workorders.word_tables import forget_words

log = logging.getLogger(__name__)

BATCH = 100
"""Orders a transaction, so that no writer waits long."""
STRAY = timedelta(days=1)
"""A file no order names may still be on its way into one this long."""

Position = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class SweptOrders:
    """What one sweep deleted."""

    orders: int = 0
    texts: int = 0
    """Lines of history whose words are gone."""
    files: int = 0
    """Files of answers, those that no order knew of included."""


class OrderRetention:
    """The rules of retention for orders on one database and the files of their answers."""

    def __init__(self, engine: Engine, files: FileStore, rules: OrderRules) -> None:
        self._engine = engine
        self._files = files
        self._rules = rules

    def sweep(self, now: datetime) -> SweptOrders:
        """Delete the content of ended orders whose time is over; it counts from the last thing that happened.

        Kept are orders whose call is held or has another order that goes on; that are related to one that
        goes on; with a delivery waiting or a referral going on; and those merged into one that is kept. In
        the transaction that empties an order its certificate goes into the audit log. A file goes before its
        row does: killed in between, the next sweep finishes the work. Blocks; raises `StoreError`, also for a
        file that cannot be deleted.
        """
        swept = SweptOrders()
        if self._rules.rules:
            swept = self._sweep(now, merged=False)
            # What was merged into merged orders goes once these have gone.
            while (more := self._sweep(now, merged=True)).orders:
                swept = _sum(swept, more)
        swept = _sum(swept, SweptOrders(files=self._delete_strays(now)))
        if swept.orders:
            with writing(self._engine) as connection:
                forget_words(connection)
            forget_pages(self._engine)
        log.info(
            "retention of orders swept",
            extra={"orders": swept.orders, "texts": swept.texts, "files": swept.files},
        )
        return swept

    def _sweep(self, now: datetime, *, merged: bool) -> SweptOrders:
        swept: SweptOrders = SweptOrders()
        after: Position | None = None
        before = now - timedelta(days=self._rules.shortest)
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(candidates(before, after, BATCH, merged=merged)).all()
                due = [each for each in map(self._due, rows) if each.ended < now - timedelta(days=each.days)]
                open_ones = still_going_on(
                    connection, {name for row in rows for name in related_of(row.life)}
                )
            due = [each for each in due if not open_ones.intersection(each.related)]
            if due:
                swept = _sum(swept, self._erase(due, now))
            if len(rows) < BATCH:
                return swept
            after = (rows[-1].filed_at, rows[-1].id)

    def _due(self, row: Row[Any]) -> Due:
        kind = Kind(row.kind == OrderKind.COMPLAINT.value, tuple(row.flags or ()), row.matter, row.service)
        rule, days = self._rules.of(kind)
        return Due(row.id, row.number, row.call_id, row.version, row.ended, related_of(row.life), rule, days)

    def _erase(self, due: Sequence[Due], now: datetime) -> SweptOrders:
        with writing(self._engine) as connection:
            done: Erased = erase(connection, due, now, self._delete_file)
        return SweptOrders(done.orders, done.texts, done.files)

    def _delete_file(self, sha256: str) -> bool:
        try:
            return self._files.delete(sha256)
        except HotlineError as error:
            raise StoreError(str(error)) from None

    def _delete_strays(self, now: datetime) -> int:
        """Delete files that no order names: what a sweep left that was killed, or a refused answer."""
        deleted, old = 0, self._files.older(now - STRAY)
        for at in range(0, len(old), BATCH):
            part = old[at : at + BATCH]
            wanted = select(order_attachments.c.sha256).where(order_attachments.c.sha256.in_(part))
            with reading(self._engine) as connection:
                named = set(connection.scalars(wanted))
            deleted += sum(self._delete_file(each) for each in part if each not in named)
        return deleted


def _sum(one: SweptOrders, other: SweptOrders) -> SweptOrders:
    return SweptOrders(one.orders + other.orders, one.texts + other.texts, one.files + other.files)
