"""The example consumer: killed again and again while orders move, its copy ends up equal to the source."""

import json
import os
import random
import signal
import sqlite3
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
import pytest

from tests.fakes.web_line import WebLine, file_command, make_line, served
from workorders.errors import ForbiddenMove, StaleOrder, UnknownOrder
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor
from workorders.outbox_rows import OutboxRows

pytestmark = [pytest.mark.integration, pytest.mark.anyio, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
UNIT, OTHER = "legal_aid-510116", "legal_aid-510104"
KILLS = 6


def command(base: str, folder: Path, *more: str) -> list[str]:
    state, token = str(folder / "copy.sqlite3"), str(folder / "token.txt")
    script = [sys.executable, "scripts/follow_feed.py", "--url", base]
    return [*script, "--token-file", token, "--state", state, *more]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


async def killed_again_and_again(base: str, folder: Path) -> None:
    """Start it and kill it without a word, some tenths of a second later."""
    chance = random.Random(7)
    for _ in range(KILLS):
        process = await anyio.open_process(
            command(base, folder), cwd=ROOT, env=ENVIRONMENT, stdout=None, stderr=None
        )
        await anyio.sleep(0.4 + chance.random() * 0.6)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


def move_around(line: WebLine) -> None:
    """File, dispatch and move orders of two units for some seconds."""
    chance, now = random.Random(3), datetime.now(UTC)
    rows = OutboxRows(line.engine, lambda: datetime.now(UTC), timedelta(minutes=1))  # type: ignore[arg-type]
    numbers = []
    for index in range(60):
        district = chance.choice((UNIT, OTHER)).rpartition("-")[2]
        made = replace(file_command(f"call-{index}", now), district=district)
        numbers.append(line.deps.service.handle(made).number)
        rows.dispatch_due(lambda _unit: False, 50)
        for _ in range(4):
            number = chance.choice(numbers)
            view = line.deps.orders.get(number)
            assert view is not None
            unit = view.order.unit
            moves = (
                ActOnOrder(number, Action.SIGN, "li", Actor.UNIT, now, unit=unit),
                ActOnOrder(number, Action.URGE, "wang", Actor.SUPERVISOR, now),
                ActOnOrder(number, Action.REPLY, "li", Actor.UNIT, now, unit=unit, text="已办"),
                ActOnOrder(number, Action.REASSIGN, "wang", Actor.SUPERVISOR, now, to=OTHER, text="调整"),
                ActOnOrder(number, Action.REASSIGN, "wang", Actor.SUPERVISOR, now, to=UNIT, text="调整"),
            )
            with suppress(ForbiddenMove, StaleOrder, UnknownOrder):
                line.deps.service.handle(chance.choice(moves))
    rows.dispatch_due(lambda _unit: False, 500)


async def source(base: str, headers: dict[str, str]) -> dict[str, object]:
    """Every order of the unit, from the API."""
    orders: dict[str, object] = {}
    async with httpx.AsyncClient(base_url=base, headers=headers) as client:
        after: str | None = ""
        while after is not None:
            page = (await client.get("/units/v1/orders", params={"after": after, "limit": 50})).json()
            for row in page["orders"]:
                orders[row["number"]] = (await client.get(f"/units/v1/orders/{row['number']}")).json()
            after = page["next"]
    return orders


async def test_a_consumer_that_is_killed_again_and_again_ends_up_with_the_source(tmp_path: Path) -> None:
    line = make_line(tmp_path)
    token = line.deps.tokens.create(UNIT, datetime.now(UTC), scopes=("feed", "read"))
    (tmp_path / "token.txt").write_text(token)
    async with served(line) as base:
        async with anyio.create_task_group() as group:
            group.start_soon(killed_again_and_again, base, tmp_path)
            await anyio.to_thread.run_sync(move_around, line)
        last = await anyio.run_process(
            command(base, tmp_path, "--once"), cwd=ROOT, env=ENVIRONMENT, check=True
        )
        expected = await source(base, {"Authorization": f"Bearer {token}"})
        told = [json.loads(row)["seq"] for row in last.stdout.splitlines()]
        assert told == list(range(told[0], told[0] + len(told))) if told else True
        (tmp_path / "token.txt").write_text("wrong")
        refused = await anyio.run_process(
            command(base, tmp_path, "--once"), cwd=ROOT, env=ENVIRONMENT, check=False
        )
    assert (refused.returncode, b"401" in refused.stderr) == (1, True)
    copy = sqlite3.connect(tmp_path / "copy.sqlite3")
    rebuilt = {number: json.loads(body) for number, body in copy.execute("SELECT number, body FROM orders")}
    cursor = copy.execute("SELECT cursor FROM feed").fetchone()[0]
    copy.close()
    assert cursor == line.deps.units.feed.last(UNIT) > 60
    assert len(expected) > 10
    assert rebuilt == expected
