"""A day of the simulated month and all that becomes of it, killed on the way, on both databases."""

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from hotline.store.engine import make_engine
from scripts.month_checks import judge
from scripts.month_plan import Month
from scripts.simulate_month import build
from workorders.tables import order_history, work_orders

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SCRIPT = Path(__file__).parents[2] / "scripts" / "simulate_month.py"
DAY = Month(date(2026, 9, 30), 1, 50, 7)
"""The eve of a week of holidays."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path / 'month.sqlite3'}"


def test_nothing_is_lost_doubled_or_stuck_when_the_process_is_killed(database: str, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--child", "--data", str(tmp_path), "--database", database]
    command += ["--first", str(DAY.first), "--days", "1", "--calls", str(DAY.calls), "--seed", str(DAY.seed)]
    reached = tmp_path / "month.json"
    for _ in range(2):
        child = subprocess.Popen(command)
        before = reached.read_text() if reached.exists() else ""
        while child.poll() is None and (not reached.exists() or reached.read_text() == before):
            time.sleep(0.05)
        time.sleep(0.4)
        assert child.poll() is None, "over before it could be killed"
        child.send_signal(signal.SIGKILL)
        child.wait()
    subprocess.run(command, check=True)
    assert json.loads(reached.read_text())["over"]
    engine = make_engine(database)
    verdict = judge(engine, build(engine, DAY)[0])
    assert not verdict.problems
    assert verdict.counts["orders"] > 20
    assert verdict.counts["timers fired"] > 10
    with engine.begin() as connection:  # the judge itself: what is spoilt is seen
        last = connection.execute(select(order_history).order_by(order_history.c.id.desc()).limit(1)).one()
        row = {**last._mapping, "from_state": "merged", "to_state": "merged"}
        connection.execute(
            order_history.insert().values({key: value for key, value in row.items() if key != "id"})
        )
        gone = work_orders.c.id == 3
        connection.execute(work_orders.update().where(gone).values(state="signed"))
    spoilt = judge(engine, build(engine, DAY)[0]).problems
    engine.dispose()
    assert any("stuck" in problem for problem in spoilt)
    assert any("from merged, which was" in problem for problem in spoilt)
