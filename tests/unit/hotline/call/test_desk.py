"""The desk keeps an order until it is filed, through failures and restarts."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from hotline.call import desk as desk_module
from hotline.call.desk import Desk
from hotline.call.filing import file_command
from hotline.conversation import CallId, Sentence
from workorders.errors import RoutingError
from workorders.messages import Command, Filed, FileWorkOrder

pytestmark = [pytest.mark.unit, pytest.mark.anyio]

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Handler:
    """Files by call and matter; fails as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.filed: dict[str, str] = {}

    def handle(self, command: Command) -> object:
        if self.failures:
            self.failures -= 1
            raise RoutingError if self.failures % 2 else OSError("disk full")
        assert isinstance(command, FileWorkOrder)
        number = self.filed.setdefault(command.call_id, f"SC-{len(self.filed) + 1}")
        return Filed(number, "u", "U", None, created=True)


def command(call: str = "c1") -> FileWorkOrder:
    return file_command(CallId(call), "13800000000", (None, (Sentence("听录音"),)), (), {}, NOW)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "QUICK_TRIES", (0.0, 0.0))
    monkeypatch.setattr(desk_module, "PATIENCE", 0.0)


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_a_short_failure_is_not_noticed_by_the_caller(tmp_path: Path) -> None:
    desk = Desk(Handler(failures=2), tmp_path, lambda: None)
    filed = await desk.file(command())
    assert filed is not None
    assert filed.number == "SC-1"
    assert list(tmp_path.iterdir()) == []


async def test_a_longer_one_is_spooled_and_filed_once_later(tmp_path: Path) -> None:
    handler = Handler(failures=7)
    told: list[str] = []
    desk = Desk(handler, tmp_path / "spool", lambda: told.append("filed"))
    assert await desk.file(command()) is None
    assert desk.waiting == 1
    assert [path.suffix for path in (tmp_path / "spool").iterdir()] == [".json"]
    async with anyio.create_task_group() as group:
        group.start_soon(desk.run)
        await until(lambda: desk.waiting == 0 and not list((tmp_path / "spool").iterdir()) and bool(told))
        group.cancel_scope.cancel()
    assert handler.filed == {"c1": "SC-1"}
    assert told == ["filed"]


async def test_what_was_spooled_before_a_restart_is_filed_after_it(tmp_path: Path) -> None:
    assert await Desk(Handler(failures=99), tmp_path, lambda: None).file(command("c9")) is None
    (tmp_path / "broken.json").write_text("{")
    handler = Handler()
    async with anyio.create_task_group() as group:
        group.start_soon(Desk(handler, tmp_path, lambda: None).run)
        await until(lambda: not (tmp_path / "c9-1.json").exists())
        group.cancel_scope.cancel()
    assert handler.filed == {"c9": "SC-1"}
    assert (tmp_path / "broken.json").exists()


async def test_a_filing_that_is_cancelled_is_kept_and_filed_later(tmp_path: Path) -> None:
    handler = Handler(failures=10_000)
    desk = Desk(handler, tmp_path, lambda: None)
    with anyio.move_on_after(0):
        await desk.file(command("c7"))
    assert desk.waiting == 1
    assert (tmp_path / "c7-1.json").exists()


async def test_more_orders_than_memory_holds_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "CAPACITY", 2)
    handler = Handler(failures=15)
    desk = Desk(handler, tmp_path, lambda: None)
    for call in ("c1", "c2", "c3", "c4", "c5"):
        assert await desk.file(command(call)) is None
    assert desk.overflowed == 3
    for _ in range(3):  # what memory let go of, the spool gives back at the next start
        await run_until_idle(Desk(handler, tmp_path, lambda: None))
    assert sorted(handler.filed) == ["c1", "c2", "c3", "c4", "c5"]


async def run_until_idle(desk: Desk) -> None:
    """Start it, let it file what it finds, stop it."""
    async with anyio.create_task_group() as group:
        group.start_soon(desk.run)
        await anyio.sleep(0.05)
        await until(lambda: desk.waiting == 0)
        await anyio.sleep(0.05)
        group.cancel_scope.cancel()
