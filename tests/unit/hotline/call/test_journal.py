"""The journal: in order, in batches, patient, and never at the cost of a record."""

from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest

from asr.audio import LegId, UtteranceId
from asr.transcript import LegFacts, TranscriptEvent
from hotline.call import journal as journal_module
from hotline.call.journal import Final, Journal
from hotline.call.record import CallFacts
from hotline.conversation import AudioFacts, CallId, CallRecord, Intent, Speaker
from hotline.errors import StoreError

pytestmark = [pytest.mark.unit, pytest.mark.anyio]

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class MemoryStore:
    """Writes to a list; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.written: list[object] = []
        self.batches = 0
        self._failures = failures

    def _fail(self) -> None:
        if self._failures:
            self._failures -= 1
            raise StoreError("disk full")

    def start(self, call: CallId, channel: str, remote: str, dialled: str, started: datetime) -> None:
        self._fail()
        self.written.append(("start", call))

    def add_finals(self, batch: Sequence[Final]) -> None:
        self._fail()
        self.batches += 1
        self.written.extend(event.utterance for _, _, event in batch)

    def save_intent(self, call: CallId, intent: Intent, at: datetime) -> None:
        raise AssertionError

    def consent(self, call: CallId, version: str, at: datetime) -> None:
        self.written.append(("consent", version))

    def save(self, record: CallRecord) -> None:
        self._fail()
        self.written.append(("save", record.call))


def final(name: str) -> TranscriptEvent:
    return TranscriptEvent(UtteranceId(name), LegId("l"), 1, "final", name, "", name, 0, 10)


def record(call: str) -> CallRecord:
    facts = CallFacts(CallId(call), LegId("l"), "phone", "x", "12348", NOW, "flow")
    return facts.record(NOW, AudioFacts(), LegFacts(), (None, None))


def write_a_call(journal: Journal) -> None:
    journal.start(CallId("c"), "phone", "x", "12348", NOW)
    journal.consent(CallId("c"), "v1", NOW)
    for name in ("u1", "u2", "u3"):
        journal.final(CallId("c"), Speaker.CALLER, final(name))


ALL = [("start", "c"), ("consent", "v1"), "u1", "u2", "u3", ("save", "c")]


async def run(journal: Journal) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(journal.run)
        await journal.save(record("c"))
        journal.close()


async def test_everything_is_written_in_order_and_finals_together() -> None:
    store = MemoryStore()
    journal = Journal(store)
    write_a_call(journal)
    await run(journal)
    assert store.written == ALL
    assert store.batches == 1


@pytest.mark.parametrize("failures", [1, 2, 4])
async def test_a_failing_database_costs_time_and_nothing_else(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PAUSES", (0.0,))
    store = MemoryStore(failures)
    journal = Journal(store)
    write_a_call(journal)
    await run(journal)
    assert store.written == ALL
    assert journal.failures == failures


async def test_when_full_the_oldest_line_goes_and_the_record_stays() -> None:
    store = MemoryStore()
    journal = Journal(store, capacity=4)
    write_a_call(journal)
    await run(journal)
    assert store.written == [("start", "c"), ("consent", "v1"), "u3", ("save", "c")]
    assert journal.dropped == 2


class PickyStore(MemoryStore):
    """Refuses some entries for good, each in its own way."""

    def add_finals(self, batch: Sequence[Final]) -> None:
        if any(event.utterance == "bad" for _, _, event in batch):
            raise RefusedError
        super().add_finals(batch)

    def consent(self, call: CallId, version: str, at: datetime) -> None:
        raise UnicodeEncodeError("utf-8", "x", 0, 1, "surrogate")


class RefusedError(StoreError):
    """Can never be written."""

    retryable = False


async def test_an_entry_that_can_never_be_written_holds_up_nothing() -> None:
    store = PickyStore()
    journal = Journal(store)
    write_a_call(journal)
    journal.final(CallId("c"), Speaker.CALLER, final("bad"))
    journal.final(CallId("c"), Speaker.CALLER, final("u4"))
    with anyio.fail_after(5):
        await run(journal)
    assert store.written == [("start", "c"), "u1", "u2", "u3", "u4", ("save", "c")]
    assert journal.refused == 2
    assert not journal.failing


async def test_what_is_being_tried_again_counts_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PAUSES", (0.01,))
    journal = Journal(MemoryStore(failures=10_000))
    write_a_call(journal)
    async with anyio.create_task_group() as group:
        group.start_soon(journal.run)
        with anyio.fail_after(5):
            while not journal.failing:
                await anyio.lowlevel.checkpoint()
        assert journal.depth == 5
        group.cancel_scope.cancel()
