"""`hotline quality redraw` on a database of its own: the same comes out, or it says what does not."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update
from typer.testing import CliRunner, Result

from hotline import cli
from hotline.settings import load
from hotline.stats.days import day_number
from hotline.stats.quality import Quality
from hotline.stats.quality_rules import read_quality
from hotline.store.engine import make_engine, writing
from hotline.store.quality_tables import quality_days, quality_samples
from hotline.store.stat_tables import call_facts
from hotline.store.upgrade import upgrade
from tests.fakes.web_line import FLOWS

pytestmark = pytest.mark.integration

DAY = date(2026, 11, 23)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The database of the settings there are in an empty folder, with a day of 40 calls that was drawn."""
    monkeypatch.chdir(tmp_path)
    made = make_engine(load().database_url)
    upgrade(made)
    at = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    rows = [
        {
            "call_id": f"c{number:02}", "started": at, "day": day_number(DAY), "hour": 10, "channel": "phone",
            "queue": "legal", "agent": "li", "matter": "", "service": "", "place": "", "outcome": "answered",
            "fate": "answered", "test": 0, "wait_ms": 0, "talk_ms": 60_000, "hold_ms": 0, "wrap_ms": 0,
            "hands": 1, "asked": 1, "mark": 1 if number == 3 else None, "orders": 0, "known": 1,
            "repeated": 0,
        }
        for number in range(40)
    ]  # fmt: skip
    with writing(made) as connection:
        connection.execute(call_facts.insert(), rows)
    Quality(made).draw(day_number(DAY), read_quality(FLOWS), at + timedelta(days=1))
    return made


def redraw(day: str) -> Result:
    return CliRunner().invoke(cli.app, ["quality", "redraw", day])


def test_the_same_comes_out_of_what_was_kept(engine: Engine) -> None:
    drawn = Quality(engine).drawn(day_number(DAY))
    assert drawn is not None
    done = redraw("2026-11-23")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.split() == [row.call_id for row in drawn.samples if not row.reasons] != []
    assert f"40 calls to draw from, seed {drawn.seed}" in done.stderr
    assert "1 named by rules" in done.stderr
    assert "the same come out" in done.stderr


def test_what_was_changed_afterwards_comes_out(engine: Engine) -> None:
    drawn = Quality(engine).drawn(day_number(DAY))
    assert drawn is not None
    mine = next(row.call_id for row in drawn.samples if not row.reasons)
    taken = {row.call_id for row in drawn.samples}
    other = next(call for call in drawn.drawn_from if call not in taken)
    with writing(engine) as connection:
        swap = update(quality_samples).where(quality_samples.c.call_id == mine)
        connection.execute(swap.values(call_id=other))
    done = redraw("2026-11-23")
    assert done.exit_code == 1
    assert f"in the sample, not drawn: {other}" in done.stderr
    assert f"drawn, not in the sample: {mine}" in done.stderr
    with writing(engine) as connection:
        swap = update(quality_samples).where(quality_samples.c.call_id == other)
        connection.execute(swap.values(call_id="elsewhere", reasons=["unhappy"]))
    done = redraw("2026-11-23")
    assert done.exit_code == 1
    assert "not among the calls there were: elsewhere" in done.stderr


def test_what_cannot_be_checked_is_not_called_right(engine: Engine) -> None:
    assert redraw("2026-11-24").exit_code == 1
    assert redraw("24.11.2026").exit_code == 2
    with writing(engine) as connection:
        connection.execute(update(quality_days).values(drawn_from=[]))
    done = redraw("2026-11-23")
    assert done.exit_code == 1
    assert "cannot be checked" in done.stderr
    assert done.stdout == ""
