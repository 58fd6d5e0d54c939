"""The way of the log's lines to the database: batches, a database that is away, a line it will not take."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import pytest

import hotline.acd.ledger as ledgers
from hotline.acd.ledger import Ledger
from hotline.acd.model import AcdLog, LogKind
from hotline.conversation import CallId
from hotline.errors import StoreError
from hotline.store.engine import RowRefused

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


def line(number: int) -> AcdLog:
    return AcdLog(datetime(2026, 3, 2, tzinfo=UTC), LogKind.ENTERQUEUE, CallId(f"c{number}"))


class Database:
    """Takes batches, unless told otherwise."""

    def __init__(self) -> None:
        self.batches: list[list[AcdLog]] = []
        self.away = 0
        self.bad: CallId | None = None
        self.threads: set[int] = set()

    def write(self, lines: Sequence[AcdLog]) -> None:
        self.threads.add(threading.get_ident())
        if self.away:
            self.away -= 1
            raise StoreError("away")
        if any(each.call == self.bad for each in lines):
            raise RowRefused("no")
        self.batches.append(list(lines))

    @property
    def calls(self) -> list[CallId | None]:
        return [each.call for batch in self.batches for each in batch]


async def drained(ledger: Ledger) -> None:
    ledger.close()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ledger.run)
            await ledger.written()


async def test_lines_are_written_in_order_in_batches_and_off_the_loop() -> None:
    database = Database()
    ledger = Ledger(database.write)
    for number in range(1200):
        ledger.add(line(number))
    assert ledger.depth == 1200
    await drained(ledger)
    assert database.calls == [f"c{number}" for number in range(1200)]
    assert [len(batch) for batch in database.batches] == [500, 500, 200]
    assert threading.get_ident() not in database.threads
    assert (ledger.depth, ledger.dropped) == (0, 0)


async def test_a_database_that_is_away_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "PAUSES", (0.0,))
    database = Database()
    database.away = 3
    ledger = Ledger(database.write)
    ledger.add(line(1))
    ledger.add(line(2))
    await drained(ledger)
    assert database.calls == ["c1", "c2"]


async def test_a_line_that_cannot_be_written_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "PAUSES", (0.0,))
    database = Database()
    database.bad = CallId("c2")
    ledger = Ledger(database.write)
    for number in range(1, 5):
        ledger.add(line(number))
    await drained(ledger)
    assert database.calls == ["c1", "c3", "c4"]
    assert ledger.dropped == 1


async def test_when_full_the_oldest_go_and_are_counted() -> None:
    database = Database()
    ledger = Ledger(database.write, capacity=3)
    for number in range(5):
        ledger.add(line(number))
    await drained(ledger)
    assert database.calls == ["c2", "c3", "c4"]
    assert ledger.dropped == 2
